//! What may be tried again is tried again, and nothing else is.

use std::{
    net::TcpListener,
    time::{Duration, Instant},
};

use apikit::{
    Auth, Backend, BackendError, Caller,
    backend::{BackendResponse, BackendSettings},
};
use axum::{body::Bytes, http::Method};
use clap::Parser;
use http_body_util::Full;
use reqwest::Body;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers};

#[derive(Parser)]
struct Settings {
    #[command(flatten)]
    backend: BackendSettings,
}

/// The back-end at `uri`, for callers who wait five seconds.
fn backend(uri: &str, timeout: &str) -> Backend {
    let arguments = ["test", "--backend-url", uri, "--backend-timeout", timeout];
    let settings = Settings::parse_from(arguments);
    Backend::new(
        &settings.backend,
        Auth::None,
        "realm",
        Duration::from_secs(5),
    )
    .unwrap()
}

async fn send(uri: &str, method: Method) -> Result<BackendResponse, BackendError> {
    let request = backend(uri, "10s").request(method, "/thing");
    request.send_as(&Caller::anonymous()).await
}

/// A back-end that fails with `failure` the first `times`, and succeeds from then on.
async fn recovering(failure: ResponseTemplate, times: u64) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(matchers::any())
        .respond_with(failure)
        .up_to_n_times(times)
        .mount(&server)
        .await;
    Mock::given(matchers::any())
        .respond_with(ResponseTemplate::new(200).set_body_string("done"))
        .mount(&server)
        .await;
    server
}

async fn methods_seen(server: &MockServer) -> Vec<Method> {
    let requests = server.received_requests().await.unwrap();
    requests.into_iter().map(|request| request.method).collect()
}

async fn outlives_two_failures(method: Method, status: u16) {
    let server = recovering(ResponseTemplate::new(status), 2).await;
    let answer = send(&server.uri(), method.clone()).await;
    assert!(answer.is_ok(), "{method} {status}");
    assert_eq!(methods_seen(&server).await, vec![method; 3]);
}

#[tokio::test]
async fn idempotent_requests_outlive_transient_failures() {
    for status in [429, 502, 503, 504] {
        tokio::join!(
            outlives_two_failures(Method::GET, status),
            outlives_two_failures(Method::HEAD, status),
            outlives_two_failures(Method::PUT, status),
            outlives_two_failures(Method::DELETE, status),
        );
    }
}

#[tokio::test]
async fn a_post_stays_a_post_and_is_sent_once() {
    for method in [Method::POST, Method::PATCH] {
        let server = recovering(ResponseTemplate::new(503), 2).await;
        let error = send(&server.uri(), method.clone()).await.unwrap_err();
        assert_eq!(error.status().as_u16(), 503);
        assert_eq!(methods_seen(&server).await, [method]);
    }
}

#[tokio::test]
async fn a_body_comes_with_each_try_and_one_that_is_a_stream_is_sent_once() {
    let stream = || Body::wrap(Full::new(Bytes::from("the body")));
    for (body, tries) in [(Body::from("the body"), 3), (stream(), 1)] {
        let server = recovering(ResponseTemplate::new(503), 9).await;
        let request = backend(&server.uri(), "10s").put("/thing").body(body);
        let error = request.send_as(&Caller::anonymous()).await.unwrap_err();
        assert_eq!(error.status().as_u16(), 503);
        let requests = server.received_requests().await.unwrap();
        let bodies: Vec<_> = requests.into_iter().map(|request| request.body).collect();
        assert_eq!(bodies, vec![b"the body"; tries]);
    }
}

#[tokio::test]
async fn what_the_back_end_means_is_not_asked_again() {
    for status in [400, 401, 403, 404, 409, 500, 501] {
        let server = recovering(ResponseTemplate::new(status), 9).await;
        let error = send(&server.uri(), Method::GET).await.unwrap_err();
        assert_eq!(error.status().as_u16(), status);
        assert_eq!(methods_seen(&server).await.len(), 1, "{status}");
    }
}

#[tokio::test]
async fn the_third_failure_is_the_callers_answer() {
    let failure = ResponseTemplate::new(503).set_body_string("still down");
    let server = recovering(failure, 9).await;
    let error = send(&server.uri(), Method::GET).await.unwrap_err();
    assert_eq!(error.to_string(), "503 Service Unavailable: still down");
    assert_eq!(methods_seen(&server).await.len(), 3);
}

