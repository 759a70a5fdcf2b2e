//! What an author could write by hand: axum, a reqwest client and three handlers, with nothing round them.

use axum::{
    Json, Router,
    extract::{Path, State},
    http::header::CONTENT_TYPE,
    response::IntoResponse,
    routing::get,
};
use reqwest::Client;
use serde::Serialize;

#[derive(Serialize)]
struct JobMetric {
    jobname: String,
    metric: String,
    value: String,
}

#[tokio::main]
async fn main() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::builder().no_proxy().build();
    let app = Router::new()
        .route("/", get(async || "OK"))
        .route("/metadata", get(metadata))
        .route("/{jobname}/{metric}", get(job_metric))
        .with_state(client.expect("the client can be made"));
    let served = axum::serve(peers::listener().await, app).await;
    served.expect("it serves");
}

async fn metadata() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], peers::METADATA)
}

async fn job_metric(
    State(client): State<Client>,
    Path((jobname, metric)): Path<(String, String)>,
) -> Json<JobMetric> {
    let backend = std::env::var("BACKEND_URL").expect("BACKEND_URL is set");
    let answer = client
        .get(format!("{backend}/api"))
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
