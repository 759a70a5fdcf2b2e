//! What HTTP allows a client to send is answered as HTTP has it, before any route is asked: the target and `Host`, early
//! answers, the end of connections, `OPTIONS`, slashes, and answers that depend on a header.

use std::time::Duration;

use apikit::{App, RequestedUri, Setup, testing};
use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, Path},
    http::{HeaderMap, Uri},
    routing::{get, post},
};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    time::{Instant, sleep, timeout},
};
use utoipa_axum::router::OpenApiRouter;

use crate::probe::{Config, IDENTITY, ROUTE};

/// A service with routes of each kind.
struct Door(testing::TestApp);

fn routes() -> OpenApiRouter {
    let named = async |Path((job, metric)): Path<(String, String)>| format!("{metric} of {job}");
    let host = async |headers: HeaderMap| {
        format!("{:?}", headers.get_all("host").iter().collect::<Vec<_>>())
    };
    let seen = async |uri: Uri, RequestedUri(whole): RequestedUri| format!("{uri} of {whole}");
    let slow = async || {
        sleep(Duration::from_millis(300)).await;
        "slow"
    };
    let routes = Router::new()
        .route("/{job}/{metric}", get(named).put(named))
        .route("/files/{*path}", get(async |Path(path): Path<String>| path))
        .route("/host", get(host))
        .route("/seen", get(seen))
        .route("/slow", get(slow))
        .route("/slashed/", get(async || "with its slash"))
        .route("/both", get(async || "without"))
        .route("/both/", get(async || "with"))
        .route("/own", axum::routing::options(async || "the author's"))
        .route("/upload", post(async |_: Json<Value>| "read"))
        .route("/length", post(async |body: String| body.len().to_string()))
        .nest_service("/nested", Router::new().route("/{a}/{b}", get(named)))
        .layer(DefaultBodyLimit::max(100_000));
    OpenApiRouter::from(routes)
}

fn index() -> OpenApiRouter {
    OpenApiRouter::from(Router::new().route("/", get(async || "the index")))
}

impl Door {
    async fn open(flags: &[&str]) -> Self {
        let start = async |_: &Config, _: &mut Setup| Ok(());
        let app = App::new(IDENTITY, routes, start).index(index);
        Self(testing::TestApp::start(app, flags).await.unwrap())
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.0.address).await.unwrap()
    }

    /// Sends `bytes`, and reads the answer until the connection closes.
    async fn raw(&self, bytes: impl AsRef<[u8]>) -> Answer {
        let mut stream = self.connect().await;
        stream.write_all(bytes.as_ref()).await.unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        Answer::of(&answer)
    }

    /// Asks with a `Host`, further header lines such as `x: a\r\n`, and no second request.
    async fn ask(&self, method: &str, path: &str, headers: &str) -> Answer {
        let head = format!("{method} {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n");
        self.raw(format!("{head}{headers}\r\n")).await
    }
}

#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn of(bytes: &[u8]) -> Self {
        let interim = b"HTTP/1.1 100 Continue\r\n\r\n";
        let bytes = bytes.strip_prefix(interim).unwrap_or(bytes);
        let end = bytes.windows(4).position(|bytes| bytes == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("no answer: {:?}", String::from_utf8_lossy(bytes)));
        let head = String::from_utf8(bytes[..end].into()).unwrap();
        Self {
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            head: head.to_lowercase(),
            body: bytes[end + 4..].into(),
        }
    }

    fn header(&self, name: &str) -> Option<&str> {
        let prefix = format!("\r\n{name}: ");
        let (_, rest) = self.head.split_once(&prefix)?;
        rest.split("\r\n").next()
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The content of an error in the one shape.
    fn error(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/json"));
        let error: Value = serde_json::from_slice(&self.body).unwrap();
        assert_eq!(error["status_code"], self.status);
        assert!(error["reason"].is_string());
        error["error_content"].as_str().unwrap_or("").to_owned()
    }
}

