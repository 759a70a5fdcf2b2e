//! Back-ends as they are on the wire: heads that curl takes, connections that close, redirects and challenges.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use apikit::{Auth, Backend, BackendError, Caller, Result};
use axum::{
    Router,
    body::to_bytes,
    extract::Request,
    http::{HeaderMap, StatusCode, header},
    response::{AppendHeaders, IntoResponse, Redirect, Response},
};
use futures_util::TryStreamExt;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::{probe::NAME, test_app::settings};

/// The back-end at this port.
async fn at(listener: &TcpListener, auth: Auth) -> Backend {
    let url = format!("--backend-url=http://{}", listener.local_addr().unwrap());
    let settings = settings(&[&url]);
    Backend::new(&settings.backend, auth, NAME, Duration::from_secs(20)).unwrap()
}

async fn port() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

async fn axum_backend(routes: Router, auth: Auth) -> Backend {
    let listener = port().await;
    let backend = at(&listener, auth).await;
    tokio::spawn(async { axum::serve(listener, routes).await });
    backend
}

/// A back-end that serves each connection by `serve`.
async fn raw_backend<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> Backend
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = port().await;
    let backend = at(&listener, Auth::None).await;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    backend
}

/// Reads the head of a request; `false` at the end of the connection.
async fn head(stream: &mut TcpStream) -> bool {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return false,
        }
    }
    true
}

