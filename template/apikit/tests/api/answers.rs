//! Answers that authors want: bodies of their own, forms, files, pages, events, and pages of other origins.

use std::convert::Infallible;

use apikit::{
    App, Deprecated, Setup, Shutdown, StartError, Verbatim,
    testing::{self, TestApp},
};
use axum::{
    Form, Json, Router,
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, Multipart, Path, Query, Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{
        Html, IntoResponse, Redirect, Response,
        sse::{Event, Sse},
    },
    routing::{get, post},
};
use futures_util::{Stream, stream};
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tower::ServiceExt;
use utoipa_axum::router::OpenApiRouter;

use crate::{
    probe::{Config, IDENTITY},
    test_app::{Answer, client},
};

#[derive(Deserialize)]
struct Job {
    name: String,
}

fn routes() -> OpenApiRouter<Shutdown> {
    let long = || "x".repeat(5000);
    let routes = Router::new()
        .route(
            "/own",
            get(async || Verbatim((StatusCode::TOO_MANY_REQUESTS, Json(json!({"queue": 17}))))),
        )
        .route(
            "/own-page",
            get(async || Verbatim((StatusCode::NOT_FOUND, Html("<p>Gone.")))),
        )
        .route(
            "/json",
            get(async || (StatusCode::CONFLICT, Json(json!({"queue": 17})))),
        )
        .route("/long", get(async move || (StatusCode::CONFLICT, long())))
        .route(
            "/bytes",
            get(async || (StatusCode::CONFLICT, Bytes::from_static(&[0, 159, 146]))),
        )
        .route("/form", post(async |Form(job): Form<Job>| job.name))
        .route("/body", post(async |Json(job): Json<Job>| job.name))
        .route("/query", get(async |Query(job): Query<Job>| job.name))
        .route(
            "/number/{number}",
            get(async |Path(number): Path<u8>| number.to_string()),
        )
        .route("/files", post(files))
        .route(
            "/large",
            post(async |body: Bytes| body.len().to_string())
                .layer(DefaultBodyLimit::max(20_000_000)),
        )
        .route("/file", get(file))
        .route("/page", get(async || Html("<p>Hello.")))
        .route("/moved", get(async || Redirect::to("/page")))
        .route("/events", get(events))
        .route("/socket", get(async || StatusCode::SWITCHING_PROTOCOLS))
        .route("/panic", get(panics));
    OpenApiRouter::from(routes)
}

async fn files(mut files: Multipart) -> Result<String, Response> {
    let mut names = Vec::new();
    while let Some(file) = files
        .next_field()
        .await
        .map_err(IntoResponse::into_response)?
    {
        names.push(file.file_name().unwrap_or_default().to_owned());
    }
    Ok(names.join(","))
}

async fn file() -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, "text/csv"),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"numbers.csv\"",
        ),
    ];
    (headers, "1,2\n")
}

async fn events(
    State(shutdown): State<Shutdown>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let first = stream::iter([Ok(Event::default().data("tick"))]);
    let silence = stream::pending();
    Sse::new(shutdown.end(futures_util::StreamExt::chain(first, silence)))
}

async fn panics() -> &'static str {
    panic!("a fault of the author's")
}

async fn started(flags: &[&str]) -> TestApp {
    let start = async |_: &Config, setup: &mut Setup| Ok::<_, StartError>(setup.shutdown());
    let app = App::new(IDENTITY, routes, start);
    TestApp::start(app, flags).await.unwrap()
}

async fn get_from(app: &TestApp, path: &str) -> Answer {
    Answer::of(client().get(app.url(path))).await
}

#[tokio::test]
async fn a_body_of_the_authors_own_stays_where_that_is_said() {
    let app = started(&[]).await;
    let answer = get_from(&app, "/own").await;
    assert_eq!((answer.status, answer.json()), (429, json!({"queue": 17})));
    let answer = get_from(&app, "/own-page").await;
    assert_eq!((answer.status, answer.body.as_str()), (404, "<p>Gone."));
    assert_eq!(
        answer.header("content-type"),
        Some("text/html; charset=utf-8")
    );
}

