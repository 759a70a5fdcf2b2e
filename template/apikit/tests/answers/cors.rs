//! CORS headers are on every answer, and a preflight request reaches no handler and no limit.

use std::time::Duration;

use apikit::{
    BackendError,
    testing::{self, TestApp, client},
};
use axum::{
    Router,
    body::Bytes,
    routing::{get, post},
};
use reqwest::{Method, RequestBuilder};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use utoipa_axum::router::OpenApiRouter;

use crate::author::{Answer, Config, IDENTITY, started};

const PAGE: &str = "https://app.example.org";
const ALLOWED: &str = "--cors-allow-origin=https://app.example.org, http://localhost:3000";

fn routes() -> OpenApiRouter<()> {
    let refused = || BackendError::no_authorization().with_challenge("Basic realm=\"a\"");
    let busy = || BackendError::unavailable("Later.", Duration::from_secs(1));
    let routes = Router::new()
        .route("/ok", get(async || "OK"))
        .route("/body", post(async |body: Bytes| body))
        .route("/refused", get(async move || refused()))
        .route("/busy", get(async move || busy()))
        .route("/panic", get(panics))
        .route("/forever", get(std::future::pending::<()>));
    OpenApiRouter::from(routes)
}

async fn panics() -> &'static str {
    panic!("a fault of the author's")
}

fn from_page(app: &TestApp, method: Method, path: &str) -> RequestBuilder {
    client()
        .request(method, app.url(path))
        .header("origin", PAGE)
}

fn preflight(app: &TestApp, path: &str) -> RequestBuilder {
    from_page(app, Method::OPTIONS, path).header("access-control-request-method", "PUT")
}

fn assert_readable(answer: &Answer) {
    assert_eq!(answer.header("access-control-allow-origin"), Some(PAGE));
    assert_eq!(
        answer.header("access-control-allow-credentials"),
        Some("true")
    );
    let vary = answer.headers.get_all("vary").into_iter();
    let vary: Vec<_> = vary.map(|value| value.to_str().unwrap()).collect();
    assert!(vary.join(",").contains("origin"), "{vary:?}");
}

#[tokio::test]
async fn every_refusal_may_be_read() {
    let app = started(routes, &[ALLOWED]).await;
    let get = |path: &str| from_page(&app, Method::GET, path);
    let long = format!("/{}", "x".repeat(9000));
    for (request, status) in [
        (get("/ok"), 200),
        (get("/metrics"), 200),
        (get("/docs"), 200),
        (get("/nowhere"), 404),
        (get("/body"), 405),
        (get(&long), 414),
        (get("/ok").header("x-large", "x".repeat(40_000)), 431),
        (get("/refused"), 401),
        (get("/panic"), 500),
        (get("/busy"), 503),
    ] {
        let answer = Answer::of(request).await;
        assert_eq!(answer.status, status, "{}", answer.body);
        assert_readable(&answer);
        let exposed = answer.header("access-control-expose-headers").unwrap();
        assert_eq!(
            exposed,
            "link,location,retry-after,www-authenticate,x-request-id"
        );
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_readably() {
    let app = started(routes, &[ALLOWED]).await;
    // One byte more than the limit, so that all of it is read before the answer.
    let body = vec![0; 2 * 1024 * 1024 + 1];
    let answer = Answer::of(from_page(&app, Method::POST, "/body").body(body)).await;
    assert_eq!(answer.status, 413);
    assert_readable(&answer);
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_refused_readably() {
    let app = started(routes, &[ALLOWED, "--request-timeout=10ms"]).await;
    let answer = Answer::of(from_page(&app, Method::GET, "/forever")).await;
    assert_eq!(answer.status, 504);
    assert_readable(&answer);
}

#[tokio::test]
async fn a_full_service_refuses_readably_and_still_answers_preflights() {
    let app = started(routes, &[ALLOWED, "--max-in-flight=1"]).await;
    let mut first = TcpStream::connect(app.address).await.unwrap();
    let body =
        "POST /body HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 1\r\n\r\n";
    first.write_all(body.as_bytes()).await.unwrap();
    // The handler reads its body, so it has its place.
    let mut goes_on = [0; 25];
    first.read_exact(&mut goes_on).await.unwrap();
    assert!(goes_on.starts_with(b"HTTP/1.1 100 Continue"));

    let answer = Answer::of(from_page(&app, Method::GET, "/ok")).await;
    assert_eq!(
        (answer.status, answer.header("retry-after")),
        (503, Some("1"))
    );
    assert_readable(&answer);
    for path in ["/ok", "/nowhere", "/panic", "/metadata"] {
        let answer = Answer::of(preflight(&app, path)).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, ""), "{path}");
        assert_eq!(answer.header("access-control-allow-methods"), Some("PUT"));
        assert_eq!(answer.header("access-control-max-age"), Some("3600"));
        assert_readable(&answer);
    }
    assert_eq!(
        app.metrics.to_text().matches("method=\"OPTIONS\"").count(),
        0
    );
}

#[tokio::test]
async fn each_named_origin_gets_its_own_name_and_no_other_does() {
    let app = started(routes, &[ALLOWED]).await;
    for (origin, told) in [
        (PAGE, Some(PAGE)),
        ("http://localhost:3000", Some("http://localhost:3000")),
        ("http://localhost:3001", None),
        ("http://app.example.org", None),
        ("https://app.example.org.evil.example", None),
        ("null", None),
    ] {
        for method in [Method::GET, Method::OPTIONS] {
            let request = client()
                .request(method, app.url("/ok"))
                .header("origin", origin);
            let answer = Answer::of(request).await;
            assert_eq!(
                answer.header("access-control-allow-origin"),
                told,
                "{origin}"
            );
        }
    }
}

#[tokio::test]
async fn without_the_setting_a_preflight_is_any_request() {
    let app = started(routes, &[]).await;
    let answer = Answer::of(preflight(&app, "/ok")).await;
    assert_eq!(
        (answer.status, answer.header("allow")),
        (204, Some("GET,HEAD"))
    );
    assert_eq!(answer.body, "");
    assert_eq!(answer.header("access-control-allow-origin"), None);
}

#[test]
fn everybody_stands_alone_since_named_origins_have_credentials() {
    for value in [
        "*,https://app.example.org",
        "https://app.example.org,*",
        "https://app.example.org,",
    ] {
        let flag = format!("--cors-allow-origin={value}");
        let parsed = testing::parsed::<Config>(&IDENTITY, &[flag]);
        let refused = parsed.map(|_| ()).unwrap_err();
        assert!(
            refused.contains("it must be * alone, or an origin"),
            "{refused}"
        );
        assert_eq!(refused.lines().count(), 1, "{refused}");
    }
}