#[tokio::test]
async fn retry_after_is_waited_for() {
    let failure = ResponseTemplate::new(429).insert_header("retry-after", "1");
    let server = recovering(failure, 1).await;
    let start = Instant::now();
    send(&server.uri(), Method::GET).await.unwrap();
    assert!(start.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn a_pause_that_the_caller_cannot_wait_for_is_not_begun() {
    let failure = ResponseTemplate::new(503).insert_header("retry-after", "60");
    let server = recovering(failure, 9).await;
    let start = Instant::now();
    let error = send(&server.uri(), Method::GET).await.unwrap_err();
    assert_eq!(error.status().as_u16(), 503);
    assert_eq!(methods_seen(&server).await.len(), 1);
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn an_absurd_retry_after_is_no_reason_to_panic() {
    let absurd = u64::MAX.to_string();
    let failure = ResponseTemplate::new(503).insert_header("retry-after", absurd.as_str());
    let server = recovering(failure, 9).await;
    let error = send(&server.uri(), Method::GET).await.unwrap_err();
    assert_eq!(error.status().as_u16(), 503);
    assert_eq!(methods_seen(&server).await.len(), 1);
}

#[tokio::test]
async fn a_call_ends_at_its_callers_time_limit() {
    let server = MockServer::start().await;
    let slow = ResponseTemplate::new(503).set_delay(Duration::from_secs(3));
    Mock::given(matchers::any())
        .respond_with(slow)
        .mount(&server)
        .await;
    let start = Instant::now();
    let error = send(&server.uri(), Method::GET).await.unwrap_err();
    assert_eq!(error.status().as_u16(), 504);
    assert!(start.elapsed() < Duration::from_millis(5_900));
}

#[tokio::test]
async fn a_304_is_no_redirect() {
    let server = MockServer::start().await;
    let unchanged = ResponseTemplate::new(304).insert_header("location", "/elsewhere");
    Mock::given(matchers::path("/thing"))
        .respond_with(unchanged)
        .mount(&server)
        .await;
    let answer = send(&server.uri(), Method::GET).await.unwrap();
    assert_eq!(answer.status().as_u16(), 304);
}

#[tokio::test]
async fn a_back_end_that_is_away_is_a_502_that_names_no_address() {
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let error = send(&format!("http://{free}"), Method::GET)
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "502 Bad Gateway: The back-end cannot be reached."
    );
}

#[tokio::test]
async fn a_slow_back_end_is_a_504_and_is_asked_once() {
    let server = MockServer::start().await;
    Mock::given(matchers::any())
        .respond_with(ResponseTemplate::new(200).set_delay(Duration::from_secs(30)))
        .mount(&server)
        .await;
    let request = backend(&server.uri(), "100ms").get("/thing");
    let error = request.send_as(&Caller::anonymous()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "504 Gateway Timeout: The back-end took too long."
    );
    assert_eq!(methods_seen(&server).await.len(), 1);
}

#[tokio::test]
async fn redirects_are_followed_within_the_back_end() {
    let server = MockServer::start().await;
    Mock::given(matchers::path("/thing"))
        .respond_with(ResponseTemplate::new(301).insert_header("location", "/thing/"))
        .mount(&server)
        .await;
    Mock::given(matchers::path("/thing/"))
        .respond_with(ResponseTemplate::new(200).set_body_string("here"))
        .mount(&server)
        .await;
    let answer = send(&server.uri(), Method::GET).await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "here");
    assert_eq!(
        send(&server.uri(), Method::POST)
            .await
            .unwrap_err()
            .status(),
        502
    );
}

#[tokio::test]
async fn a_redirect_loop_ends() {
    let server = MockServer::start().await;
    Mock::given(matchers::any())
        .respond_with(ResponseTemplate::new(302).insert_header("location", "/thing"))
        .mount(&server)
        .await;
    let error = send(&server.uri(), Method::GET).await.unwrap_err();
    assert_eq!(error.status().as_u16(), 502);
    assert_eq!(methods_seen(&server).await.len(), 11);
}

#[tokio::test]
async fn a_path_below_the_base_stays_below_it() {
    let server = recovering(ResponseTemplate::new(200), 9).await;
    let base = backend(&format!("{}/base/", server.uri()), "1s");
    for path in [
        "/a/../../secret",
        "/%2e%2E/secret",
        "/a/./b",
        r"/a\..\b",
        "/a/.\t./.\t./secret",
        "/a/.\n./secret",
        "/a/%2\te./secret",
        "/a?b",
        "/a#b",
    ] {
        let error = base
            .get(path)
            .send_as(&Caller::anonymous())
            .await
            .unwrap_err();
        assert_eq!(error.status().as_u16(), 400, "{path}");
    }
    for segment in ["..", ".", "%2e.", ""] {
        let request = base.get("/a").segment(segment);
        let error = request.send_as(&Caller::anonymous()).await.unwrap_err();
        assert_eq!(error.status().as_u16(), 400, "{segment}");
    }
    assert!(server.received_requests().await.unwrap().is_empty());

    for request in [base.get("a"), base.get("/a/").segment("b/c?d#e%2F é")] {
        request.send_as(&Caller::anonymous()).await.unwrap();
    }
    let requests = server.received_requests().await.unwrap();
    let paths: Vec<_> = requests.iter().map(|request| request.url.path()).collect();
    assert_eq!(paths, ["/base/a", "/base/a/b%2Fc%3Fd%23e%252F%20%C3%A9"]);
}