#[tokio::test]
async fn what_is_not_said_becomes_the_content_of_an_error_as_far_as_it_is_text() {
    let app = started(&[]).await;
    for (path, content) in [
        ("/json", json!("{\"queue\":17}")),
        ("/long", json!("x".repeat(4096))),
        ("/bytes", Value::Null),
    ] {
        let answer = get_from(&app, path).await;
        let expected = json!({"reason": "Conflict", "status_code": 409, "error_content": content});
        assert_eq!(answer.json(), expected, "{path}");
    }
}

#[tokio::test]
async fn what_an_extractor_refuses_has_the_shape_and_says_why() {
    let app = started(&[]).await;
    let post = |path: &str, media_type: &'static str, body: &'static str| {
        let request = client().post(app.url(path));
        request.header("content-type", media_type).body(body)
    };
    for (request, status, says) in [
        (post("/body", "text/plain", "{}"), 415, "Content-Type"),
        (
            post("/body", "application/json", "{"),
            400,
            "EOF while parsing",
        ),
        (
            post("/body", "application/json", "{}"),
            422,
            "missing field `name`",
        ),
        (
            post("/form", "application/x-www-form-urlencoded", "x=1"),
            422,
            "missing field `name`",
        ),
        (post("/form", "text/plain", "name=a"), 415, "Form requests"),
        (post("/files", "text/plain", ""), 400, "boundary"),
        (client().get(app.url("/query")), 400, "missing field `name`"),
        (
            client().get(app.url("/number/300")),
            400,
            "Cannot parse `300`",
        ),
        (client().get(app.url("/body")), 405, ""),
    ] {
        let answer = Answer::of(request).await;
        assert_eq!(answer.status, status, "{}", answer.body);
        assert_eq!(answer.json()["status_code"], status);
        let content = answer.json()["error_content"].to_string();
        assert!(content.contains(says), "{says}: {content}");
    }
}

#[tokio::test]
async fn forms_files_pages_and_redirects_are_as_axum_has_them() {
    let app = started(&[]).await;
    let form = client().post(app.url("/form"));
    let form = form.header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(Answer::of(form.body("name=b%C3%BCro")).await.body, "büro");

    let part = |name: &'static str| reqwest::multipart::Part::text("1").file_name(name);
    let files = reqwest::multipart::Form::new()
        .part("a", part("a.csv"))
        .part("b", part("b.csv"));
    let sent = client().post(app.url("/files")).multipart(files);
    assert_eq!(Answer::of(sent).await.body, "a.csv,b.csv");

    let answer = get_from(&app, "/file").await;
    assert_eq!(answer.body, "1,2\n");
    assert_eq!(
        answer.header("content-disposition"),
        Some("attachment; filename=\"numbers.csv\"")
    );
    assert_eq!(
        get_from(&app, "/page").await.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    let answer = get_from(&app, "/moved").await;
    assert_eq!(
        (answer.status, answer.header("location")),
        (303, Some("/page"))
    );
}

#[tokio::test]
async fn a_deprecated_route_says_since_when_and_until_when() {
    let old_age = Deprecated::since("2026-11-01")
        .until("2027-05-01")
        .see("https://example.org/moving-on");
    let routes = Router::new().route("/old", get(async || "old").layer(old_age));
    let answer = routes.oneshot(Request::get("/old").body(Body::empty()).unwrap());
    let answer = answer.await.unwrap();
    for (name, value) in [
        ("deprecation", "@1793491200"),
        ("sunset", "Sat, 01 May 2027 00:00:00 GMT"),
        (
            "link",
            r#"<https://example.org/moving-on>; rel="deprecation"; type="text/html""#,
        ),
    ] {
        assert_eq!(answer.headers()[name], value);
    }
    let wrong = std::panic::catch_unwind(|| Deprecated::since("1st of May")).unwrap_err();
    let sentence = wrong.downcast_ref::<String>().unwrap();
    assert_eq!(sentence, "\"1st of May\" is no day such as 2026-11-01.");
}

#[tokio::test]
async fn a_route_may_take_twenty_megabytes_and_the_others_take_two() {
    let app = started(&[]).await;
    for (path, length, status) in [
        ("/large", 20_000_000, 200),
        ("/large", 20_000_001, 413),
        ("/body", 2_097_153, 413),
    ] {
        let request = client()
            .post(app.url(path))
            .header("content-type", "application/json");
        let answer = Answer::of(request.body(vec![b' '; length])).await;
        assert_eq!(answer.status, status, "{path} {length}: {}", answer.body);
        if status == 413 {
            assert_eq!(answer.json()["reason"], "Payload Too Large");
        }
    }
}

#[tokio::test]
async fn events_are_ended_when_the_service_closes_and_not_at_the_end_of_its_grace() {
    let app = started(&["--shutdown-grace=1h"]).await;
    let mut answer = client().get(app.url("/events")).send().await.unwrap();
    assert_eq!(answer.chunk().await.unwrap().unwrap(), "data: tick\n\n");
    app.stop();
    assert_eq!(answer.chunk().await.unwrap(), None);
    app.stopped().await.unwrap();
}

#[tokio::test]
async fn an_upgrade_is_refused_with_a_sentence() {
    let app = started(&[]).await;
    let mut stream = tokio::net::TcpStream::connect(app.address).await.unwrap();
    let request = "GET /socket HTTP/1.1\r\nhost: a\r\nconnection: upgrade, close\r\nupgrade: websocket\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 501 "), "{answer}");
    assert!(
        answer.contains("Connections cannot be upgraded"),
        "{answer}"
    );
}

