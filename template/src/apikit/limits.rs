//! House: what one request may cost, and how many may run at once.

use std::{
    future::{Ready, ready},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{
    extract::Request,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use futures_util::future::Either;
use pin_project_lite::pin_project;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Sleep, sleep},
};
use tower::{Layer, Service};

use super::error::{BackendError, Result};

/// Longer URIs than this are refused, in bytes. Browsers and proxies stop near here as well.
const MAX_URI: usize = 8 * 1024;

/// The most bytes that all header names and values of a request may have together.
const MAX_HEADER_BYTES: usize = 32 * 1024;

/// The most headers that a request may have. hyper reads up to 100 without memory of its own, and refuses more
/// in words of its own; browsers and proxies together send some 30.
const MAX_HEADERS: usize = 80;

/// How soon a caller who found the service full may come back.
const FULL_FOR: Duration = Duration::from_secs(1);

/// The layer that refuses an oversized URI with 414 and oversized headers with 431.
#[derive(Clone, Copy, Debug)]
pub struct Head;

impl<S> Layer<S> for Head {
    type Service = Checking<S>;

    fn layer(&self, inner: S) -> Checking<S> {
        Checking { inner }
    }
}

/// The service that [`Head`] makes of another one.
#[derive(Clone, Debug)]
pub struct Checking<S> {
    inner: S,
}

impl<S: Service<Request, Response = Response>> Service<Request> for Checking<S> {
    type Response = Response;
    type Error = S::Error;
    type Future = Either<S::Future, Ready<std::result::Result<Response, S::Error>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<std::result::Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        match check(&request) {
            Ok(()) => Either::Left(self.inner.call(request)),
            Err(error) => Either::Right(ready(Ok(error.into_response()))),
        }
    }
}

fn check(request: &Request) -> Result<()> {
    let uri = request.uri().path_and_query();
    if uri.is_some_and(|uri| uri.as_str().len() > MAX_URI) {
        let why = format!("The URI is longer than {MAX_URI} bytes.");
        return Err(BackendError::new(StatusCode::URI_TOO_LONG).with_content(why));
    }
    let headers = request.headers();
    let lengths = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len());
    if headers.len() > MAX_HEADERS || lengths.sum::<usize>() > MAX_HEADER_BYTES {
        let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        let why = format!(
            "The request has more than {MAX_HEADERS} headers or {MAX_HEADER_BYTES} bytes of them."
        );
        return Err(BackendError::new(status).with_content(why));
    }
    Ok(())
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

/// The layer that limits what handlers take: how many requests they answer at once, and how long they
/// may take over each.
///
/// A request that finds all places taken is refused with 503 and `Retry-After`. Answering late is worse than
/// not at all: a queue would only grow, and the caller who gave up would still be served. One that takes
/// too long is answered with 504.
#[derive(Clone, Debug)]
pub struct Work {
    places: Places,
    time: Duration,
}

impl Work {
    /// The layer with room for as many requests as there are places, and `time` for each.
    pub fn new(places: Places, time: Duration) -> Self {
        Self { places, time }
    }
}

impl<S> Layer<S> for Work {
    type Service = Limiting<S>;

    fn layer(&self, inner: S) -> Limiting<S> {
        let work = self.clone();
        Limiting { inner, work }
    }
}

/// The service that [`Work`] makes of another one.
#[derive(Clone, Debug)]
pub struct Limiting<S> {
    inner: S,
    work: Work,
}

impl<S: Service<Request, Response = Response>> Service<Request> for Limiting<S> {
    type Response = Response;
    type Error = S::Error;
    type Future = Either<Limited<S::Future>, Ready<std::result::Result<Response, S::Error>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<std::result::Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let Ok(place) = self.work.places.0.clone().try_acquire_owned() else {
            let error = BackendError::unavailable("The service is full.", FULL_FOR);
            return Either::Right(ready(Ok(error.into_response())));
        };
        Either::Left(Limited {
            answer: self.inner.call(request),
            time: self.work.time,
            late: None,
            _place: place,
        })
    }
}

pin_project! {
    /// A request in its place.
    pub struct Limited<F> {
        #[pin]
        answer: F,
        time: Duration,
        // Set once the answer is waited for: most are there at once.
        #[pin]
        late: Option<Sleep>,
        _place: OwnedSemaphorePermit,
    }
}

impl<F, E> Future for Limited<F>
where
    F: Future<Output = std::result::Result<Response, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Poll::Ready(answer) = this.answer.poll(cx) {
            return Poll::Ready(answer);
        }
        if this.late.is_none() {
            this.late.set(Some(sleep(*this.time)));
        }
        let late = this.late.as_pin_mut().expect("it was set");
        ready!(late.poll(cx));
        let time = humantime::format_duration(*this.time);
        let error = BackendError::gateway_timeout(format!("The request took longer than {time}."));
        Poll::Ready(Ok(error.into_response()))
    }
}
