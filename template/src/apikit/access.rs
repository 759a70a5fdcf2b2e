//! House: the outermost layer. It gives each request an id, a span, its place in the figures, and one log line.
//!
//! One layer does it all, since each layer costs as much as the work that these four do.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Instant,
};

use axum::{
    extract::{MatchedPath, Request},
    http::{Method, Uri},
    response::Response,
};
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use super::{
    health,
    metrics::{
        self, Metrics,
        requests::{InFlight, Requests},
    },
    traces,
    trail::{REQUEST_ID, Trail},
};

/// The status of a request whose client left before the answer, as nginx has it.
const CLIENT_LEFT: u16 = 499;

/// The layer that notes each request (`X-Request-Id`, also in the answer and in every log line of the
/// request), counts it, and writes one line when it is answered, or when its client has left.
///
/// What machines ask every few seconds is told at `debug` only. The query is left out of the
/// line: callers put names and tokens there.
#[derive(Clone)]
pub struct Access {
    requests: Requests,
}

impl Access {
    /// The layer that counts in these figures.
    pub fn new(metrics: &Metrics) -> Self {
        Self {
            requests: metrics.requests().clone(),
        }
    }
}

impl<S> Layer<S> for Access {
    type Service = Noting<S>;

    fn layer(&self, inner: S) -> Noting<S> {
        let requests = self.requests.clone();
        Noting { inner, requests }
    }
}

/// The service that [`Access`] makes of another one.
#[derive(Clone)]
pub struct Noting<S> {
    inner: S,
    requests: Requests,
}

impl<S> Service<Request> for Noting<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Answering<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let trail = Trail::of(request.headers());
        let route = request.extensions().get::<MatchedPath>();
        let route = route.map(MatchedPath::as_str);
        let in_flight = self.requests.begin(request.method(), route);
        let span = traces::of_request(
            &trail,
            in_flight.method(),
            in_flight.route(),
            request.uri().path(),
        );
        let trail = Arc::new(trail.in_span(span));
        let entry = Entry {
            trail: trail.clone(),
            method: request.method().clone(),
            uri: request.uri().clone(),
            start: Instant::now(),
            status: CLIENT_LEFT,
            in_flight,
        };
        request.extensions_mut().insert(trail);
        Answering {
            answer: Some(self.inner.call(request)),
            entry,
        }
    }
}

pin_project! {
    /// A request that is being answered. Dropped before that, its client has left.
    pub struct Answering<F> {
        // None once it has been given: all work on it, its end included, belongs into the span.
        #[pin]
        answer: Option<F>,
        entry: Entry,
    }

    impl<F> PinnedDrop for Answering<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if this.answer.is_some() {
                let _in_span = this.entry.trail.span().enter();
                this.answer.set(None);
            }
        }
    }
}

impl<F: Future<Output = Result<Response, Infallible>>> Future for Answering<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let Ok(mut answer) = {
            let _in_span = this.entry.trail.span().enter();
            let answer = this.answer.as_mut().as_pin_mut();
            let answer = ready!(answer.expect("nobody asks after the answer").poll(cx));
            this.answer.set(None);
            answer
        };
        let id = this.entry.trail.id().to_header();
        answer.headers_mut().insert(REQUEST_ID, id);
        this.entry.status = answer.status().as_u16();
        Poll::Ready(Ok(answer))
    }
}

/// What is noted of a request when this is dropped.
struct Entry {
    trail: Arc<Trail>,
    method: Method,
    uri: Uri,
    start: Instant,
    status: u16,
    in_flight: InFlight,
}

impl Drop for Entry {
    fn drop(&mut self) {
        let time = self.start.elapsed();
        let status = self.status;
        self.in_flight.end(status, time);
        let span = self.trail.span();
        traces::answered(span, status);

        let milliseconds = time.as_micros() as f64 / 1000.0;
        let (method, path) = (self.method.as_str(), self.uri.path());
        if is_routine(path) {
            tracing::debug!(target: "access", parent: span, message = "answered", method, path, status, milliseconds);
        } else {
            tracing::info!(target: "access", parent: span, message = "answered", method, path, status, milliseconds);
        }
    }
}

/// Whether `path` is asked by machines every few seconds, and not worth a log line each time.
fn is_routine(path: &str) -> bool {
    health::is_check(path) || path == metrics::PATH
}