const PAGE: &str = "https://app.example.org";

/// What a browser is told whose page at `origin` asks.
async fn cors_headers(app: &TestApp, method: Method, path: &str, origin: &str) -> (u16, HeaderMap) {
    let request = client()
        .request(method.clone(), app.url(path))
        .header("origin", origin);
    let request = match method {
        Method::OPTIONS => request
            .header("access-control-request-method", "PUT")
            .header("access-control-request-headers", "authorization,x-mine"),
        _ => request,
    };
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.headers().clone())
}

#[tokio::test]
async fn pages_of_an_allowed_origin_may_read_every_answer() {
    let flags = [
        "--cors-allow-origin=https://app.example.org,http://localhost:3000",
        "--max-in-flight=1",
    ];
    let app = started(&flags).await;
    let long = format!("/{}", "x".repeat(9000));
    for (path, status) in [
        ("/page", 200),
        ("/", 200),
        ("/metadata", 200),
        ("/nowhere", 404),
        ("/panic", 500),
        ("/form", 405),
        (&long, 414),
    ] {
        let (found, headers) = cors_headers(&app, Method::GET, path, PAGE).await;
        assert_eq!(found, status, "{path}");
        assert_eq!(headers["access-control-allow-origin"], PAGE, "{path}");
        assert_eq!(
            headers["access-control-allow-credentials"], "true",
            "{path}"
        );
        let exposed = headers["access-control-expose-headers"].to_str().unwrap();
        assert!(
            exposed.contains("x-request-id") && exposed.contains("retry-after"),
            "{exposed}"
        );
        let (_, headers) = cors_headers(&app, Method::GET, path, "https://evil.example").await;
        assert!(
            !headers.contains_key("access-control-allow-origin"),
            "{path}"
        );
    }
    let (status, headers) = cors_headers(&app, Method::OPTIONS, "/page", PAGE).await;
    assert_eq!(status, 200);
    assert_eq!(headers["access-control-allow-methods"], "PUT");
    assert_eq!(
        headers["access-control-allow-headers"],
        "authorization,x-mine"
    );
    assert!(headers["vary"].to_str().unwrap().contains("origin"));
}

#[tokio::test]
async fn all_pages_may_read_without_credentials_and_none_where_nothing_is_set() {
    let app = started(&["--cors-allow-origin=*"]).await;
    let (_, headers) = cors_headers(&app, Method::GET, "/page", PAGE).await;
    assert_eq!(headers["access-control-allow-origin"], "*");
    assert!(!headers.contains_key("access-control-allow-credentials"));
    let app = started(&[]).await;
    let (_, headers) = cors_headers(&app, Method::GET, "/page", PAGE).await;
    assert!(
        !headers
            .keys()
            .any(|name| name.as_str().starts_with("access-control"))
    );
}

#[test]
fn an_origin_that_browsers_never_send_is_refused() {
    for origin in [
        "app.example.org",
        "https://app.example.org/",
        "https://App.example.org",
        "https://a.example:443",
        "null",
        "",
    ] {
        let flag = format!("--cors-allow-origin={origin}");
        let refused = testing::parsed::<Config>(&IDENTITY, &[flag])
            .map(|_| ())
            .unwrap_err();
        assert!(
            refused.contains("an origin such as https://app.example.org"),
            "{origin}: {refused}"
        );
    }
}
