//! The service says that it lives and whether it wants requests.

use std::time::Duration;

use apikit::{Auth, Backend, Readiness, Shutdown, backend::BackendSettings, health, testing};
use axum::{body::Body, http::Request, response::Html, routing::get};
use clap::Parser;
use serde_json::json;
use tower::ServiceExt;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers};

use crate::{probe, test_app::TestApp};

#[derive(Parser)]
struct Settings {
    #[command(flatten)]
    backend: BackendSettings,
}

#[tokio::test]
async fn health_checks_answer_ok_in_plain_text() {
    let app = TestApp::start().await;
    for path in ["/", "/healthz", "/readyz"] {
        let answer = app.get_anonymously(path).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "OK"), "{path}");
        let content_type = answer.header("content-type").unwrap();
        assert!(content_type.starts_with("text/plain"), "{path}");
    }
}

#[tokio::test]
async fn browsers_get_the_home_page_at_the_root_and_everyone_else_the_health_check() {
    let app = probe::app().home(|| get(async || Html("<p>Home.")));
    let app = testing::router(app, &[] as &[&str]).await.unwrap();
    for (method, accept, status, allow, body) in [
        ("GET", "text/html, */*;q=0.8", 200, None, "<p>Home."),
        ("HEAD", "text/html, */*;q=0.8", 200, None, ""),
        ("GET", "*/*", 200, None, "OK"),
        ("GET", "application/json, text/html", 200, None, "OK"),
        ("POST", "*/*", 405, Some("GET,HEAD"), "…"),
    ] {
        let request = Request::builder().uri("/").method(method);
        let request = request.header("accept", accept).body(Body::empty());
        let answer = app.clone().oneshot(request.unwrap()).await.unwrap();
        let (head, answered) = answer.into_parts();
        let answered = axum::body::to_bytes(answered, 1000).await.unwrap();
        assert_eq!(head.status, status, "{method} {accept}");
        assert_eq!(head.headers["vary"], "accept", "{method} {accept}");
        let allowed = head.headers.get("allow");
        assert_eq!(allowed.map(|allowed| allowed.to_str().unwrap()), allow);
        if status == 200 {
            assert_eq!(answered, body, "{method} {accept}");
        }
    }
}

#[tokio::test]
async fn people_at_a_terminal_get_the_text_of_the_root() {
    let app = probe::app().home(|| get(async || Html("<p>Home.")));
    let app = app.text_home(|| get(async || "Home."));
    let app = testing::router(app, &[] as &[&str]).await.unwrap();
    for (program, accept, body) in [
        ("curl/8.5.0", "*/*", "Home."),
        ("Wget/1.21.4", "", "Home."),
        ("curl/8.5.0", "text/html", "<p>Home."),
        ("curl/8.5.0", "application/json", "OK"),
        ("Mozilla/5.0", "text/html, */*;q=0.8", "<p>Home."),
        ("GoogleHC/1.0", "*/*", "OK"),
        ("not-curl/1", "*/*", "OK"),
    ] {
        let request = Request::builder().uri("/").header("user-agent", program);
        let request = match accept {
            "" => request,
            accept => request.header("accept", accept),
        };
        let request = request.body(Body::empty()).unwrap();
        let answer = app.clone().oneshot(request).await.unwrap();
        let (head, answered) = answer.into_parts();
        let answered = axum::body::to_bytes(answered, 1000).await.unwrap();
        assert_eq!(
            (head.status.as_u16(), &answered[..]),
            (200, body.as_bytes())
        );
        let vary: Vec<_> = head.headers.get_all("vary").iter().collect();
        assert_eq!(vary, ["accept", "user-agent"], "{program} {accept}");
    }
}

