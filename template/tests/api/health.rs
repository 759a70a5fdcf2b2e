//! House: the service says that it lives and whether it wants requests.

use serde_json::json;
use wiremock::ResponseTemplate;

use crate::test_app::TestApp;

#[tokio::test]
async fn health_checks_answer_ok_in_plain_text() {
    let app = TestApp::house(&[]).await;
    for path in ["/", "/healthz", "/readyz"] {
        let answer = app.get_anonymously(path).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "OK"), "{path}");
        let content_type = answer.header("content-type").unwrap();
        assert!(content_type.starts_with("text/plain"), "{path}");
    }
}

#[tokio::test]
async fn health_checks_never_ask_the_back_end() {
    let app = TestApp::house(&[]).await;
    app.backend_answers("GET", "/api", ResponseTemplate::new(503))
        .await;
    for path in ["/", "/healthz", "/readyz", "/metadata"] {
        assert_eq!(app.get_anonymously(path).await.status, 200, "{path}");
    }
    assert!(app.backend.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn readiness_falls_while_the_service_drains_and_life_goes_on() {
    let app = TestApp::house(&[]).await;
    app.readiness.drain();
    let answer = app.get_anonymously("/readyz").await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(
        answer.json(),
        json!({
            "reason": "Service Unavailable",
            "status_code": 503,
            "error_content": "The service is shutting down.",
        })
    );
    assert_eq!(app.get_anonymously("/").await.status, 200);
    assert_eq!(app.get_anonymously("/healthz").await.status, 200);
}
