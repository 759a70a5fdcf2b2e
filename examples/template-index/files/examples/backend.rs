//! A back-end to try the service with, on 127.0.0.1:8081: `cargo run --example backend`. It has two templates.

use std::process::ExitCode;

use apikit::testing::example_backend;
use axum::{
    Json, Router,
    extract::Path,
    routing::{get, post},
};
use serde_json::{Value, json};

fn main() -> ExitCode {
    example_backend(
        Router::new()
            .route("/templates", get(templates))
            .route("/projects/{name}", post(project)),
    )
}

async fn templates() -> Json<Value> {
    Json(json!({
        "service": {"name": "string", "description": "string"},
        "technote": {"title": "string"},
    }))
}

async fn project(Path(name): Path<String>, Json(answers): Json<Value>) -> Json<Value> {
    Json(json!({"template": name, "answers": answers}))
}
