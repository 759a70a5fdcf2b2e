//! The outermost layer: gives each request an id, a span, metrics and one log line.
//!
//! It is one layer, since each further one would cost as much as the work of these four.

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

use crate::{
    health,
    metrics::{
        self, Metrics,
        requests::{InFlight, Requests},
    },
    request_context::{REQUEST_ID, RequestContext},
    requested_uri::requested,
    traces,
};

/// The status of a request whose client closed the connection before the answer, as nginx logs it.
const CLIENT_LEFT: u16 = 499;

/// The layer that gives each request an id (`X-Request-Id`, also in the answer and in every log line of the
/// request), counts it, and logs one line when it is answered, or when its client has left.
///
/// Health checks and scrapes, which come every few seconds, are logged at `debug` only. The query is not logged:
/// callers put names and tokens there.
#[derive(Clone)]
pub struct Observability {
    requests: Requests,
}

impl Observability {
    /// The layer that counts in these metrics.
    pub fn new(metrics: &Metrics) -> Self {
        Self {
            requests: metrics.requests().clone(),
        }
    }
}

impl<S> Layer<S> for Observability {
    type Service = ObservabilityService<S>;

    fn layer(&self, inner: S) -> ObservabilityService<S> {
        let requests = self.requests.clone();
        ObservabilityService { inner, requests }
    }
}

/// The service that [`Observability`] makes of another one.
#[derive(Clone)]
pub struct ObservabilityService<S> {
    inner: S,
    requests: Requests,
}

impl<S> Service<Request> for ObservabilityService<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = ObservedResponse<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let context = RequestContext::of(request.headers());
        let uri = requested(&request).clone();
        let route = request.extensions().get::<MatchedPath>();
        let route = match route.map(MatchedPath::as_str) {
            // What is `/` below the service's route is not the health check.
            Some("/") if uri.path() != "/" => Some(self.requests.own_route()),
            route => route,
        };
        let in_flight = self.requests.begin(request.method(), route);
        let span = traces::of_request(&context, in_flight.method(), in_flight.route(), uri.path());
        let context = Arc::new(context.in_span(span));
        let entry = Entry {
            context: context.clone(),
            method: request.method().clone(),
            uri,
            start: Instant::now(),
            status: CLIENT_LEFT,
            in_flight,
        };
        request.extensions_mut().insert(context);
        ObservedResponse {
            answer: Some(self.inner.call(request)),
            entry,
        }
    }
}

pin_project! {
    /// A request that is being answered. Dropped before that, its client has left.
    pub struct ObservedResponse<F> {
        // None once it is done. All work on it belongs in the span, its drop included.
        #[pin]
        answer: Option<F>,
        entry: Entry,
    }

    impl<F> PinnedDrop for ObservedResponse<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if this.answer.is_some() {
                let _in_span = this.entry.context.span().enter();
                this.answer.set(None);
            }
        }
    }
}

impl<F: Future<Output = Result<Response, Infallible>>> Future for ObservedResponse<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let Ok(mut answer) = {
            let _in_span = this.entry.context.span().enter();
            let answer = this.answer.as_mut().as_pin_mut();
            let answer = ready!(
                answer
                    .expect("a future is not polled after its end")
                    .poll(cx)
            );
            this.answer.set(None);
            answer
        };
        let id = this.entry.context.id().to_header();
        answer.headers_mut().insert(REQUEST_ID, id);
        this.entry.status = answer.status().as_u16();
        let held = this.entry.context.held_bodies();
        Poll::Ready(Ok(answer.map(|body| held.released_with(body))))
    }
}

/// A request's log line and metrics, written when this is dropped.
struct Entry {
    context: Arc<RequestContext>,
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
        let span = self.context.span();
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

/// Whether `path` is one that machines ask for every few seconds, and not worth a log line each time.
fn is_routine(path: &str) -> bool {
    health::is_check(path) || path == metrics::PATH
}
