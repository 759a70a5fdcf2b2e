//! The body of an answer of 400 and above stays, becomes the content of an error, or is told in the log.

use std::{
    convert::Infallible,
    io::{self, Write},
    sync::{Arc, Mutex},
};

use apikit::{BackendError, Verbatim};
use axum::{
    Json, Router,
    body::Body,
    http::{StatusCode, header},
    response::{
        Html, IntoResponse,
        sse::{Event, Sse},
    },
    routing::get,
};
use futures_util::stream;
use serde_json::{Value, json};
use tracing::{
    Dispatch,
    subscriber::{DefaultGuard, set_default},
};
use utoipa_axum::router::OpenApiRouter;

use crate::author::{Answer, started};

/// What the thread of a test logs.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// A span that another thread meets first is off for all where there is only one subscriber: hence the second.
    fn hear(&self) -> (DefaultGuard, Dispatch) {
        let log = self.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(move || log.clone());
        let second = Dispatch::new(tracing_subscriber::registry());
        (set_default(subscriber.finish()), second)
    }

    /// The lines that are warnings or errors, and the log is empty again.
    fn complaints(&self) -> Vec<String> {
        let text = String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap();
        let is_complaint = |line: &&str| line.contains(" WARN ") || line.contains(" ERROR ");
        text.lines()
            .filter(is_complaint)
            .map(str::to_owned)
            .collect()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn routes() -> OpenApiRouter<()> {
    const CONFLICT: StatusCode = StatusCode::CONFLICT;
    const FAULT: StatusCode = StatusCode::INTERNAL_SERVER_ERROR;
    let problem = || {
        let body = json!({"title": "Taken"}).to_string();
        ([(header::CONTENT_TYPE, "application/problem+json")], body)
    };
    let ticks = || stream::repeat_with(|| Ok::<_, Infallible>(Event::default().data("tick")));
    let packed = || ([(header::CONTENT_ENCODING, "br")], "packed");
    let breaks_off = || {
        let parts = [Ok("The beginning"), Err(io::Error::other("broken"))];
        Body::from_stream(stream::iter(parts))
    };
    let routes = Router::new()
        .route("/text", get(async || (CONFLICT, "taken")))
        .route("/json", get(async || (CONFLICT, Json(json!({"n": 1})))))
        .route("/problem", get(async move || (CONFLICT, problem())))
        .route("/html", get(async || (CONFLICT, Html("<p>Taken."))))
        .route("/nothing", get(async || CONFLICT))
        .route(
            "/cut",
            get(async || (CONFLICT, format!("x{}", "é".repeat(4000)))),
        )
        .route("/bytes", get(async || (CONFLICT, vec![1_u8, 2])))
        .route("/zero", get(async || (CONFLICT, "a\0b")))
        .route("/packed", get(async move || (CONFLICT, packed())))
        .route("/events", get(async move || (CONFLICT, Sse::new(ticks()))))
        .route("/broken", get(async move || (CONFLICT, breaks_off())))
        .route("/fault", get(async || (FAULT, "the disk is full")))
        .route("/silent-fault", get(async || FAULT))
        .route(
            "/internal",
            get(async || BackendError::internal("the disk is full")),
        )
        .route("/own-fault", get(async || Verbatim((FAULT, "Sorry."))))
        .route(
            "/own-large",
            get(async || Verbatim((CONFLICT, vec![7_u8; 100_000]))),
        )
        .route(
            "/own-error",
            get(async || Verbatim(BackendError::not_found("why"))),
        )
        .route("/own-refusal", get(own_refusal));
    OpenApiRouter::from(routes)
}

/// As a handler has it that mixes errors of both kinds.
async fn own_refusal() -> Result<(), impl IntoResponse> {
    Err(Verbatim((StatusCode::IM_A_TEAPOT, "short and stout")))
}

#[tokio::test]
async fn a_body_becomes_the_content_of_the_error_and_what_is_lost_is_told() {
    let log = Log::default();
    let _hearing = log.hear();
    let app = started(routes, &[]).await;
    let cut = format!("x{}", "é".repeat(2047));
    for (path, content, is_told) in [
        ("/text", json!("taken"), false),
        ("/json", json!("{\"n\":1}"), false),
        ("/problem", json!("{\"title\":\"Taken\"}"), false),
        ("/html", json!("<p>Taken."), false),
        ("/nothing", Value::Null, false),
        ("/cut", json!(cut), true),
        ("/bytes", Value::Null, true),
        ("/zero", Value::Null, true),
        ("/packed", Value::Null, true),
        ("/events", Value::Null, true),
        ("/broken", json!("The beginning"), true),
    ] {
        let answer = Answer::get(&app, path).await;
        assert_eq!(answer.status, 409, "{path}");
        assert_eq!(answer.error()["error_content"], content, "{path}");
        assert_eq!(answer.header("content-encoding"), None, "{path}");
        let told = log.complaints();
        assert_eq!(told.len(), usize::from(is_told), "{path}: {told:?}");
        let id = answer.header("x-request-id").unwrap();
        for part in [id, "status=409", "apikit::Verbatim"] {
            assert!(told.iter().all(|line| line.contains(part)), "{told:?}");
        }
    }
}

#[tokio::test]
async fn what_a_500_said_is_in_the_log_once_and_not_in_the_answer() {
    let log = Log::default();
    let _hearing = log.hear();
    let app = started(routes, &[]).await;
    for (path, cause) in [
        ("/fault", "the disk is full"),
        ("/internal", "the disk is full"),
        ("/silent-fault", "status=500"),
    ] {
        let answer = Answer::get(&app, path).await;
        let id = answer.header("x-request-id").unwrap();
        let content = format!("The log says why, under request id {id}.");
        assert_eq!(answer.error()["error_content"], content, "{path}");
        let told = log.complaints();
        assert_eq!(told.len(), 1, "{path}: {told:?}");
        assert!(told[0].contains(cause) && told[0].contains(id), "{told:?}");
        assert!(told[0].contains(" ERROR "), "{told:?}");
    }
}

#[tokio::test]
async fn a_body_of_the_authors_own_stays_at_any_length_and_status() {
    let log = Log::default();
    let _hearing = log.hear();
    let app = started(routes, &[]).await;
    for (path, status, body) in [
        ("/own-fault", 500, "Sorry.".to_owned()),
        ("/own-large", 409, "\u{7}".repeat(100_000)),
        ("/own-refusal", 418, "short and stout".to_owned()),
    ] {
        let answer = Answer::get(&app, path).await;
        assert_eq!((answer.status, answer.body), (status, body), "{path}");
    }
    let answer = Answer::get(&app, "/own-error").await;
    assert_eq!(answer.error()["error_content"], "why");
    assert_eq!(log.complaints(), [""; 0]);
}
