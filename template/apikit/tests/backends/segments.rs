//! A caller's part of a path stays in its place, also where a proxy on the way cleans paths.

use apikit::{Auth, Backend};
use axum::{
    Router,
    extract::Request,
    response::{IntoResponse, Redirect, Response},
};
use clap::Parser;
use std::time::Duration;
use tokio::net::TcpListener;

#[derive(Parser)]
struct Settings {
    #[command(flatten)]
    backend: apikit::backend::BackendSettings,
}

/// A back-end behind a proxy that decodes and cleans paths, and redirects to what it takes for the right one, as Go's and
/// nginx's do. It answers with the path that it was asked for.
async fn cleaning() -> Backend {
    async fn clean(request: Request) -> Response {
        let asked = request.uri().path().to_owned();
        let decoded = decoded(&asked);
        let mut parts: Vec<&str> = Vec::new();
        for part in decoded.split('/').skip(1) {
            match part {
                "" | "." => {}
                ".." => drop(parts.pop()),
                part => parts.push(part),
            }
        }
        let cleaned = format!("/{}", parts.join("/"));
        match decoded == cleaned {
            true => format!("{cleaned:?}").into_response(),
            false => Redirect::permanent(&cleaned).into_response(),
        }
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let app = Router::new().fallback(clean);
    tokio::spawn(async { axum::serve(listener, app).await });
    let settings = Settings::parse_from(["test", "--backend-url", &url]);
    Backend::new(
        &settings.backend,
        Auth::None,
        "test",
        Duration::from_secs(5),
    )
    .unwrap()
}

fn decoded(path: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = path.as_bytes();
    while let [first, after @ ..] = rest {
        let code = after
            .get(..2)
            .and_then(|code| std::str::from_utf8(code).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = &after[2..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test]
async fn a_segment_arrives_whole_or_is_refused() {
    let backend = cleaning().await;
    for segment in [
        "a",
        "a b",
        "a\tb",
        "a\r\nb",
        ".\u{7}x",
        "a%2Fb",
        "%2F",
        "...",
        "a..b",
        "é日🦀",
        "?a#b",
        ";:@&=+$,",
        "a%00b",
    ] {
        let answer = backend.get("/echo").segment(segment).send().await.unwrap();
        let expected = format!("{:?}", format!("/echo/{segment}"));
        assert_eq!(answer.text().await.unwrap(), expected, "{segment:?}");
    }
    // A slash of the segment's own is a slash to such a proxy, and stays below.
    let answer = backend.get("/echo").segment("a/b").send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "\"/echo/a/b\"");
    for segment in [
        "",
        ".",
        "..",
        "%2e",
        "%2E%2e",
        ".\t.",
        "\t..",
        "..\n",
        "x/../../api",
        "x/..",
        "../api",
        "x\\..\\api",
        "x%2f..%2fapi",
        "x%5C..",
        "a//b",
        "/a",
        "a/",
        "./a",
        "x/.\t./api",
        "x/%2e%2e/api",
    ] {
        let refused = backend
            .get("/echo")
            .segment(segment)
            .send()
            .await
            .unwrap_err();
        assert_eq!(refused.status().as_u16(), 400, "{segment:?}");
    }
}

#[tokio::test]
async fn a_redirect_out_of_the_place_of_a_segment_is_not_followed() {
    let app = Router::new().fallback(async |request: Request| match request.uri().path() {
        "/jobs/out" => Redirect::permanent("/secret").into_response(),
        "/jobs/in" => Redirect::permanent("/jobs/there").into_response(),
        path => path.to_owned().into_response(),
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async { axum::serve(listener, app).await });
    let settings = Settings::parse_from(["test", "--backend-url", &url]);
    let backend = Backend::new(
        &settings.backend,
        Auth::None,
        "test",
        Duration::from_secs(5),
    )
    .unwrap();
    let inside = backend.get("/jobs").segment("in").send().await.unwrap();
    assert_eq!(inside.text().await.unwrap(), "/jobs/there");
    let outside = backend
        .get("/jobs")
        .segment("out")
        .send()
        .await
        .unwrap_err();
    assert_eq!(outside.status().as_u16(), 502);
    // What the author wrote whole may lead anywhere on its origin.
    let whole = backend.get("/jobs/out").send().await.unwrap();
    assert_eq!(whole.text().await.unwrap(), "/secret");
}
