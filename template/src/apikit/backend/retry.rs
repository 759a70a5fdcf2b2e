//! House: tries again what may be tried again, for as long as the caller can wait.

use std::time::{Duration, SystemTime};

use axum::http::{
    HeaderMap, Method, StatusCode,
    header::{LOCATION, RETRY_AFTER},
};
use backon::{ExponentialBuilder, Retryable};
use reqwest::{Client, Request, Response};
use tokio::time::{Instant, timeout};

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

/// Sends `request` by `exchange` and returns the answer when that is a success (or 304).
///
/// Tried again, with growing and jittered pauses or after the back-end's own `Retry-After`, are
/// idempotent requests that met a refused connection, 429, 502, 503 or 504. Anything else may have
/// had its effect, or would meet the same answer again. All of it ends after `patience`, with 504.
pub(super) async fn send<E, F>(
    request: Request,
    patience: Duration,
    exchange: E,
) -> Result<Response>
where
    E: Fn(Request) -> F,
    F: Future<Output = Result<Response, Failure>>,
{
    let start = Instant::now();
    let answer = timeout(patience, try_again(request, start, patience, exchange)).await;
    match answer {
        Ok(answer) => answer.map_err(|failure| failure.error),
        Err(_) => Err(BackendError::gateway_timeout("The back-end took too long.")),
    }
}

async fn try_again<E, F>(
    request: Request,
    start: Instant,
    patience: Duration,
    exchange: E,
) -> Result<Response, Failure>
where
    E: Fn(Request) -> F,
    F: Future<Output = Result<Response, Failure>>,
{
    let again = request
        .method()
        .is_idempotent()
        .then(|| request.try_clone());
    let Some(Some(again)) = again else {
        return succeeded(exchange(request).await).await;
    };
    let pauses = ExponentialBuilder::default()
        .with_min_delay(FIRST_PAUSE)
        .with_max_times(RETRIES)
        .with_jitter();
    let attempt = async || {
        let request = again.try_clone().expect("it was cloned before");
        succeeded(exchange(request).await).await
    };
    attempt
        .retry(pauses)
        .when(|failure| failure.transient)
        .adjust(|failure, pause| {
            let pause = pause?.max(failure.retry_after.unwrap_or_default());
            // A pause that leaves no time for another try would only keep the answer from the caller.
            let left = patience.saturating_sub(start.elapsed()).mul_f64(0.75);
            (pause < left).then_some(pause)
        })
        .notify(|failure, pause| {
            let status = failure.error.status().as_u16();
            tracing::warn!(status, ?pause, "the back-end is asked again");
        })
        .await
}

/// An exchange that did not come to a success.
pub(super) struct Failure {
    error: BackendError,
    transient: bool,
    retry_after: Option<Duration>,
}

impl Failure {
    /// A failure that another try would not change.
    #[cfg(feature = "bitly-proxy")]
    pub fn last(error: BackendError) -> Self {
        Self {
            error,
            transient: false,
            retry_after: None,
        }
    }
}

impl From<reqwest::Error> for Failure {
    fn from(error: reqwest::Error) -> Self {
        Self {
            transient: error.is_connect(),
            error: failure(error),
            retry_after: None,
        }
    }
}

async fn succeeded(answer: Result<Response, Failure>) -> Result<Response, Failure> {
    let response = answer?;
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
pub(super) async fn follow(client: &Client, mut request: Request) -> reqwest::Result<Response> {
    let safe = matches!(*request.method(), Method::GET | Method::HEAD);
    for _ in 0..MAX_REDIRECTS {
        let next = request.try_clone().filter(|_| safe);
        let response = client.execute(request).await?;
        let target = response
            .headers()
            .get(LOCATION)
            .filter(|_| matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308))
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
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    match text.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => {
            let date = httpdate::parse_http_date(text).ok()?;
            Some(date.duration_since(SystemTime::now()).unwrap_or_default())
        }
    }
}
