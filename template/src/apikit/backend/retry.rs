//! House: tries again what may be tried again, for as long as the caller can wait.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use axum::http::{
    HeaderMap, Method, StatusCode,
    header::{COOKIE, LOCATION, RETRY_AFTER},
};
use backon::{ExponentialBuilder, Retryable};
use reqwest::{Client, Request, Response, Url};
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
    E: Fn(Attempt) -> F,
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
    E: Fn(Attempt) -> F,
    F: Future<Output = Result<Response, Failure>>,
{
    let first = Attempt::first(request);
    let again = first.again.clone();
    let failure = match succeeded(exchange(first).await).await {
        Err(failure) if failure.transient => failure,
        answer => return answer,
    };
    let Some(again) = again.filter(|again| again.method().is_idempotent()) else {
        return Err(failure);
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
            None => succeeded(exchange(Attempt::again(&again)).await).await,
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

/// A request that is about to be sent, and the same once more where it can be sent again: not when
/// its body is a stream.
pub(super) struct Attempt {
    pub request: Request,
    pub again: Option<Arc<Request>>,
}

impl Attempt {
    fn first(request: Request) -> Self {
        let again = request.try_clone().map(Arc::new);
        Self { request, again }
    }

    /// A request that has been sent before, to be sent again.
    pub fn again(request: &Arc<Request>) -> Self {
        Self {
            request: request.try_clone().expect("it was cloned before"),
            again: Some(request.clone()),
        }
    }
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
/// neither a body nor credentials go where nobody meant them to go. A session's cookies, which are
/// no part of the request that is kept, go on with it.
pub(super) async fn follow(client: &Client, attempt: Attempt) -> reqwest::Result<Response> {
    let Attempt { request, again } = attempt;
    let safe = matches!(*request.method(), Method::GET | Method::HEAD);
    let cookies = request.headers().get(COOKIE).cloned();
    let mut response = client.execute(request).await?;
    for _ in 0..MAX_REDIRECTS {
        let Some(target) = redirect(&response).filter(|_| safe) else {
            break;
        };
        let Some(mut next) = again.as_ref().and_then(|again| again.try_clone()) else {
            break;
        };
        *next.url_mut() = target;
        if let Some(cookies) = &cookies {
            next.headers_mut().insert(COOKIE, cookies.clone());
        }
        response = client.execute(next).await?;
    }
    Ok(response)
}

/// Where an answer redirects to within its origin.
fn redirect(response: &Response) -> Option<Url> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = response.headers().get(LOCATION)?.to_str().ok()?;
    let target = response.url().join(location).ok()?;
    (target.origin() == response.url().origin()).then_some(target)
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
