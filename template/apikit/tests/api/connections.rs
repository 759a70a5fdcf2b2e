//! As many connections as may be open: one that is idle makes room for one more, the one that has been so for longest.

use std::{convert::Infallible, future::pending, time::Duration};

use apikit::{App, Setup, testing};
use axum::{Router, body::Body, routing::get};
use futures_util::{StreamExt, stream};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};
use utoipa_axum::router::OpenApiRouter;

use crate::probe::{Config, IDENTITY, ROUTE};

fn routes() -> OpenApiRouter {
    let drips = async || {
        let first = stream::once(async { Ok::<_, Infallible>("first") });
        Body::from_stream(first.chain(stream::pending()))
    };
    let routes = Router::new()
        .route("/waits", get(async || pending::<()>().await))
        .route("/drips", get(drips))
        .route("/large", get(async || vec![b'a'; 64_000_000]));
    OpenApiRouter::from(routes)
}

async fn service(most: &str) -> testing::TestApp {
    let start = async |_: &Config, _: &mut Setup| Ok(());
    let app = App::new(IDENTITY, routes, start);
    let flags = ["--max-connections", most];
    testing::TestApp::start(app, &flags).await.unwrap()
}

/// A request for one of the routes.
fn asking(path: &str) -> String {
    format!("GET {ROUTE}{path} HTTP/1.1\r\nhost: a\r\n\r\n")
}

/// A connection on which this was sent, some time ago.
async fn having_sent(app: &testing::TestApp, sent: &str) -> TcpStream {
    let mut stream = TcpStream::connect(app.address).await.unwrap();
    stream.write_all(sent.as_bytes()).await.unwrap();
    sleep(Duration::from_millis(20)).await;
    stream
}

/// Asks on a connection, and lets some time pass.
async fn ask(stream: &mut TcpStream) {
    let request = b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut answer = [0; 512];
    let length = timeout(Duration::from_secs(10), stream.read(&mut answer)).await;
    assert!(answer[..length.unwrap().unwrap()].starts_with(b"HTTP/1.1 200"));
    sleep(Duration::from_millis(20)).await;
}

async fn having_asked(app: &testing::TestApp) -> TcpStream {
    let mut stream = having_sent(app, "").await;
    ask(&mut stream).await;
    stream
}

/// Waits until the service has closed a connection.
async fn assert_closes(stream: &mut TcpStream, which: &str) {
    let read = timeout(Duration::from_secs(10), stream.read(&mut [0; 512])).await;
    let read = read.unwrap_or_else(|_| panic!("{which} stays open"));
    assert_eq!(read.unwrap_or(0), 0, "{which} has an answer");
}

#[tokio::test]
async fn the_one_that_has_been_idle_for_longest_is_closed_for_one_more() {
    let app = service("3").await;
    let mut first = having_asked(&app).await;
    let mut second = having_asked(&app).await;
    let mut third = having_asked(&app).await;
    ask(&mut first).await;
    let mut fourth = having_asked(&app).await;
    assert_closes(&mut second, "the second").await;
    let mut fifth = having_asked(&app).await;
    assert_closes(&mut third, "the third").await;
    for open in [&mut first, &mut fourth, &mut fifth] {
        ask(open).await;
    }
}

#[tokio::test]
async fn a_connection_without_a_request_makes_room_and_one_with_an_answer_to_come_does_not() {
    for (oldest, is_idle) in [
        (String::new(), true),
        ("GET /healthz HTTP/1.1\r\n".to_owned(), true),
        ("GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n".to_owned(), true),
        (asking("/waits"), false),
        (asking("/drips"), false),
        (asking("/large"), false),
    ] {
        let app = service("2").await;
        let mut first = having_sent(&app, &oldest).await;
        if oldest.contains("healthz HTTP/1.1\r\nhost") {
            let _ = first.read(&mut [0; 512]).await.unwrap();
        }
        let mut second = having_asked(&app).await;
        let mut third = having_asked(&app).await;
        if is_idle {
            assert_closes(&mut first, &oldest).await;
            ask(&mut second).await;
        } else {
            assert_closes(&mut second, "the second").await;
            assert_ne!(first.try_read(&mut [0; 512]).ok(), Some(0), "{oldest}");
        }
        ask(&mut third).await;
    }
}

