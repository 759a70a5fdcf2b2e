//! Back-ends to try the service with, on 127.0.0.1:8081: `cargo run --example backend -- --basic`. GitHub's lists of
//! notebooks are below `/groups`, and a keeper is below `/keeper`.

use std::process::ExitCode;

use apikit::testing::example_backend;
use axum::{
    Json, Router,
    extract::Query,
    http::header,
    response::IntoResponse,
    routing::{get, post, put},
};
use serde::Deserialize;
use serde_json::json;

fn main() -> ExitCode {
    example_backend(
        Router::new()
            .route("/groups/{group}/notebooks", get(notebooks))
            .route("/keeper/tokens", post(async || "a-token-for-an-hour"))
            .route(
                "/keeper/reports",
                post(async || Json(json!({"key": "r-1"}))),
            )
            .route("/keeper/notebooks/{group}/{name}", put(async || ())),
    )
}

#[derive(Deserialize)]
struct Wanted {
    page: Option<u32>,
}

/// Two pages of notebooks.
async fn notebooks(Query(wanted): Query<Wanted>) -> impl IntoResponse {
    let entries = |names: &[&str]| {
        let entries: Vec<_> = names.iter().map(|name| json!({"name": name})).collect();
        Json(entries)
    };
    match wanted.page {
        Some(2) => entries(&["stars.ipynb"]).into_response(),
        _ => {
            let next = [(header::LINK, "<?page=2>; rel=\"next\"")];
            (next, entries(&["moon.ipynb", "sun.ipynb"])).into_response()
        }
    }
}
