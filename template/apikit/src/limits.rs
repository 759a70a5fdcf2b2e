//! Limits: what one request may cost, and how many may run at once.

use std::{
    future::{Ready, ready},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{
    body::{Body, HttpBody},
    extract::Request,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use futures_util::future::Either;
use pin_project_lite::pin_project;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, Sleep, sleep},
};
use tower::{Layer, Service};

use crate::{
    body_memory::{self, BodyMemory},
    counted_body::CountedBody,
    error::{BackendError, Result},
    request_context::RequestContext,
    request_target,
};

/// The longest URI, in bytes. Browsers and proxies have limits near this one.
const MAX_URI: usize = 8 * 1024;

/// The most bytes that all header names and values of a request may have together.
const MAX_HEADER_BYTES: usize = 32 * 1024;

/// The most headers that a request may have. hyper reads up to 100 without an allocation, and refuses more
/// with a bare status; browsers and proxies together send some 30.
const MAX_HEADERS: usize = 80;

/// How many bytes of an upload must come within the time of a request, for that to begin anew. A client that sends a byte now
/// and then does not hold its place for ever.
const MIN_UPLOAD: usize = 64 * 1024;

/// The `Retry-After` of a request that found the service full.
const FULL_FOR: Duration = Duration::from_secs(1);

/// The layer that refuses an oversized URI with 414, oversized headers with 431, and a path with an empty parameter with
/// 404; and, where the connection is [`serve`](crate::serve)'s, a `Host` or a target that RFC 9112 forbids with 400.
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
    request_target::checked(request)?;
    request_target::without_empty_parameters(request)?;
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

/// The layer that limits handlers: how many requests run at once, how much memory their bodies take, and how long each
/// may take.
///
/// A request beyond the number of places, or with a body beyond the memory, is refused with 503 and `Retry-After`. It
/// does not wait: a queue would only grow, and serve callers who have given up. A request that takes too long is
/// answered with 504. One whose body is passed on to a back-end may take longer, as long as 64 KiB of it come within
/// that time.
#[derive(Clone, Debug)]
pub struct Work {
    places: Places,
    memory: BodyMemory,
    time: Duration,
}

impl Work {
    /// The layer with room for as many requests as there are places, `memory` for their bodies, and `time` for each.
    /// Bodies count where [`Observability`](crate::Observability) is around it.
    pub fn new(places: Places, memory: BodyMemory, time: Duration) -> Self {
        Self {
            places,
            memory,
            time,
        }
    }

    /// The request with a body that is counted, and whose it is; as it came where there is no body.
    fn counted(&self, request: Request) -> (Request, Option<Arc<RequestContext>>) {
        if request.body().is_end_stream() {
            return (request, None);
        }
        let Some(context) = request.extensions().get::<Arc<RequestContext>>().cloned() else {
            return (request, None);
        };
        let counted = |body| CountedBody {
            body,
            context: context.clone(),
            memory: self.memory.clone(),
        };
        (request.map(|body| Body::new(counted(body))), Some(context))
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
        let (request, context) = self.work.counted(request);
        Either::Left(Limited {
            answer: self.inner.call(request),
            context,
            time: self.work.time,
            late: None,
            _place: place,
        })
    }
}

/// The answer to a request whose body was refused. A handler that did without the rest of it is believed.
fn refuse(answer: Response) -> Response {
    match answer.status().as_u16() {
        400.. => body_memory::full().into_response(),
        _ => answer,
    }
}

pin_project! {
    /// A request that has a place.
    pub struct Limited<F> {
        #[pin]
        answer: F,
        // Of a request with a body.
        context: Option<Arc<RequestContext>>,
        time: Duration,
        // Set when the answer is not there at once, as most are.
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
            let refused = this.context.as_ref();
            return Poll::Ready(match refused {
                // To a handler or an extractor, the body broke off.
                Some(context) if context.held_bodies().is_refused() => answer.map(refuse),
                _ => answer,
            });
        }
        if this.late.is_none() {
            this.late.set(Some(sleep(*this.time)));
        }
        let mut late = this.late.as_pin_mut().expect("it was set");
        ready!(late.as_mut().poll(cx));
        let context = this.context.as_ref();
        while context.is_some_and(|context| context.held_bodies().has_moved(MIN_UPLOAD)) {
            late.as_mut().reset(Instant::now() + *this.time);
            ready!(late.as_mut().poll(cx));
        }
        let time = humantime::format_duration(*this.time);
        let error = BackendError::gateway_timeout(format!("The request took longer than {time}."));
        Poll::Ready(Ok(error.into_response()))
    }
}
