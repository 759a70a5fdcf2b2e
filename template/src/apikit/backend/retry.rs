//! House: tries again what may be tried again, for as long as the caller can wait.

use std::{
    sync::Mutex,
    time::{Duration, SystemTime},
};

use axum::http::{HeaderMap, StatusCode, header::RETRY_AFTER};
use backon::{ExponentialBuilder, Retryable};
use reqwest::Response;
use tokio::time::{Instant, timeout};

use super::{
    BackendError, Result,
    response::{failure, refusal},
    sending::Sending,
};

/// How often a request is tried again, after the first time.
const RETRIES: usize = 2;

/// The first pause, on average one and a half times as long; the next one is twice that.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// Sends a request by `exchange` and returns the answer when that is a success (or 304).
///
/// Tried again, with growing and jittered pauses or after the back-end's own `Retry-After`, are
/// idempotent requests that met a refused connection, 429, 502, 503 or 504. Anything else may have
/// had its effect, or would meet the same answer again. All of it ends after `patience`, with 504.
pub(super) async fn send<E, F>(
    sending: &Sending<'_>,
    patience: Duration,
    exchange: E,
) -> Result<Response>
where
    E: Fn() -> F,
    F: Future<Output = Result<Response, Failure>>,
{
    let start = Instant::now();
    let answer = timeout(patience, try_again(sending, start, patience, exchange)).await;
    match answer {
        Ok(answer) => answer.map_err(|failure| failure.error),
        Err(_) => Err(BackendError::gateway_timeout("The back-end took too long.")),
    }
}

async fn try_again<E, F>(
    sending: &Sending<'_>,
    start: Instant,
    patience: Duration,
    exchange: E,
) -> Result<Response, Failure>
where
    E: Fn() -> F,
    F: Future<Output = Result<Response, Failure>>,
{
    let may_be_repeated = sending.is_repeatable() && sending.is_idempotent();
    let failure = match succeeded(exchange().await).await {
        Err(failure) if failure.transient && may_be_repeated => failure,
        answer => return answer,
    };

    let failure = Mutex::new(Some(failure));
    let pauses = ExponentialBuilder::default()
        .with_min_delay(FIRST_PAUSE)
        .with_max_times(RETRIES)
        .with_jitter();
    let attempt = async || {
        let first = failure
            .lock()
            .expect("nobody panics while holding it")
            .take();
        match first {
            Some(failure) => Err(failure),
            None => succeeded(exchange().await).await,
        }
    };
    // In a box, since every request would carry the room for it.
    let retried = attempt
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
        });
    Box::pin(retried.into_future()).await
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