#[tokio::test]
async fn health_checks_never_ask_the_back_end() {
    let app = TestApp::start().await;
    app.backend_answers("GET", "/api", ResponseTemplate::new(503))
        .await;
    for path in ["/", "/healthz", "/readyz", "/metadata"] {
        assert_eq!(app.get_anonymously(path).await.status, 200, "{path}");
    }
    assert!(app.backend.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn readiness_falls_while_the_service_drains_and_life_goes_on() {
    let app = TestApp::start().await;
    app.shutdown.drain();
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

/// The back-end at `uri`.
fn backend(uri: &str) -> Backend {
    let settings = Settings::parse_from(["test", "--backend-url", uri]);
    let time_limit = Duration::from_secs(5);
    Backend::new(&settings.backend, Auth::None, "test", time_limit).unwrap()
}

/// Readiness that asks the back-end at `uri`.
fn checking(uri: &str) -> Readiness {
    Readiness::default().while_up(backend(uri))
}

async fn ready(readiness: &Readiness) -> (u16, String) {
    let request = Request::get("/readyz").body(Body::empty()).unwrap();
    let answer = health::router(readiness.clone()).oneshot(request).await;
    let (head, body) = answer.unwrap().into_parts();
    let body = axum::body::to_bytes(body, 1000).await.unwrap();
    (
        head.status.as_u16(),
        String::from_utf8_lossy(&body).into_owned(),
    )
}

async fn answering(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(matchers::any())
        .respond_with(answer)
        .mount(&server)
        .await;
    server
}

#[tokio::test]
async fn any_answer_of_the_back_end_below_500_makes_ready() {
    for (answered, expected) in [
        (200, 200),
        (302, 200),
        (401, 200),
        (404, 200),
        (500, 503),
        (503, 503),
    ] {
        let server = answering(ResponseTemplate::new(answered)).await;
        let (status, body) = ready(&checking(&server.uri())).await;
        assert_eq!(status, expected, "{answered}: {body}");
        let [asked] = &server.received_requests().await.unwrap()[..] else {
            panic!("the back-end is asked once");
        };
        assert_eq!(asked.url.path(), "/");
        assert!(!asked.headers.contains_key("authorization"));
    }
    let (status, body) = ready(&checking("http://127.0.0.1:9")).await;
    assert_eq!(status, 503);
    assert!(body.contains("The back-end does not answer."), "{body}");
}

#[tokio::test]
async fn a_hundred_probes_ask_the_back_end_once_in_five_seconds() {
    let server = answering(ResponseTemplate::new(200)).await;
    let readiness = checking(&server.uri());
    let asked = async || server.received_requests().await.unwrap().len();
    let probes = (0..100).map(|_| {
        let readiness = readiness.clone();
        tokio::spawn(async move { ready(&readiness).await.0 })
    });
    for probe in probes.collect::<Vec<_>>() {
        assert_eq!(probe.await.unwrap(), 200);
    }
    assert_eq!(asked().await, 1);

    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(5)).await;
    tokio::time::resume();
    assert_eq!(ready(&readiness).await.0, 200);
    assert_eq!(asked().await, 2);
}

#[tokio::test]
async fn a_back_end_that_failed_is_asked_again_by_the_next_probe() {
    let server = answering(ResponseTemplate::new(503)).await;
    let readiness = checking(&server.uri());
    assert_eq!(ready(&readiness).await.0, 503);
    assert_eq!(ready(&readiness).await.0, 503);
    assert_eq!(server.received_requests().await.unwrap().len(), 1);

    // As far from each other as the probes of the manifests.
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(2)).await;
    tokio::time::resume();
    assert_eq!(ready(&readiness).await.0, 503);
    assert_eq!(server.received_requests().await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_back_end_that_hangs_keeps_no_probe_waiting() {
    let slow = ResponseTemplate::new(200).set_delay(Duration::from_secs(30));
    let server = answering(slow).await;
    let readiness = checking(&server.uri());
    let probed = ready(&readiness);
    let in_time = tokio::time::timeout(Duration::from_secs(3), probed).await;
    assert_eq!(in_time.unwrap().0, 503);
}

#[tokio::test]
async fn a_service_that_drains_says_so_and_asks_nobody() {
    let server = answering(ResponseTemplate::new(200)).await;
    let shutdown = Shutdown::default();
    let backend = backend(&server.uri());
    let readiness = Readiness::until(shutdown.clone()).while_up(backend);
    shutdown.drain();
    let (status, body) = ready(&readiness).await;
    assert_eq!(status, 503);
    assert!(body.contains("shutting down"), "{body}");
    assert!(server.received_requests().await.unwrap().is_empty());
}