#[tokio::test]
async fn a_host_that_the_rfc_forbids_answers_400_with_its_value() {
    let door = Door::open(&[]).await;
    let quoted = |host: &str| format!("{host:?}");
    for (hosts, named) in [
        (vec![], "no Host".to_owned()),
        (vec!["a", "b"], quoted("b")),
        (vec!["a", "a"], quoted("a")),
        (vec!["", ""], quoted("")),
        (vec!["a@b"], quoted("a@b")),
        (vec!["a b"], quoted("a b")),
        (vec!["a,b"], quoted("a,b")),
        (vec!["a, b"], quoted("a, b")),
        (vec!["a/b"], quoted("a/b")),
        (vec!["a?b"], quoted("a?b")),
        (vec!["a#b"], quoted("a#b")),
        (vec!["a\\b"], quoted("a\\b")),
        (vec!["<a>"], quoted("<a>")),
        (vec!["é"], quoted("é")),
        (vec!["a%4"], quoted("a%4")),
        (vec!["a%zz"], quoted("a%zz")),
        (vec!["h:99999"], quoted("h:99999")),
        (vec!["h:65536"], quoted("h:65536")),
        (
            vec!["h:99999999999999999999"],
            quoted("h:99999999999999999999"),
        ),
        (vec!["h:abc"], quoted("h:abc")),
        (vec!["h:-1"], quoted("h:-1")),
        (vec!["h:+1"], quoted("h:+1")),
        (vec!["h:80:80"], quoted("h:80:80")),
        (vec!["::1"], quoted("::1")),
        (vec!["[::1"], quoted("[::1")),
        (vec!["[::1]x"], quoted("[::1]x")),
        (vec!["[::g]"], quoted("[::g]")),
        (vec!["[a]"], quoted("[a]")),
        (vec!["[]"], quoted("[]")),
        (vec!["[1.2.3.4]"], quoted("[1.2.3.4]")),
        (vec!["http://a"], quoted("http://a")),
    ] {
        for target in ["/nowhere", "/healthz", "http://h/nowhere"] {
            let lines: String = hosts
                .iter()
                .map(|host| format!("Host: {host}\r\n"))
                .collect();
            let head = format!("GET {target} HTTP/1.1\r\n{lines}connection: close\r\n\r\n");
            let answer = door.raw(head).await;
            assert_eq!(answer.status, 400, "{hosts:?}");
            let error = answer.error();
            assert!(error.contains(&named), "{hosts:?}: {error}");
            assert!(error.contains("RFC 9112, 3.2"), "{hosts:?}: {error}");
            assert!(answer.header("x-request-id").is_some());
        }
    }
    // They are counted as other refusals are.
    let counted = r#"http_server_requests_total{method="GET",route="/healthz",status="400"}"#;
    assert!(door.0.metrics.to_text().contains(counted));
}

#[tokio::test]
async fn a_host_that_the_rfc_allows_is_answered() {
    let door = Door::open(&[]).await;
    for host in [
        "",
        "a",
        "A.example.",
        "my_host",
        "a-b.c~d",
        "127.0.0.1",
        "127.0.0.1:8080",
        "h:",
        "h:0",
        "h:00080",
        "h:65535",
        "[::1]",
        "[::1]:",
        "[2001:db8::1]:8080",
        "[::ffff:1.2.3.4]",
        "[v7.a:b]",
        "b%C3%BCcher.example",
        "a!$&'()*+;=b",
    ] {
        let head = format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\nconnection: close\r\n\r\n");
        assert_eq!(door.raw(head).await.status, 200, "{host:?}");
    }
    let old = "GET /healthz HTTP/1.0\r\n\r\n";
    assert_eq!(door.raw(old).await.status, 200);
    let old = "GET /healthz HTTP/1.0\r\nHost: a@b\r\n\r\n";
    assert_eq!(door.raw(old).await.status, 400);
}