#[tokio::test]
async fn one_more_is_answered_where_none_is_idle() {
    let app = service("1").await;
    let first = having_sent(&app, &asking("/waits")).await;
    let mut second = having_asked(&app).await;
    ask(&mut second).await;
    assert_ne!(first.try_read(&mut [0; 512]).ok(), Some(0));
}

#[tokio::test]
async fn the_metrics_tell_how_many_are_open_and_may_be() {
    let app = service("3").await;
    let shows =
        |name: &str, value: usize| app.metrics.to_text().contains(&format!("{name} {value}\n"));
    let mut open = Vec::new();
    for count in [1, 2, 3, 3] {
        open.push(having_asked(&app).await);
        assert!(shows("http_server_connections", count), "{count}");
    }
    assert!(shows("http_server_connections_limit", 3));
    drop(open);
    let none = async {
        while !shows("http_server_connections", 0) {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(10), none).await.unwrap();
}

/// Each connection has a file descriptor, of which the system gives a process so many.
#[cfg(unix)]
mod file_descriptors {
    use std::{
        io::{Read, Write},
        net::TcpStream,
        process::Command,
        time::Duration,
    };

    use crate::running::{Running, program};

    /// A service with flags, for which a shell has set limits by `ulimit`.
    fn limited(limit: &str, flags: &[&str]) -> Running {
        let listen = ["--listen", "127.0.0.1:0"];
        let service = program(&[&listen, flags].concat(), &[]);
        let mut limited = Command::new("/bin/sh");
        limited
            .env_clear()
            .args(["-c", &format!("ulimit {limit} && exec \"$0\" \"$@\"")])
            .arg(service.get_program())
            .args(service.get_args());
        Running::of(limited)
    }

    /// Sixty connections, each of which has had an answer.
    fn sixty(service: &Running) -> Vec<TcpStream> {
        let answered = |_| {
            let mut stream = TcpStream::connect(&service.address).unwrap();
            let patience = Some(Duration::from_secs(10));
            stream.set_read_timeout(patience).unwrap();
            assert!(is_answered(&mut stream));
            stream
        };
        (0..60).map(answered).collect()
    }

    fn is_answered(stream: &mut TcpStream) -> bool {
        let request = b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n";
        let mut answer = [0; 512];
        let asked = stream.write_all(request);
        let length = asked.and_then(|()| stream.read(&mut answer)).unwrap_or(0);
        answer[..length].starts_with(b"HTTP/1.1 200")
    }

    #[test]
    fn where_there_are_none_what_is_idle_is_closed_for_one_more() {
        let service = limited("-n 40", &["--max-connections", "1000"]);
        let mut idle = sixty(&service);
        assert!(!is_answered(&mut idle[0]));
        assert!(is_answered(&mut idle[59]));
        assert!(service.ask("/healthz").starts_with("HTTP/1.1 200"));
    }

    #[test]
    fn half_of_them_are_left_to_calls() {
        let service = limited("-n 60", &[]);
        let mut idle = sixty(&service);
        assert!(!is_answered(&mut idle[29]));
        assert!(is_answered(&mut idle[31]));
        let figures = service.ask("/metrics");
        assert!(figures.contains("http_server_connections_limit 30\n"));
        assert!(figures.contains("process_max_fds 60\n"));
    }

    #[test]
    fn a_limit_that_may_be_raised_is_raised() {
        let service = limited("-S -n 40", &[]);
        let mut idle = sixty(&service);
        assert!(is_answered(&mut idle[0]));
    }
}
