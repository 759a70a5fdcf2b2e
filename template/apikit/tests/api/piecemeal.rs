//! An existing router can take one piece of apikit and leave the rest.

use apikit::{Auth, BackendError, Metadata, below, metadata};
use axum::{Router, body::Body, http::Request, routing::get};
use serde_json::{Value, json};
use tower::ServiceExt;

const OTHER: Metadata = Metadata {
    name: "other",
    description: "Another service.",
    repository: "https://example.org/other",
    version: "3.2.1",
    api_version: "2.0",
    auth: Auth::None,
};

async fn ask(app: &Router, path: &str) -> (u16, String) {
    let request = Request::get(path).body(Body::empty()).unwrap();
    let response = app.clone().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let body = axum::body::to_bytes(response.into_body(), 100_000)
        .await
        .unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn metadata_goes_onto_a_router_that_exists_and_below_more_than_one_route() {
    let existing: Router = Router::new().route("/existing", get(|| async { "still here" }));
    let who = metadata::router(&OTHER);
    let app = existing
        .merge(who.clone())
        .merge(below("/one", who.clone()))
        .merge(below("/two/three", who));

    assert_eq!(ask(&app, "/existing").await, (200, "still here".to_owned()));
    for path in [
        "/metadata",
        "/v2.0/metadata",
        "/one/2.0/metadata.json",
        "/two/three/metadata",
    ] {
        let (status, body) = ask(&app, path).await;
        assert_eq!(status, 200, "{path}");
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(
            body,
            json!({
                "name": "other",
                "description": "Another service.",
                "repository": "https://example.org/other",
                "version": "3.2.1",
                "api_version": "2.0",
                "auth": "none",
            })
        );
    }
}

#[tokio::test]
async fn a_router_below_a_route_answers_with_and_without_a_slash_and_keeps_the_query() {
    let echo = |request: axum::extract::Request| async move { request.uri().to_string() };
    let app = below(
        "/route",
        Router::new().route("/", get(echo)).route("/x", get(echo)),
    );
    assert_eq!(ask(&app, "/route?q=1").await, (200, "/?q=1".to_owned()));
    assert_eq!(ask(&app, "/route/?q=1").await, (200, "/?q=1".to_owned()));
    assert_eq!(ask(&app, "/route/").await, (200, "/".to_owned()));
    assert_eq!(ask(&app, "/route/x").await, (200, "/x".to_owned()));
    assert_eq!(ask(&app, "/routex").await.0, 404);
}

#[tokio::test]
async fn from_response_passes_status_reason_and_body_on() {
    let raw = axum::http::Response::builder()
        .status(418)
        .header("retry-after", "7")
        .header("www-authenticate", "Basic realm=\"pot\"")
        .body("short and stout".repeat(10_000))
        .unwrap();
    let error = BackendError::from_response(raw.into()).await;
    assert_eq!(error.status().as_u16(), 418);

    use axum::response::IntoResponse;
    let response = error.into_response();
    assert_eq!(response.headers()["retry-after"], "7");
    assert_eq!(
        response.headers()["www-authenticate"],
        "Basic realm=\"pot\""
    );
    let body = axum::body::to_bytes(response.into_body(), 100_000)
        .await
        .unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["reason"], "I'm a teapot");
    let content = body["error_content"].as_str().unwrap();
    assert!(content.starts_with("short and stout") && content.len() == 64 * 1024);
}

#[tokio::test]
async fn from_response_makes_a_502_of_what_is_no_error() {
    for status in [200, 204, 302] {
        let raw = axum::http::Response::builder()
            .status(status)
            .body("")
            .unwrap();
        let error = BackendError::from_response(raw.into()).await;
        assert_eq!(error.status().as_u16(), 502);
    }
}