#[tokio::test]
async fn the_authority_of_a_target_wins_over_the_host() {
    let door = Door::open(&[]).await;
    for (target, host) in [
        ("/host", r#"["other"]"#),
        ("http://h/host", r#"["h"]"#),
        ("http://h:81/host?q", r#"["h:81"]"#),
        ("HTTP://[::1]:81/host", r#"["[::1]:81"]"#),
    ] {
        let head = format!("GET {target} HTTP/1.1\r\nhost: other\r\nconnection: close\r\n\r\n");
        let answer = door.raw(head).await;
        assert_eq!((answer.status, answer.text()), (200, host), "{target}");
    }
    for target in ["http://a@b/host", "http://h:99999/host", "http://:80/host"] {
        let head = format!("GET {target} HTTP/1.1\r\nhost: other\r\nconnection: close\r\n\r\n");
        assert_eq!(door.raw(head).await.status, 400, "{target}");
    }
}

#[tokio::test]
async fn targets_that_are_no_path_get_an_answer() {
    let door = Door::open(&[]).await;
    for (line, status) in [
        ("OPTIONS *", 204),
        ("GET *", 400),
        ("POST *", 400),
        ("CONNECT h:443", 400),
        ("CONNECT /host", 400),
        ("GET h:443", 400),
        ("GET host", 400),
    ] {
        let head = format!("{line} HTTP/1.1\r\nhost: h:443\r\nconnection: close\r\n\r\n");
        let answer = door.raw(head).await;
        assert_eq!(answer.status, status, "{line}");
        if status == 400 {
            assert!(answer.error().contains("RFC 9112, 3.2"), "{line}");
        }
    }
}

#[tokio::test]
async fn an_empty_segment_is_no_value_of_a_parameter() {
    let door = Door::open(&[]).await;
    for path in [
        "//",
        "///",
        "//x",
        "/a//",
        "/a//x",
        "//a/x",
        "//x?q=1",
        "/nested//x",
        "/nested/a//",
    ] {
        for prefix in ["", ROUTE] {
            let path = format!("{prefix}{path}");
            for method in ["GET", "PUT", "POST", "OPTIONS"] {
                let answer = door.ask(method, &path, "content-length: 0\r\n").await;
                assert_eq!(answer.status, 404, "{method} {path}: {answer:?}");
                assert!(answer.error().starts_with("Nothing is served at /"));
            }
        }
    }
    for (path, body) in [
        ("/a/x", "x of a"),
        ("/files/a//x", "a//x"),
        ("/files//x", "/x"),
        ("/a/%2F", "/ of a"),
        ("/a/x?q=//", "x of a"),
    ] {
        assert_eq!(door.ask("GET", path, "").await.text(), body, "{path}");
    }
}

/// The head of a request that is answered before its body is read, how its body begins, and the status.
fn early_answers() -> Vec<(String, &'static str, u16)> {
    let head = |line: &str, rest: &str| {
        format!("{line} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n{rest}\r\n")
    };
    let length = "content-length: 20000000\r\n";
    let chunked = "transfer-encoding: chunked\r\n";
    let expects = format!("{length}expect: 100-continue\r\n");
    vec![
        (head("POST /upload", length), "", 413),
        (head("POST /upload", &expects), "", 413),
        (head("POST /upload", chunked), "2000000\r\n", 413),
        (head("PUT /upload", length), "", 405),
        (head("PUT /upload", &expects), "", 405),
        (head("DELETE /upload", chunked), "2000000\r\n", 405),
        (head("POST /nowhere", length), "", 404),
        (
            head("POST /upload", "host: b\r\ncontent-length: 20000000\r\n"),
            "",
            400,
        ),
        (head("no HTTP", length), "", 400),
        (head(&format!("GET /{}", "a".repeat(70_000)), ""), "", 414),
        (head("GET /", &"x: a\r\n".repeat(300)), "", 431),
    ]
}

#[tokio::test]
async fn an_early_answer_reaches_a_client_that_is_still_sending() {
    let door = Door::open(&[]).await;
    let body = vec![b' '; 20_000_000];
    for (head, begin, status) in early_answers() {
        for _ in 0..3 {
            let mut stream = door.connect().await;
            // Such a client reads nothing before it has sent everything.
            stream.write_all(head.as_bytes()).await.unwrap();
            stream.write_all(begin.as_bytes()).await.unwrap();
            let sent = stream.write_all(&body).await;
            assert!(sent.is_ok(), "{status} {head:.40}: {sent:?}");
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await.unwrap();
            assert_eq!(Answer::of(&answer).status, status, "{head:.40}");
        }
    }
}

/// A client that has the answer to an upload and has not ended it.
async fn refused_upload(door: &Door) -> (OwnedReadHalf, OwnedWriteHalf) {
    let (mut read, mut write) = door.connect().await.into_split();
    let (head, _, status) = &early_answers()[3];
    write.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    read.read_to_end(&mut answer).await.unwrap();
    assert_eq!(Answer::of(&answer).status, *status);
    (read, write)
}

#[tokio::test]
async fn a_client_that_never_stops_sending_is_cut_off() {
    let door = Door::open(&[]).await;
    let (_read, mut write) = refused_upload(&door).await;
    let megabyte = vec![b' '; 1_000_000];
    let mut sent = 0;
    while sent < 200 && write.write_all(&megabyte).await.is_ok() {
        sent += 1;
    }
    assert!((50..200).contains(&sent), "{sent} MB");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_sends_little_for_ever_is_read_for_seconds_also_at_the_end() {
    let door = Door::open(&[]).await;
    let (_read, mut write) = refused_upload(&door).await;
    let start = Instant::now();
    let sending = async {
        while write.write_all(b" ").await.is_ok() {
            sleep(Duration::from_secs(1)).await;
        }
        std::future::pending().await
    };
    door.0.stop();
    tokio::select! {
        stopped = door.0.stopped() => stopped.unwrap(),
        () = sending => {}
    }
    let seconds = start.elapsed().as_secs();
    assert!((5..20).contains(&seconds), "{seconds} s");
}

/// Reads the head and the first bytes of an answer on a connection that stays open.
async fn answered(stream: &mut TcpStream) -> String {
    let mut answer = [0; 1024];
    let length = stream.read(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer[..length]).into_owned()
}

#[tokio::test]
async fn connections_without_a_whole_head_do_not_hold_the_end_and_requests_in_flight_finish() {
    let door = Door::open(&[]).await;
    let mut open = Vec::new();
    for sent in [
        "",
        "G",
        "\r\n",
        "GET /healthz HTTP/1.1\r\nhost: a\r\n",
        "POST /length HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n",
    ] {
        for is_kept in [false, true] {
            let mut stream = door.connect().await;
            if is_kept {
                let first = b"POST /length HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nab";
                stream.write_all(first).await.unwrap();
                assert!(answered(&mut stream).await.ends_with("\r\n2"));
            }
            stream.write_all(sent.as_bytes()).await.unwrap();
            open.push(stream);
        }
    }
    let mut half_sent = door.connect().await;
    let head = b"POST /length HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nab";
    half_sent.write_all(head).await.unwrap();
    let mut waiting = door.connect().await;
    let slow = b"GET /slow HTTP/1.1\r\nhost: a\r\n\r\n";
    waiting.write_all(slow).await.unwrap();
    // Both are in flight before the end begins.
    let in_flight = async |counted: &str| {
        while !door.0.metrics.to_text().contains(counted) {
            sleep(Duration::from_millis(5)).await;
        }
    };
    let both = async {
        in_flight("http_server_requests_in_flight{method=\"POST\",route=\"/length\"} 1\n").await;
        in_flight("http_server_requests_in_flight{method=\"GET\",route=\"/slow\"} 1\n").await;
    };
    timeout(Duration::from_secs(5), both).await.unwrap();

    door.0.stop();
    let finish = async {
        door.0.shutdown.closing().await;
        half_sent.write_all(b"cd").await.unwrap();
        assert!(answered(&mut half_sent).await.ends_with("\r\n4"));
        assert!(answered(&mut waiting).await.ends_with("slow"));
    };
    timeout(Duration::from_secs(5), finish).await.unwrap();
    let stopped = timeout(Duration::from_secs(5), door.0.stopped()).await;
    stopped.expect("nothing holds the end").unwrap();
    for mut stream in open {
        assert_eq!(stream.read(&mut [0]).await.unwrap_or(0), 0);
    }
}

#[tokio::test]
async fn a_client_that_has_its_answer_is_no_request_in_flight() {
    let door = Door::open(&["--shutdown-grace", "50ms"]).await;
    let _still_sending = refused_upload(&door).await;
    door.0.stop();
    let stopped = timeout(Duration::from_secs(5), door.0.stopped()).await;
    stopped.unwrap().unwrap();
}

#[tokio::test]
async fn http_2_with_prior_knowledge_answers_400() {
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let settings = b"\0\0\0\x04\0\0\0\0\0";
    let door = Door::open(&[]).await;
    let whole = [&preface[..], &settings[..]].concat();
    for pieces in [
        vec![&whole[..]],
        vec![&whole[..18]],
        whole.chunks(5).collect(),
        whole.chunks(1).collect(),
    ] {
        let mut stream = door.connect().await;
        stream.set_nodelay(true).unwrap();
        for piece in pieces {
            stream.write_all(piece).await.unwrap();
            tokio::task::yield_now().await;
        }
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let answer = Answer::of(&answer);
        assert_eq!(answer.status, 400);
        assert!(answer.error().contains("HTTP/1.1"));
    }
    // Other methods that begin like it are none of it.
    let head = "PRINT /nowhere HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    assert_eq!(door.raw(head).await.status, 404);
}

#[tokio::test]
async fn options_answers_204_with_the_methods_of_the_path() {
    let plain = Door::open(&[]).await;
    let with_cors = Door::open(&["--cors-allow-origin", "*"]).await;
    for door in [&plain, &with_cors] {
        for (path, allowed) in [
            ("/", "get,head"),
            ("/metadata", "get,head"),
            ("/docs/page.js", "get,head"),
            ("/metrics", "get,head"),
            ("/upload", "post"),
            ("/a/x", "get,head,put"),
            ("/a/x/", "get,head,put"),
            (ROUTE, "get,head"),
        ] {
            for origin in ["", "origin: https://page.example\r\n"] {
                let answer = door.ask("OPTIONS", path, origin).await;
                let allow = answer.header("allow").map(str::to_owned);
                assert_eq!(
                    (answer.status, allow.as_deref()),
                    (204, Some(allowed)),
                    "{path}"
                );
                assert_eq!(answer.text(), "");
            }
        }
        assert_eq!(door.ask("OPTIONS", "/nowhere", "").await.status, 404);
        assert_eq!(door.ask("OPTIONS", "*", "").await.status, 204);
        assert_eq!(door.ask("OPTIONS", "/own", "").await.text(), "the author's");
        assert_eq!(door.ask("PUT", "/upload", "").await.status, 405);
    }
    let preflight = "origin: https://page.example\r\naccess-control-request-method: PUT\r\n";
    for path in ["/a/x", "/nowhere"] {
        let answer = with_cors.ask("OPTIONS", path, preflight).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("access-control-allow-methods"), Some("put"));
    }
    let own = with_cors.ask("OPTIONS", "/a/x", "origin: https://page.example\r\n");
    assert_eq!(own.await.header("access-control-allow-origin"), Some("*"));
    let two_hosts = format!("host: b\r\n{preflight}");
    assert_eq!(
        with_cors.ask("OPTIONS", "/a/x", &two_hosts).await.status,
        400
    );
}

#[tokio::test]
async fn below_the_route_a_path_is_cut_and_the_requested_one_is_kept() {
    let door = Door::open(&[]).await;
    let name = &ROUTE[1..];
    for (path, body) in [
        ("/seen?q=1".to_owned(), "/seen?q=1 of /seen?q=1".to_owned()),
        (
            format!("{ROUTE}/seen?q=1"),
            format!("/seen?q=1 of {ROUTE}/seen?q=1"),
        ),
        (format!("{ROUTE}/seen/"), format!("/seen of {ROUTE}/seen/")),
        (
            format!("http://a{ROUTE}/seen"),
            format!("http://a/seen of http://a{ROUTE}/seen"),
        ),
        (format!("{ROUTE}{ROUTE}/x"), format!("x of {name}")),
        (format!("{ROUTE};v=1/x"), format!("x of {name};v=1")),
        (format!("{ROUTE}?q=1"), "the index".to_owned()),
        (format!("{ROUTE}/?q=1"), "the index".to_owned()),
        ("/".to_owned(), "OK".to_owned()),
    ] {
        let answer = door.ask("GET", &path, "").await;
        assert_eq!(answer.text(), body, "{path}");
    }
    for path in [format!("{ROUTE}/nowhere"), format!("{ROUTE}//x")] {
        let answer = door.ask("GET", &path, "").await;
        let nothing = format!("Nothing is served at {path}.");
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.text().contains(&nothing), "{}", answer.text());
    }
}

#[tokio::test]
async fn a_slash_at_the_end_changes_nothing_unless_a_route_has_it() {
    let door = Door::open(&[]).await;
    let of_root = ["/healthz", "/readyz"];
    let everywhere = [
        "/metadata",
        "/v1.0/metadata.json",
        "/docs",
        "/docs/page.js",
        "/openapi.json",
        "/a/x",
        "/nowhere",
        "/upload",
    ];
    let below = everywhere.map(|path| format!("{ROUTE}{path}"));
    let below = below.iter().map(String::as_str).chain([ROUTE]);
    for path in of_root.into_iter().chain(everywhere).chain(below) {
        for query in ["", "?q=1"] {
            let without = door.ask("GET", &format!("{path}{query}"), "").await;
            let with = door.ask("GET", &format!("{path}/{query}"), "").await;
            assert_eq!(with.status, without.status, "{path}");
            let nothing = format!("Nothing is served at {path}/.");
            match path.ends_with("/nowhere") {
                true => assert!(with.text().contains(&nothing), "{}", with.text()),
                false => assert_eq!(with.body, without.body, "{path}"),
            }
            assert_eq!(with.header("allow"), without.header("allow"), "{path}");
        }
    }
    let metrics = door.ask("HEAD", "/metrics/", "").await;
    assert_eq!((metrics.status, metrics.text()), (200, ""));
    for (path, body) in [
        ("/slashed/", "with its slash"),
        ("/both", "without"),
        ("/both/", "with"),
        ("/files/a/", "a/"),
    ] {
        assert_eq!(door.ask("GET", path, "").await.text(), body, "{path}");
    }
    assert_eq!(door.ask("GET", "/slashed", "").await.status, 404);
    // From `/docs/`, the links of the page lead to a folder of their own.
    for file in [
        "/docs/docs/page.js",
        "/docs/docs/swagger-ui.css",
        "/docs/openapi.json",
    ] {
        for prefix in ["", ROUTE] {
            let answer = door.ask("GET", &format!("{prefix}{file}"), "").await;
            assert_eq!(answer.status, 200, "{file}");
        }
    }
}

#[tokio::test]
async fn if_none_match_finds_a_tag_in_a_list_whether_weak_or_not() {
    let door = Door::open(&[]).await;
    for path in ["/docs", "/openapi.json", "/docs/swagger-ui.css"] {
        let first = door.ask("GET", path, "").await;
        let tag = first.header("etag").unwrap();
        let opaque = tag.trim_start_matches("w/");
        for (known, status) in [
            (format!("W/{opaque}"), 304),
            (opaque.to_owned(), 304),
            ("*".to_owned(), 304),
            (format!("\"x\", W/\"y,z\",{opaque}"), 304),
            (format!("\"a,b\", , W/{opaque} , \"c\""), 304),
            (format!("\"x\"\r\nif-none-match: {opaque}"), 304),
            (format!("\"a{}b\"", opaque.replace('"', ",")), 200),
            ("\"x\"".to_owned(), 200),
            ("\"*\"".to_owned(), 200),
            ("\"\"".to_owned(), 200),
            (String::new(), 200),
            (opaque.replace('"', ""), 200),
            (opaque.trim_end_matches('"').to_owned(), 200),
            (format!("w/{opaque}"), 200),
        ] {
            let header = format!("if-none-match: {known}\r\n");
            let answer = door.ask("GET", path, &header).await;
            assert_eq!(answer.status, status, "{path} {known:?}");
            assert_eq!(answer.body.is_empty(), status == 304, "{path} {known:?}");
            assert_eq!(answer.header("etag"), Some(tag));
            assert_eq!(answer.header("vary"), first.header("vary"));
        }
    }
}

#[tokio::test]
async fn only_a_client_that_prefers_gzip_gets_it() {
    let door = Door::open(&[]).await;
    for (accepted, is_packed) in [
        (None, false),
        (Some(""), false),
        (Some("identity"), false),
        (Some("br, deflate"), false),
        (Some("gzip"), true),
        (Some("GZip"), true),
        (Some("x-gzip"), true),
        (Some("br;q=1.0, gzip;q=0.8, *;q=0.1"), true),
        (Some("gzip ; q=0.001"), true),
        (Some("gzip;Q=1.000"), true),
        (Some("*"), true),
        (Some("*;q=0.5"), true),
        (Some("gzip;q=0"), false),
        (Some("gzip;q=0.000"), false),
        (Some("gzip;q=0, *"), false),
        (Some("*, x-gzip;q=0"), false),
        (Some("*;q=0"), false),
        (Some("gzip, *;q=0"), true),
        (Some("identity;q=1, gzip;q=0.5"), false),
        (Some("identity;q=0.5, gzip"), true),
        (Some("gzip;q=inf"), false),
        (Some("gzip;q=2"), false),
        (Some("gzip;q=-1"), false),
        (Some("gzip;q="), false),
        (Some("gzip;level=9"), false),
        (Some("gzip;level=9;q=1"), false),
        (Some("gzip;q=1;level=9"), false),
        (Some("gzipped"), false),
        (Some("br\r\naccept-encoding: gzip"), true),
    ] {
        let header = accepted.map(|accepted| format!("accept-encoding: {accepted}\r\n"));
        let header = header.unwrap_or_default();
        let files = [
            "/docs/swagger-ui.css",
            "/docs/swagger-ui-bundle.js",
            "/docs/LICENSE.txt",
        ];
        for path in files {
            let answer = door.ask("GET", path, &header).await;
            let coding = answer.header("content-encoding");
            assert_eq!(coding, is_packed.then_some("gzip"), "{accepted:?}");
            assert_eq!(answer.body.starts_with(&[0x1f, 0x8b]), is_packed);
            assert_eq!(answer.header("vary"), Some("accept-encoding"));
        }
        for path in ["/docs", "/docs/page.js", "/openapi.json"] {
            let answer = door.ask("GET", path, &header).await;
            assert_eq!(answer.header("content-encoding"), None, "{path}");
            assert_eq!(answer.header("vary"), None, "{path}");
        }
    }
}
