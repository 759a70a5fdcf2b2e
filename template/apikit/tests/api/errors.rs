//! Every error has the one shape, whichever layer it comes from.

use apikit::{BackendError, ErrorLayer, Metrics, Observability};
use axum::{Json, Router, routing::post};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::test_app::{Answer, TestApp, client};

#[tokio::test]
async fn unknown_path_answers_json_404() {
    let app = TestApp::start().await;
    let answer = app.get_anonymously("/nowhere").await;
    assert_eq!(answer.status, 404);
    assert_eq!(
        answer.json(),
        json!({
            "reason": "Not Found",
            "status_code": 404,
            "error_content": "Nothing is served at /nowhere.",
        })
    );
}

#[tokio::test]
async fn wrong_method_answers_json_405_and_says_what_is_allowed() {
    let app = TestApp::start().await;
    let answer = Answer::of(client().post(app.url("/metadata"))).await;
    assert_eq!(answer.status, 405);
    assert_eq!(answer.header("allow"), Some("GET,HEAD"));
    assert_eq!(
        answer.json(),
        json!({"reason": "Method Not Allowed", "status_code": 405, "error_content": null})
    );
}

#[tokio::test]
async fn who_asks_for_problem_details_gets_them_of_every_layer() {
    let app = TestApp::start().await;
    let unknown = app.url("/nowhere");
    let problem = "application/problem+json";
    for (request, status, detail) in [
        (
            client().get(&unknown),
            404,
            Some("Nothing is served at /nowhere."),
        ),
        (client().post(app.url("/metadata")), 405, None),
        (
            client().get(app.url("/probe")),
            401,
            Some("No authorization provided."),
        ),
        (
            client().get(app.url(&format!("/{}", "x".repeat(9000)))),
            414,
            Some("The URI is longer than 8192 bytes."),
        ),
    ] {
        let plain = Answer::of(request.try_clone().unwrap()).await;
        let answer = Answer::of(request.header("accept", problem)).await;
        if crate::probe::AUTH == apikit::Auth::None && status == 401 {
            continue;
        }
        let mut expected = plain.json();
        let members = expected.as_object_mut().unwrap();
        members.insert("type".into(), "about:blank".into());
        members.insert("title".into(), members["reason"].clone());
        members.insert("status".into(), status.into());
        members.extend(detail.map(|detail| ("detail".into(), detail.into())));
        assert_eq!((answer.status, plain.status), (status, status));
        let found: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(found, expected);
        assert_eq!(answer.header("content-type"), Some(problem));
        assert_eq!(plain.header("content-type"), Some("application/json"));
        for header in ["allow", "www-authenticate"] {
            assert_eq!(answer.header(header), plain.header(header));
        }
        for answer in [plain, answer] {
            assert_eq!(answer.header("vary"), Some("accept"));
        }
    }
    let head = Answer::of(client().head(&unknown).header("accept", problem)).await;
    assert_eq!(head.header("content-type"), Some(problem));
}

#[tokio::test]
async fn request_id_is_made_where_none_was_sent_and_kept_where_one_was() {
    let app = TestApp::start().await;
    let made = app.get_anonymously("/metadata").await;
    assert_eq!(made.header("x-request-id").unwrap().len(), 32);

    for (sent, kept) in [("trace-7.b_A", true), ("no spaces", false), ("", false)] {
        let request = client().get(app.url("/metadata"));
        let answer = Answer::of(request.header("x-request-id", sent)).await;
        assert_eq!(
            answer.header("x-request-id") == Some(sent),
            kept,
            "{sent:?}"
        );
    }
}

/// Routes that fail in every way that an author's can, behind the layers of the service.
fn failing() -> Router {
    async fn takes_json(Json(value): Json<Value>) -> Json<Value> {
        Json(value)
    }
    async fn panics() -> &'static str {
        panic!("the secret cause")
    }
    async fn fails() -> BackendError {
        BackendError::internal("the secret cause")
    }
    Router::new()
        .route("/json", post(takes_json))
        .route("/panic", post(panics))
        .route("/internal", post(fails))
        .route(
            "/text",
            post(|| async { (axum::http::StatusCode::CONFLICT, "taken") }),
        )
        .layer(ErrorLayer)
        .layer(Observability::new(&Metrics::default()))
}

async fn post_to(path: &str, content_type: &str, body: Vec<u8>) -> (u16, Value) {
    let request = axum::http::Request::post(path)
        .header("content-type", content_type)
        .header("x-request-id", "the-id")
        .body(axum::body::Body::from(body))
        .unwrap();
    let response = failing().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let body = axum::body::to_bytes(response.into_body(), usize::MAX)
        .await
        .unwrap();
    (status, serde_json::from_slice(&body).unwrap())
}

#[tokio::test]
async fn what_extractors_refuse_is_in_shape() {
    for (content_type, body, status) in [
        ("application/json", b"{".to_vec(), 400),
        ("text/plain", b"{}".to_vec(), 415),
        ("application/json", vec![b' '; 3_000_000], 413),
    ] {
        let (answered, body) = post_to("/json", content_type, body).await;
        assert_eq!(answered, status);
        assert_eq!(body["status_code"], status);
        assert!(
            body["reason"].is_string() && body["error_content"].is_string(),
            "{body}"
        );
        assert_eq!(body.as_object().unwrap().len(), 3);
    }
}

#[tokio::test]
async fn what_a_handler_refuses_in_plain_text_is_in_shape() {
    let (status, body) = post_to("/text", "text/plain", vec![]).await;
    assert_eq!(status, 409);
    assert_eq!(
        body,
        json!({"reason": "Conflict", "status_code": 409, "error_content": "taken"})
    );
}

#[tokio::test]
async fn a_500_tells_the_request_id_and_nothing_else() {
    for path in ["/panic", "/internal"] {
        let (status, body) = post_to(path, "text/plain", vec![]).await;
        assert_eq!(status, 500, "{path}");
        assert_eq!(
            body,
            json!({
                "reason": "Internal Server Error",
                "status_code": 500,
                "error_content": "The log says why, under request id the-id.",
            }),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_panic_is_one_500_and_the_service_lives_on() {
    let app = TestApp::start().await;
    let answer = app.get("/panic").await;
    assert_eq!(answer.status, 500);
    let id = answer.header("x-request-id").unwrap();
    assert_eq!(
        answer.json(),
        json!({
            "reason": "Internal Server Error",
            "status_code": 500,
            "error_content": format!("The log says why, under request id {id}."),
        })
    );
    assert_eq!(app.get("/metadata").await.status, 200);
}

#[tokio::test]
async fn a_back_end_error_is_whatever_its_constructor_says() {
    use axum::response::IntoResponse;
    use std::time::Duration;
    for (error, status) in [
        (BackendError::bad_request("why"), 400),
        (BackendError::forbidden("why"), 403),
        (BackendError::not_found("why"), 404),
        (BackendError::bad_gateway("why"), 502),
        (
            BackendError::unavailable("why", Duration::from_millis(1500)),
            503,
        ),
        (BackendError::gateway_timeout("why"), 504),
    ] {
        let response = error.into_response();
        assert_eq!(response.status().as_u16(), status);
        let retry_after = response.headers().get("retry-after");
        assert_eq!(
            retry_after.is_some_and(|seconds| seconds == "2"),
            status == 503
        );
        let body = axum::body::to_bytes(response.into_body(), 1000)
            .await
            .unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["error_content"], "why");
    }
}
