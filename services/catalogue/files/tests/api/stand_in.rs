//! Services for the catalogue to find: good ones, and those that lie.

use std::time::Duration;

use axum::{
    Json, Router,
    body::Body,
    http::{HeaderMap, StatusCode, header},
    response::{AppendHeaders, Html, IntoResponse, Redirect, Response},
    routing::{any, get},
};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle, time::sleep};

/// A service on a port of its own. It ends when it is dropped.
pub struct StandIn {
    pub url: String,
    served: JoinHandle<()>,
}

impl StandIn {
    /// A service that answers as this router.
    pub async fn start(app: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let served = tokio::spawn(async { axum::serve(listener, app).await.unwrap() });
        Self { url, served }
    }

    /// A service as this template makes them.
    pub async fn good(name: &str) -> Self {
        Self::start(answering(metadata(name), document(name))).await
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.served.abort();
    }
}

/// A service with this metadata and this document.
pub fn answering(metadata: Value, document: Value) -> Router {
    Router::new()
        .route("/readyz", get(async || "OK"))
        .route("/metadata", get(async || Json(metadata)))
        .route("/openapi.json", get(async || Json(document)))
        .fallback(nothing)
}

/// The error of this template's services, under the request's id.
pub async fn nothing(headers: HeaderMap) -> Response {
    let error = json!({"reason": "Not Found", "status_code": 404, "error_content": "Nothing is served here."});
    let id = headers.get("x-request-id").cloned();
    let id = id.map(|id| ("x-request-id", id));
    (StatusCode::NOT_FOUND, AppendHeaders(id), Json(error)).into_response()
}

/// Metadata as this template's services have it.
pub fn metadata(name: &str) -> Value {
    json!({
        "name": name,
        "description": format!("What {name} is for."),
        "repository": format!("https://example.org/{name}"),
        "version": "1.2.3",
        "api_version": "1.0",
        "auth": "basic",
    })
}

/// The OpenAPI document of a service with one operation, named as in every other.
pub fn document(name: &str) -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {"title": name, "version": "1.2.3"},
        "servers": [{"url": format!("/{name}")}],
        "security": [{"basic": []}],
        "tags": [{"name": name}, {"name": "Health"}],
        "paths": {
            "/jobs/{job}": {"get": {
                "operationId": "job",
                "tags": [name],
                "parameters": [{"name": "job", "in": "path", "required": true, "schema": {"type": "string"}}],
                "responses": {
                    "200": {"description": "It", "content": {
                        "application/json": {"schema": {"$ref": "#/components/schemas/Job"}},
                    }},
                    "default": {"$ref": "#/components/responses/Error"},
                },
            }},
            "/healthz": {
                "servers": [{"url": "/"}],
                "get": {"operationId": "health", "tags": ["Health"], "responses": {"200": {"description": "OK"}}},
            },
        },
        "components": {
            "schemas": {"Job": {"type": "object", "properties": {"next": {"$ref": "#/components/schemas/Job"}}}},
            "responses": {"Error": {"description": "Any error"}},
            "securitySchemes": {"basic": {"type": "http", "scheme": "basic"}},
        },
    })
}

/// Each way in which a service may lie to the catalogue, with what it says of it.
pub fn liars() -> Vec<(&'static str, Router, &'static str)> {
    let html = || async { Html("<!DOCTYPE html><title>Welcome</title>") };
    let hang = || async {
        sleep(Duration::from_secs(600)).await;
        "late"
    };
    vec![
        ("html", Router::new().fallback(html), "metadata is none"),
        (
            "hangs",
            Router::new().fallback(hang),
            "does not answer in time",
        ),
        (
            "drips",
            Router::new().fallback(async || drips()),
            "does not answer in time",
        ),
        (
            "endless",
            Router::new().fallback(async || endless()),
            "has more than 64 KiB",
        ),
        (
            "huge",
            Router::new().fallback(async || huge()),
            "has more than 64 KiB",
        ),
        (
            "redirects",
            Router::new().fallback(async || Redirect::temporary("http://127.0.0.1:1/")),
            "leads elsewhere",
        ),
        (
            "wrong-json",
            answering(json!({"name": 1}), json!([])),
            "metadata is none",
        ),
        (
            "nested",
            Router::new().fallback(async || "[".repeat(60_000)),
            "metadata is none",
        ),
        ("unready", unready(), "health check answers 503"),
        ("silent", Router::new(), "metadata answers 404"),
    ]
}

fn unready() -> Router {
    let unready = StatusCode::SERVICE_UNAVAILABLE;
    Router::new().fallback(any(async move || unready))
}

/// An answer that begins and never ends, a byte at a time.
fn drips() -> Response {
    let drops = stream::repeat(()).then(async |()| {
        sleep(Duration::from_millis(50)).await;
        Ok::<_, std::convert::Infallible>(" ")
    });
    Body::from_stream(drops).into_response()
}

/// An answer without an end, as fast as it is read.
fn endless() -> Response {
    let block = Ok::<_, std::convert::Infallible>(vec![b' '; 64 * 1024]);
    Body::from_stream(stream::repeat(block)).into_response()
}

/// An answer that says that it has a terabyte.
fn huge() -> Response {
    let headers = [(header::CONTENT_LENGTH, "1000000000000")];
    (headers, endless().into_body()).into_response()
}
