//! Requests that are too big, too slow, too many or broken get an answer, and cost nobody else.

use std::time::Duration;

use crate::probe::ROUTE;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wiremock::ResponseTemplate;

use crate::test_app::{Answer, TestApp, client};

#[tokio::test]
async fn an_oversized_uri_answers_414() {
    let app = TestApp::start().await;
    for length in [9_000, 60_000] {
        let answer = app.get(&format!("/{}", "a".repeat(length))).await;
        assert_eq!(answer.status, 414);
        assert_eq!(answer.json()["status_code"], 414);
    }
}

#[tokio::test]
async fn oversized_headers_answer_431() {
    let app = TestApp::start().await;
    let large = client()
        .get(app.url("/metadata"))
        .header("x-large", "a".repeat(60_000));
    let many = (0..90).fold(client().get(app.url("/metadata")), |request, number| {
        request.header(format!("x-{number}"), "a")
    });
    for request in [large, many] {
        let answer = Answer::of(request).await;
        assert_eq!(answer.status, 431);
        assert_eq!(answer.json()["status_code"], 431);
    }
}

#[tokio::test]
async fn absurd_heads_are_cut_off_with_a_4xx() {
    let app = TestApp::start().await;
    let large = "a".repeat(100_000);
    let many = "x: a\r\n".repeat(300);
    for (head, status) in [
        (format!("GET /{large} HTTP/1.1\r\nhost: a\r\n\r\n"), 414),
        (
            format!("GET / HTTP/1.1\r\nhost: a\r\nx: {large}{large}\r\n\r\n"),
            431,
        ),
        (format!("GET / HTTP/1.1\r\nhost: a\r\n{many}\r\n"), 431),
        ("no HTTP at all\r\n\r\n".to_owned(), 400),
    ] {
        let answer = app.raw(head.as_bytes()).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{status}: {answer}"
        );
        assert_eq!(app.get("/").await.status, 200);
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_head_is_cut_off_and_an_idle_connection_is_not() {
    let app = TestApp::start().await;
    let mut idle = app.connect().await;
    let start = tokio::time::Instant::now();
    let answer = app.raw(b"GET / HTTP/1.1\r\nhost: a\r\nx-slow: ").await;
    assert_eq!(answer, "");
    assert!(
        (10..30).contains(&start.elapsed().as_secs()),
        "{:?}",
        start.elapsed()
    );

    idle.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .unwrap();
    let mut first = [0; 15];
    idle.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200 OK");
    tokio::time::sleep(Duration::from_secs(300)).await;
    idle.write_all(b"GET /nowhere HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut rest = String::new();
    idle.read_to_string(&mut rest).await.unwrap();
    assert!(rest.contains("HTTP/1.1 404"), "{rest}");
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_kept_ends_after_ten_minutes_or_a_slow_head() {
    let app = TestApp::start().await;
    for (sent, seconds) in [("", 620..660), ("GET / HT", 10..30)] {
        let mut kept = app.connect().await;
        for _ in 0..2 {
            kept.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
                .await
                .unwrap();
            let mut answer = [0; 512];
            let length = kept.read(&mut answer).await.unwrap();
            assert!(answer[..length].ends_with(b"OK"));
            tokio::time::sleep(Duration::from_secs(300)).await;
        }
        let start = tokio::time::Instant::now();
        kept.write_all(sent.as_bytes()).await.unwrap();
        assert_eq!(kept.read(&mut [0; 512]).await.unwrap_or(0), 0);
        let waited = start.elapsed().as_secs() + if sent.is_empty() { 300 } else { 0 };
        assert!(seconds.contains(&waited), "{sent:?}: {waited} s");
    }
}

#[tokio::test]
async fn a_request_that_takes_too_long_answers_504() {
    let app = TestApp::with(&["--request-timeout", "100ms"]).await;
    let answer = app.get("/forever").await;
    assert_eq!(answer.status, 504);
    assert_eq!(
        answer.json()["error_content"],
        "The request took longer than 100ms."
    );
}

#[tokio::test]
async fn a_full_service_answers_503_and_still_says_who_it_is() {
    let app = TestApp::with(&["--max-in-flight", "1"]).await;
    let slow = ResponseTemplate::new(200).set_delay(Duration::from_millis(500));
    app.backend_answers("GET", "/api", slow).await;
    let (first, second) = tokio::join!(app.get("/probe"), app.get("/probe"));
    let mut statuses = [first.status, second.status];
    statuses.sort();
    assert_eq!(statuses, [200, 503]);
    let refused = if first.status == 503 { first } else { second };
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(refused.json()["error_content"], "The service is full.");

    let metadata = format!("{ROUTE}/metadata");
    let (slow, who, health) = tokio::join!(app.get("/probe"), app.get(&metadata), app.get("/"),);
    assert_eq!([slow.status, who.status, health.status], [200, 200, 200]);
}

/// A connection that finds no room is tried again after a second.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_burst_of_connections_finds_room() {
    let listener = apikit::serve::bind(([127, 0, 0, 1], 0).into())
        .await
        .unwrap();
    let address = listener.local_addr().unwrap();
    let connect = async {
        for _ in 0..200 {
            tokio::net::TcpStream::connect(address).await.unwrap();
        }
    };
    let connected = tokio::time::timeout(Duration::from_millis(900), connect).await;
    connected.expect("nobody has to try again");
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let app = TestApp::start().await;
    let answer = app
        .raw(b"GET /nowhere HTTP/1.1\r\nhost: a\r\n\r\nGET /elsewhere HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        .await;
    let first = answer.find("/nowhere").unwrap();
    let second = answer.find("/elsewhere").unwrap();
    assert!(first < second);
}
