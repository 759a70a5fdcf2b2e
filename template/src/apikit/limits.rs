//! House: what one request may cost, and how many may run at once.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{Request, State},
    http::StatusCode,
    middleware::Next,
    response::{IntoResponse, Response},
};
use tokio::sync::Semaphore;

use super::error::{BackendError, Result};

/// Longer URIs than this are refused, in bytes. Browsers and proxies stop near here as well.
const MAX_URI: usize = 8 * 1024;

/// The most bytes that all header names and values of a request may have together.
const MAX_HEADER_BYTES: usize = 32 * 1024;

/// The most headers that a request may have.
const MAX_HEADERS: usize = 100;

/// How soon a caller who found the service full may come back.
const FULL_FOR: Duration = Duration::from_secs(1);

/// Middleware that refuses an oversized URI with 414 and oversized headers with 431.
pub async fn head(request: Request, next: Next) -> Response {
    let uri = request.uri();
    let path_and_query = uri.path_and_query().map_or(0, |uri| uri.as_str().len());
    if path_and_query > MAX_URI {
        return BackendError::new(StatusCode::URI_TOO_LONG)
            .with_content(format!("The URI is longer than {MAX_URI} bytes."))
            .into_response();
    }
    let headers = request.headers();
    let bytes: usize = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    if bytes > MAX_HEADER_BYTES || headers.len() > MAX_HEADERS {
        return BackendError::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)
            .with_content(format!(
                "The request has more than {MAX_HEADERS} headers or {MAX_HEADER_BYTES} bytes of them."
            ))
            .into_response();
    }
    next.run(request).await
}

/// Middleware that gives a request `limit` to be answered, and answers 504 in its place after that.
pub async fn time(State(limit): State<Duration>, request: Request, next: Next) -> Result<Response> {
    tokio::time::timeout(limit, next.run(request))
        .await
        .map_err(|_| {
            let limit = humantime::format_duration(limit);
            BackendError::gateway_timeout(format!("The request took longer than {limit}."))
        })
}

/// The places for requests that may run at once. Clones share them.
#[derive(Clone, Debug)]
pub struct Places(Arc<Semaphore>);

impl Places {
    /// Room for `count` requests.
    pub fn new(count: usize) -> Self {
        Self(Arc::new(Semaphore::new(count.min(Semaphore::MAX_PERMITS))))
    }
}

/// Middleware that refuses a request with 503 and `Retry-After` when all places are taken.
///
/// Answering late is worse than not at all: a queue would only grow, and the caller who gave up
/// would still be served.
pub async fn in_flight(
    State(places): State<Places>,
    request: Request,
    next: Next,
) -> Result<Response> {
    let Ok(_place) = places.0.try_acquire() else {
        return Err(BackendError::unavailable("The service is full.", FULL_FOR));
    };
    Ok(next.run(request).await)
}