/// A back-end that answers with these bytes, and closes.
async fn saying(answer: String) -> Backend {
    raw_backend(move |mut stream| {
        let answer = answer.clone();
        async move {
            head(&mut stream).await;
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    })
    .await
}

async fn text(backend: &Backend, path: &str) -> Result<String> {
    backend.get(path).send().await?.text().await
}

/// An answer as it is sent, and what the service makes of it: its text, or the caller's sentence.
#[tokio::test]
async fn an_answer_is_taken_or_refused_with_what_is_wrong_with_it() {
    let headers = |count: usize| {
        let lines: String = (0..count).map(|at| format!("X-{at}: {at}\r\n")).collect();
        format!("HTTP/1.1 200 OK\r\n{lines}Content-Length: 2\r\n\r\nok")
    };
    let long = "x".repeat(1_000_000);
    for (answer, told) in [
        // What curl takes.
        (
            "HTTP/1.1 200 OK\r\nX-Note: one\r\n two\r\nContent-Length: 2\r\n\r\nok".to_owned(),
            "ok",
        ),
        (
            "HTTP/1.1 200 OK\r\nX-Note: one\r\n\t\r\nContent-Length: 2\r\n\r\nok".to_owned(),
            "ok",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok".to_owned(),
            "ok",
        ),
        (
            "HTTP/1.1 200 OK\r\nX-Note\t: a\r\nContent-Length: 2\r\n\r\nok".to_owned(),
            "ok",
        ),
        (
            "HTTP/1.1 200 OK\r\nno colon\r\nContent-Length: 2\r\n\r\nok".to_owned(),
            "ok",
        ),
        (
            "HTTP/1.1 200 OK\r\nnocolon\r\nContent-Length: 2\r\n\r\nok".to_owned(),
            "ok",
        ),
        (
            "HTTP/1.1 200 OK\r\nX(y): 1\r\nContent-Length: 2\r\n\r\nok".to_owned(),
            "ok",
        ),
        ("HTTP/1.1 200 OK\nContent-Length: 2\n\nok".to_owned(), "ok"),
        (
            "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok".to_owned(),
            "ok",
        ),
        ("HTTP/1.0 200 OK\r\n\r\nok".to_owned(), "ok"),
        (headers(150), "ok"),
        (headers(250), "ok"),
        // What nobody takes.
        (
            headers(300),
            "502 Bad Gateway: The back-end's answer has more than 256 headers, or too long ones.",
        ),
        (
            format!("HTTP/1.1 200 OK\r\nX-Long: {long}\r\n\r\n"),
            "502 Bad Gateway: The back-end's answer has more than 256 headers, or too long ones.",
        ),
        (
            "220 mail.example.org ESMTP\r\n".to_owned(),
            "502 Bad Gateway: The back-end's answer is not valid HTTP: invalid HTTP version parsed.",
        ),
        (
            "<html>ok</html>\r\n\r\n".to_owned(),
            "502 Bad Gateway: The back-end's answer is not valid HTTP: invalid HTTP version parsed.",
        ),
        (
            "HTTP/1.1 2xx OK\r\n\r\n".to_owned(),
            "502 Bad Gateway: The back-end's answer is not valid HTTP: invalid HTTP status-code parsed.",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok".to_owned(),
            "502 Bad Gateway: The back-end's answer is not valid HTTP: invalid content-length parsed.",
        ),
        // What ends too early.
        (
            String::new(),
            "502 Bad Gateway: The back-end closed the connection before its answer was complete.",
        ),
        (
            "HTTP/1.1 200 OK\r\nX-No".to_owned(),
            "502 Bad Gateway: The back-end closed the connection before its answer was complete.",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok".to_owned(),
            "502 Bad Gateway: The back-end's answer broke off.",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n".to_owned(),
            "502 Bad Gateway: The back-end's answer broke off.",
        ),
    ] {
        let shown: String = answer.chars().take(60).collect();
        let backend = saying(answer).await;
        let answer = text(&backend, "/x").await;
        let answer = answer.unwrap_or_else(|error| error.to_string());
        assert_eq!(answer, told, "{shown:?}");
    }
}

/// An error as it is sent, and the content that the caller gets.
#[tokio::test]
async fn an_error_of_the_back_ends_own_has_a_sentence_also_where_it_has_no_body() {
    for (answer, content) in [
        (
            "502 Bad Gateway\r\nContent-Length: 0\r\n\r\n",
            json!("The back-end answers 502 and says no more."),
        ),
        (
            "503 \r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            json!("The back-end answers 503 and says no more."),
        ),
        (
            "504 Gateway Timeout\r\nContent-Length: 3\r\n\r\n \r\n",
            json!("The back-end answers 504 and says no more."),
        ),
        (
            "500 Internal Server Error\r\nContent-Length: 0\r\n\r\n",
            json!("The back-end answers 500 and says no more."),
        ),
        (
            "599 Odd\r\n\r\n",
            json!("The back-end answers 599 and says no more."),
        ),
        (
            "502 Bad Gateway\r\nContent-Length: 4\r\n\r\ndown",
            json!("down"),
        ),
        ("404 Not Found\r\nContent-Length: 0\r\n\r\n", json!(null)),
        ("409 Conflict\r\nContent-Length: 1\r\n\r\n\n", json!(null)),
        ("429 Slow Down\r\nRetry-After: 1\r\n\r\n", json!(null)),
    ] {
        let backend = saying(format!("HTTP/1.1 {answer}")).await;
        let refused = backend.post("/x").send().await.unwrap_err();
        let body = to_bytes(refused.into_response().into_body(), 1000).await;
        let body: Value = serde_json::from_slice(&body.unwrap()).unwrap();
        assert_eq!(body["error_content"], content, "{answer:?}");
    }
}

/// What the author accepts, and the `Accept-Encoding` that the back-end sees, after a redirect too.
#[tokio::test]
async fn a_back_end_is_asked_for_bodies_that_are_not_compressed() {
    let accepted = async |request: Request| {
        if request.uri() == "/moved" {
            return Redirect::temporary("/x").into_response();
        }
        let headers = request.headers();
        let accepted: Vec<_> = headers.get_all(header::ACCEPT_ENCODING).iter().collect();
        format!("{accepted:?}").into_response()
    };
    let backend = axum_backend(Router::new().fallback(accepted), Auth::None).await;
    for (asked, sent) in [
        (None, r#"["identity"]"#),
        (Some("gzip"), r#"["gzip"]"#),
        (Some("br, *;q=0"), r#"["br, *;q=0"]"#),
    ] {
        for path in ["/x", "/moved"] {
            let request = match asked {
                Some(asked) => {
                    let asked = asked.parse().unwrap();
                    backend.get(path).header(header::ACCEPT_ENCODING, asked)
                }
                None => backend.get(path),
            };
            let answer = request.send().await.unwrap();
            assert_eq!(answer.text().await.unwrap(), sent, "{asked:?} {path}");
        }
    }
}

/// The `Content-Encoding` of an answer, and what is read of it in pieces.
#[tokio::test]
async fn a_body_in_pieces_is_plain_or_refused_and_one_that_is_passed_on_stays_as_it_is() {
    let refusal = |coding: &str| {
        Some(format!(
            "502 Bad Gateway: The back-end's answer has the Content-Encoding {coding:?}, and only a body without one is read in pieces."
        ))
    };
    for (coding, body, refused) in [
        ("gzip", "packed", refusal("gzip")),
        ("br", "packed", refusal("br")),
        ("identity, deflate", "packed", refusal("deflate")),
        ("gzip, br", "packed", refusal("gzip, br")),
        ("identity", "plain", None),
        ("", "plain", None),
        // A body that is not there is in no coding.
        ("gzip", "", None),
    ] {
        let answer = async move || {
            let mut headers = HeaderMap::new();
            if !coding.is_empty() {
                headers.insert(header::CONTENT_ENCODING, coding.parse().unwrap());
            }
            (headers, body)
        };
        let backend = axum_backend(Router::new().fallback(answer), Auth::None).await;
        let get = async || backend.get("/x").send().await.unwrap();
        let piece = get().await.chunk().await;
        let read: Result<Vec<_>> = get().await.into_stream().try_collect().await;
        match refused {
            Some(refused) => {
                assert_eq!(piece.unwrap_err().to_string(), refused);
                assert_eq!(read.unwrap_err().to_string(), refused);
            }
            None => {
                assert_eq!(piece.unwrap().unwrap_or_default(), body, "{coding}");
                assert_eq!(read.unwrap().concat(), body.as_bytes(), "{coding}");
            }
        }
        let passed = get().await.into_response();
        let sent = passed.headers().get(header::CONTENT_ENCODING);
        let sent = sent.map_or("", |coding| coding.to_str().unwrap());
        assert_eq!(sent, coding);
        assert_eq!(to_bytes(passed.into_body(), 1000).await.unwrap(), body);
        let passed = get().await.into_body();
        assert_eq!(to_bytes(passed, 1000).await.unwrap(), body);
    }
}

/// The second request of each connection meets its end.
#[tokio::test]
async fn a_kept_connection_that_closes_costs_no_request_that_may_be_repeated() {
    let posts = Arc::new(AtomicUsize::new(0));
    let count = posts.clone();
    let backend = raw_backend(move |mut stream| {
        let count = count.clone();
        async move {
            head(&mut stream).await;
            count.fetch_add(1, Ordering::SeqCst);
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                .await;
            if head(&mut stream).await {
                count.fetch_add(1, Ordering::SeqCst);
            }
        }
    })
    .await;
    for _ in 0..10 {
        assert_eq!(text(&backend, "/x").await.unwrap(), "ok");
    }
    let put = async || backend.put("/x").body("once or twice").send().await;
    assert!(put().await.is_ok() && put().await.is_ok());

    // A POST may have had its effect: it is sent once, and the caller is told.
    let mut refused = 0;
    posts.store(0, Ordering::SeqCst);
    for _ in 0..4 {
        if let Err(error) = backend.post("/x").body("once").send().await {
            let told = "502 Bad Gateway: The back-end closed the connection before its answer was complete.";
            assert_eq!(error.to_string(), told);
            refused += 1;
        }
    }
    assert_eq!((refused, posts.load(Ordering::SeqCst)), (2, 4));
}

/// The server gives up a connection just when the next request is sent on it.
#[tokio::test]
async fn no_request_is_lost_at_the_pace_at_which_the_back_end_closes_connections() {
    const IDLE: Duration = Duration::from_millis(20);
    const CALLERS: usize = 50;
    const EACH: usize = 200;
    let backend = raw_backend(async |mut stream| {
        let mut asked = head(&mut stream).await;
        while asked {
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
            if stream.write_all(answer).await.is_err() {
                return;
            }
            asked = matches!(timeout(IDLE, head(&mut stream)).await, Ok(true));
        }
    })
    .await;
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let backend = backend.clone();
        callers.spawn(async move {
            let mut lost = Vec::new();
            for _ in 0..EACH {
                sleep(IDLE).await;
                lost.extend(
                    text(&backend, "/x")
                        .await
                        .err()
                        .map(|error| error.to_string()),
                );
            }
            lost
        });
    }
    let lost = callers.join_all().await.concat();
    assert_eq!(lost.first(), None, "of {} that were lost", lost.len());
}

/// A path of the back-end below, and what the service makes of it.
#[tokio::test]
async fn a_redirect_is_followed_or_the_caller_is_told_why_not() {
    let backend = axum_backend(Router::new().fallback(redirecting), Auth::None).await;
    for (path, told) in [
        // Cookie walls.
        ("/wall", "you are in: seen=1"),
        ("/wall/deep", "you are in: seen=1"),
        ("/steps/0", "you are in: step=3"),
        ("/removed", "you are in: "),
        // Targets.
        ("/raw", "/caf%C3%A9"),
        ("/latin", "/caf%E9"),
        ("/relative/x", "/relative/y?z"),
        // Reasons.
        (
            "/circle",
            "502 Bad Gateway: The back-end redirects more than 10 times (302 Found).",
        ),
        (
            "/elsewhere",
            "502 Bad Gateway: The back-end redirects to https://example.org, which is another origin than its own (302 Found).",
        ),
        (
            "/nowhere",
            "502 Bad Gateway: The back-end redirects to no place that it names (302 Found).",
        ),
        (
            "/choices",
            "502 Bad Gateway: The back-end answers neither success nor error (300 Multiple Choices).",
        ),
    ] {
        let answer = text(&backend, path).await;
        assert_eq!(
            answer.unwrap_or_else(|error| error.to_string()),
            told,
            "{path}"
        );
    }
    let posted = backend.post("/wall").send().await.unwrap_err();
    assert_eq!(
        posted.to_string(),
        "502 Bad Gateway: The back-end redirects a POST, and only GET and HEAD are sent to another place (302 Found)."
    );
    let out = backend
        .get("/jobs")
        .segment("out")
        .send()
        .await
        .unwrap_err();
    assert_eq!(
        out.to_string(),
        "502 Bad Gateway: The back-end redirects out of /jobs/, where a part of the path comes from the caller (302 Found)."
    );
}

/// A `Cookie` header of the author's own goes along a redirect, with what is set on the way.
#[tokio::test]
async fn a_cookie_of_the_authors_outlives_a_redirect() {
    let backend = axum_backend(Router::new().fallback(redirecting), Auth::None).await;
    for (path, cookies, told) in [
        ("/moved", &["lang=de"][..], "you are in: lang=de"),
        ("/moved", &["lang=de; a=1"], "you are in: lang=de; a=1"),
        ("/moved", &[], "you are in: "),
        ("/setting", &["lang=de"], "you are in: lang=de; seen=1"),
        (
            "/setting",
            &["seen=0; lang=de"],
            "you are in: lang=de; seen=1",
        ),
        (
            "/setting",
            &["lang=de", "a=1"],
            "you are in: lang=de; a=1; seen=1",
        ),
        ("/removed", &["seen=0"], "you are in: "),
    ] {
        let request = cookies.iter().fold(backend.get(path), |request, cookie| {
            request.header(header::COOKIE, cookie.parse().unwrap())
        });
        let answer = request.send().await.unwrap();
        assert_eq!(answer.text().await.unwrap(), told, "{path} {cookies:?}");
    }
}

async fn redirecting(request: Request) -> Response {
    let cookies = request.headers().get("cookie");
    let cookies = cookies
        .map_or("", |cookies| cookies.to_str().unwrap())
        .to_owned();
    let to = |location: &'static [u8], cookie: &str| {
        let location = header::HeaderValue::from_bytes(location).unwrap();
        let mut headers = HeaderMap::from_iter([(header::LOCATION, location)]);
        if !cookie.is_empty() {
            headers.insert(header::SET_COOKIE, cookie.parse().unwrap());
        }
        (StatusCode::FOUND, headers).into_response()
    };
    let inside = format!("you are in: {cookies}");
    let path = request.uri().to_string();
    match (path.as_str(), cookies.as_str()) {
        ("/wall" | "/wall/deep", "seen=1") => inside.into_response(),
        ("/wall", _) => to(b"/wall", "seen=1"),
        ("/wall/deep", _) => to(b"deep", "seen=1; Path=/wall; HttpOnly; SameSite=Lax"),
        ("/steps/0", "") => to(b"/steps/1", "step=1; Path=/steps"),
        ("/steps/1", "step=1") => to(b"/steps/2", "step=2; Path=/steps"),
        ("/steps/2", "step=2") => to(b"/steps/3", "step=3; Path=/steps"),
        ("/steps/3", "step=3") => inside.into_response(),
        ("/removed", _) => to(b"/removed/1", "seen=1; Path=/"),
        ("/removed/1", _) => to(b"/removed/2", "seen=; Path=/; Max-Age=0"),
        ("/removed/2" | "/in", _) => inside.into_response(),
        ("/moved", _) => to(b"/in", ""),
        ("/setting", _) => to(b"/in", "seen=1"),
        ("/raw", _) => to("/café".as_bytes(), ""),
        ("/latin", _) => to(b"/caf\xe9", ""),
        ("/relative/x", _) => to(b"y?z#part", ""),
        ("/circle", _) => to(b"/circle", ""),
        ("/elsewhere", _) => to(b"https://example.org/login?next=secret", ""),
        ("/nowhere", _) => StatusCode::FOUND.into_response(),
        ("/choices", _) => StatusCode::MULTIPLE_CHOICES.into_response(),
        ("/jobs/out", _) => to(b"/metrics", ""),
        _ => path.into_response(),
    }
}

fn challenges(error: BackendError) -> Vec<String> {
    let answer = error.into_response();
    let lines = answer.headers().get_all(header::WWW_AUTHENTICATE);
    lines
        .iter()
        .map(|line| line.to_str().unwrap().to_owned())
        .collect()
}

/// What helps the caller comes first: how to log in to the service. Then what the back-end says.
#[tokio::test]
async fn every_challenge_of_the_back_end_is_passed_on() {
    let own = format!(r#"Basic realm="{NAME}", charset="UTF-8""#);
    for said in [
        &[][..],
        &[r#"Bearer realm="backend", error="invalid_token""#],
        &[r#"Bearer realm="backend""#, r#"Basic realm="backend""#],
        &["Negotiate", "NTLM", r#"Digest realm="a, b", nonce="x""#],
    ] {
        let answer = async move || {
            let mut headers = HeaderMap::new();
            for line in said {
                headers.append(header::WWW_AUTHENTICATE, line.parse().unwrap());
            }
            (StatusCode::UNAUTHORIZED, headers).into_response()
        };
        for auth in [Auth::None, Auth::Basic] {
            let backend = axum_backend(Router::new().fallback(answer), auth).await;
            let sent = HeaderMap::from_iter([(
                header::AUTHORIZATION,
                "Basic YWRhOnJpZ2h0".parse().unwrap(),
            )]);
            let caller = Caller::from_headers(&sent);
            let refused = backend.get("/x").send_as(&caller).await.unwrap_err();
            let first = (auth == Auth::Basic).then_some(own.as_str());
            let expected: Vec<_> = first.into_iter().chain(said.iter().copied()).collect();
            assert_eq!(challenges(refused), expected, "{auth:?}");
        }
    }
}

/// A handler that returns the answer as it is passes every line of a header on.
#[tokio::test]
async fn headers_that_come_twice_are_passed_on_twice() {
    let answer = async || {
        AppendHeaders([
            (header::CACHE_CONTROL, "no-store"),
            (header::CACHE_CONTROL, "private"),
            (header::CONTENT_LANGUAGE, "de"),
            (header::CONTENT_LANGUAGE, "fr"),
        ])
    };
    let backend = axum_backend(Router::new().fallback(answer), Auth::None).await;
    let passed = backend.get("/x").send().await.unwrap().into_response();
    for (name, lines) in [
        (header::CACHE_CONTROL, ["no-store", "private"]),
        (header::CONTENT_LANGUAGE, ["de", "fr"]),
    ] {
        let found: Vec<_> = passed.headers().get_all(&name).iter().collect();
        assert_eq!(found, lines, "{name}");
    }
}
