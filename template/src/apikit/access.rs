//! House: one id and one log line for each request.

use std::{fmt, sync::Arc, time::Instant};

use axum::{
    extract::Request,
    http::{HeaderName, HeaderValue, Method},
    middleware::Next,
    response::Response,
};
use tracing::Instrument;

/// The header that brings a request's id and takes it back.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longer ids than this are somebody's mistake, and would be copied into every log line.
const MAX_ID: usize = 128;

/// The id of one request: the client's own where it is sane, else 32 random hexadecimal digits.
#[derive(Clone, Debug)]
pub struct RequestId(Arc<str>);

impl RequestId {
    fn of(request: &Request) -> Self {
        let sent = request.headers().get(REQUEST_ID);
        match sent
            .and_then(|id| id.to_str().ok())
            .filter(|id| is_sane(id))
        {
            Some(id) => Self(id.into()),
            None => Self(format!("{:032x}", fastrand::u128(..)).into()),
        }
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_sane(id: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=MAX_ID).contains(&id.len()) && id.bytes().all(plain)
}

/// The status in the log of a request whose client left before the answer, as nginx has it.
const CLIENT_LEFT: u16 = 499;

/// Middleware that gives the request its id (`X-Request-Id`, also in the answer and in every log
/// line of the request) and writes one line when it is answered, or when its client has left.
///
/// Health checks come every few seconds and are told at `debug` only. The query is left out of
/// the line: callers put names and tokens there.
pub async fn log(mut request: Request, next: Next) -> Response {
    let id = RequestId::of(&request);
    request.extensions_mut().insert(id.clone());
    let line = Line {
        method: request.method().clone(),
        path: request.uri().path().to_owned(),
        start: Instant::now(),
        status: CLIENT_LEFT,
    };
    // At `error`, so that no level takes the id away from the lines of the request.
    let span = tracing::error_span!("request", request_id = %id);
    async move {
        let mut line = line;
        let mut response = next.run(request).await;
        if let Ok(value) = HeaderValue::from_str(&id.0) {
            response.headers_mut().insert(REQUEST_ID, value);
        }
        line.status = response.status().as_u16();
        response
    }
    .instrument(span)
    .await
}

/// The log line of a request, written when this is dropped.
struct Line {
    method: Method,
    path: String,
    start: Instant,
    status: u16,
}

impl Drop for Line {
    fn drop(&mut self) {
        let Self {
            method,
            path,
            start,
            status,
        } = self;
        let milliseconds = start.elapsed().as_micros() as f64 / 1000.0;
        if super::health::is_check(path) {
            tracing::debug!(target: "access", %method, path, status, milliseconds, "answered");
        } else {
            tracing::info!(target: "access", %method, path, status, milliseconds, "answered");
        }
    }
}
