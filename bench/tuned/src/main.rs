//! `bare-axum` as a careful engineer builds it: what requests share is made once, connections send at once, and the program
//! is optimized as a whole, without TLS and without unwinding.

use axum::{
    Json, Router,
    extract::{Path, State},
    http::header::CONTENT_TYPE,
    response::IntoResponse,
    routing::get,
    serve::ListenerExt,
};
use reqwest::{Client, Url};
use serde::Serialize;

#[path = "../../peers/src/lib.rs"]
mod peers;

/// What requests share.
#[derive(Clone)]
struct Shared {
    client: Client,
    api: Url,
}

#[derive(Serialize)]
struct JobMetric {
    jobname: String,
    metric: String,
    value: String,
}

#[tokio::main]
async fn main() {
    let client = Client::builder().no_proxy().build();
    let backend = std::env::var("BACKEND_URL").unwrap_or_else(|_| "http://127.0.0.1:1".to_owned());
    let shared = Shared {
        client: client.expect("the client can be made"),
        api: format!("{backend}/api")
            .parse()
            .expect("BACKEND_URL is a URL"),
    };
    let app = Router::new()
        .route("/", get(async || "OK"))
        .route("/metadata", get(metadata))
        .route("/{jobname}/{metric}", get(job_metric))
        .with_state(shared);
    let listener = peers::listener().await.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, app).await.expect("it serves");
}

async fn metadata() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], peers::METADATA)
}

async fn job_metric(
    State(shared): State<Shared>,
    Path((jobname, metric)): Path<(String, String)>,
) -> Json<JobMetric> {
    let answer = shared
        .client
        .get(shared.api)
        .query(&[("metric", &metric), ("job", &jobname)])
        .send()
        .await
        .expect("the back-end answers");
    let value = answer.text().await.expect("the back-end answers with text");
    Json(JobMetric {
        jobname,
        metric,
        value,
    })
}
