//! Retries: which requests are tried again, when, and until when.

use std::{
    sync::Mutex,
    time::{Duration, SystemTime},
};

use axum::http::{HeaderMap, StatusCode, header::RETRY_AFTER};
use backon::{ExponentialBuilder, Retryable};
use reqwest::Response;

use super::{
    BackendError, Result,
    attempt::Attempt,
    call_error::CallError,
    failure::{failure, redirected, refusal, too_late},
    name::Name,
    redirect::is_redirect,
};

/// How often a request is tried again after the first attempt.
const RETRIES: usize = 2;

/// The first pause, on average one and a half times as long; the next one is twice that.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// Sends a request by `exchange` and returns the answer when that is a success (or 304).
///
/// Idempotent requests are tried again when they met a refused connection, 429, 502, 503 or 504: after a
/// growing pause with jitter, or after the back-end's own `Retry-After`. Any other request may have had its
/// effect, or would get the same answer again. When the call's time is over, it ends with 504.
pub(super) async fn send<E, F>(attempt: &Attempt<'_>, exchange: E) -> Result<Response>
where
    E: Fn() -> F,
    F: Future<Output = Result<Response, Failure>>,
{
    let answer = try_again(attempt, exchange).await;
    answer.map_err(|failure| failure.error)
}

/// As [`send`], where an exchange waits for more than answers to the attempt, such as for a login.
pub(super) async fn send_in_time<E, F>(attempt: &Attempt<'_>, exchange: E) -> Result<Response>
where
    E: Fn() -> F,
    F: Future<Output = Result<Response, Failure>>,
{
    // In a box, or each of the two futures around it would have room for it.
    let answer = Box::pin(send(attempt, exchange));
    let answer = attempt.in_time(answer).await;
    answer.unwrap_or_else(|_| Err(too_late(attempt.name())))
}

async fn try_again<E, F>(attempt: &Attempt<'_>, exchange: E) -> Result<Response, Failure>
where
    E: Fn() -> F,
    F: Future<Output = Result<Response, Failure>>,
{
    let may_be_repeated = attempt.is_repeatable() && attempt.is_idempotent();
    let failure = match succeeded(attempt, exchange().await).await {
        Err(failure) if failure.transient && may_be_repeated => failure,
        answer => return answer,
    };

    let failure = Mutex::new(Some(failure));
    let pauses = ExponentialBuilder::default()
        .with_min_delay(FIRST_PAUSE)
        .with_max_times(RETRIES)
        .with_jitter();
    let once_more = async || {
        let first = failure
            .lock()
            .expect("nobody panics while holding it")
            .take();
        match first {
            Some(failure) => Err(failure),
            None => succeeded(attempt, exchange().await).await,
        }
    };
    // In a box, or the future of every request would be as large.
    let retried = once_more
        .retry(pauses)
        .when(|failure| failure.transient)
        .adjust(|failure, pause| {
            let pause = pause?.max(failure.retry_after.unwrap_or_default());
            // A pause that leaves no time for another attempt would only delay the answer.
            let left = attempt.left().mul_f64(0.75);
            (pause < left).then_some(pause)
        })
        .notify(|failure, pause| {
            let status = failure.error.status().as_u16();
            let backend = attempt.name().label();
            tracing::warn!(backend, status, ?pause, "the back-end is asked again");
        });
    Box::pin(retried.into_future()).await
}

/// An exchange without a success.
pub(super) struct Failure {
    error: BackendError,
    transient: bool,
    retry_after: Option<Duration>,
}

impl Failure {
    /// A failure that another attempt would not change.
    pub fn last(error: BackendError) -> Self {
        Self {
            error,
            transient: false,
            retry_after: None,
        }
    }

    /// No answer came from the back-end of that name.
    pub fn of(error: CallError, name: Name) -> Self {
        Self {
            transient: error.is_connect(),
            error: failure(error, name),
            retry_after: None,
        }
    }

    /// No answer came in time.
    pub fn too_late(name: Name) -> Self {
        Self::last(too_late(name))
    }

    /// The body that the caller sends has ended in an error.
    pub fn broken_upload() -> Self {
        Self::last(BackendError::bad_request(
            "The body of the request broke off.",
        ))
    }

    /// The body that the caller sends has stopped coming.
    pub fn late_upload() -> Self {
        Self::last(BackendError::gateway_timeout(
            "The body of the request took too long.",
        ))
    }
}

async fn succeeded(
    attempt: &Attempt<'_>,
    answer: Result<Response, Failure>,
) -> Result<Response, Failure> {
    let response = answer?;
    let status = response.status();
    if status.is_success() || status == StatusCode::NOT_MODIFIED {
        return Ok(response);
    }
    if is_redirect(status) {
        let why = attempt.not_followed(&response);
        return Err(Failure::last(redirected(status, &why, attempt.name())));
    }
    let retry_after = retry_after(response.headers());
    Err(Failure {
        transient: matches!(status.as_u16(), 429 | 502 | 503 | 504),
        error: refusal(response, attempt.name(), attempt.limit()).await,
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
