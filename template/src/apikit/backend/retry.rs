//! House: tries again what may be tried again, for as long as the caller can wait.

use std::time::{Duration, Instant, SystemTime};

use axum::http::{
    HeaderMap, Method, StatusCode,
    header::{LOCATION, RETRY_AFTER},
};
use backon::{ExponentialBuilder, Retryable};
use reqwest::{Client, Request, Response};

use super::{
    BackendError, Result,
    response::{failure, refusal},
};

/// How often a request is tried again, after the first time.
const RETRIES: usize = 2;

/// The first pause, on average one and a half times as long; the next one is twice that.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// How many redirects are followed, all of them within the back-end's origin.
const MAX_REDIRECTS: usize = 5;

/// Sends `request` and returns the answer when that is a success (or 304).
///
/// Tried again, with growing and jittered pauses or after the back-end's own `Retry-After`, are
/// idempotent requests that met a refused connection, 429, 502, 503 or 504, while `patience` lasts.
/// Anything else may have had its effect, or would meet the same answer again.
pub(super) async fn send(
    client: &Client,
    request: Request,
    patience: Duration,
) -> Result<Response> {
    let again = request
        .method()
        .is_idempotent()
        .then(|| request.try_clone());
    let Some(Some(again)) = again else {
        return attempt(client, request)
            .await
            .map_err(|failure| failure.error);
    };
    let deadline = Instant::now() + patience;
    let pauses = ExponentialBuilder::default()
        .with_min_delay(FIRST_PAUSE)
        .with_max_times(RETRIES)
        .with_jitter();
    let attempt = || {
        let request = again.try_clone().expect("it was cloned before");
        attempt(client, request)
    };
    attempt
        .retry(pauses)
        .when(|failure| failure.transient)
        .adjust(|failure, pause| {
            let pause = pause?.max(failure.retry_after.unwrap_or_default());
            (Instant::now() + pause < deadline).then_some(pause)
        })
        .notify(|failure, pause| {
            tracing::warn!(?pause, "the back-end is asked again: {}", failure.error);
        })
        .await
        .map_err(|failure| failure.error)
}

struct Failure {
    error: BackendError,
    transient: bool,
    retry_after: Option<Duration>,
}

async fn attempt(client: &Client, request: Request) -> Result<Response, Failure> {
    let response = follow(client, request).await.map_err(|error| Failure {
        transient: error.is_connect(),
        error: failure(error),
        retry_after: None,
    })?;
    let status = response.status();
    if status.is_success() || status == StatusCode::NOT_MODIFIED {
        return Ok(response);
    }
    let retry_after = retry_after(response.headers());
    Err(Failure {
        transient: matches!(status.as_u16(), 429 | 502 | 503 | 504),
        error: refusal(response).await,
        retry_after,
    })
}

/// Sends a request and follows redirects of `GET` and `HEAD` within the same origin, so that
/// neither a body nor credentials go where nobody meant them to go.
async fn follow(client: &Client, mut request: Request) -> reqwest::Result<Response> {
    let safe = matches!(*request.method(), Method::GET | Method::HEAD);
    for _ in 0..MAX_REDIRECTS {
        let next = request.try_clone().filter(|_| safe);
        let response = client.execute(request).await?;
        let target = response
            .headers()
            .get(LOCATION)
            .filter(|_| response.status().is_redirection())
            .and_then(|location| response.url().join(location.to_str().ok()?).ok())
            .filter(|target| target.origin() == response.url().origin());
        match (next, target) {
            (Some(next), Some(target)) => {
                request = next;
                *request.url_mut() = target;
            }
            _ => return Ok(response),
        }
    }
    client.execute(request).await
}

/// `Retry-After`, as seconds or as a date.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    match text.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => {
            let date = httpdate::parse_http_date(text).ok()?;
            Some(date.duration_since(SystemTime::now()).unwrap_or_default())
        }
    }
}
