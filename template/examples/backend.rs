//! A back-end to try the service with, on 127.0.0.1:8081: `cargo run --example backend`. It is as ill-behaved as the sample in `src/service.rs` wants it.
//!
//! It takes its arguments in the query and answers plain text, which is not always UTF-8:
//!
//! ```text
//! $ curl 'http://127.0.0.1:8081/api?metric=time&job=build'
//! 2m 41s
//! ```

use std::process::ExitCode;

use apikit::testing::example_backend;
use axum::{
    Router,
    extract::Query,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use serde::Deserialize;

fn main() -> ExitCode {
    example_backend(Router::new().route("/api", get(metric_of_job)))
}

#[derive(Deserialize)]
struct Wanted {
    job: String,
    metric: String,
}

/// The value as the back-end knows it, without a word on its type or encoding.
async fn metric_of_job(Query(wanted): Query<Wanted>) -> Response {
    match (wanted.job.as_str(), wanted.metric.as_str()) {
        ("build", "time") => b"2m 41s".into_response(),
        ("build", "size") => b"17.4 MB".into_response(),
        ("build", "author") => b"Ren\xe9e".into_response(), // Latin-1, and not said to be
        (job, metric) => (StatusCode::NOT_FOUND, format!("no {metric} of {job}")).into_response(),
    }
}
