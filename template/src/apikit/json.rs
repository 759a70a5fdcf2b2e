//! House: gives every error the one JSON shape, whichever layer it comes from, and a panic too.

use std::{
    any::Any,
    convert::Infallible,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use axum::{
    body::Body,
    extract::Request,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use http_body_util::{BodyExt, Limited};
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use super::{
    error::{BackendError, ErrorBody, InShape},
    trail::Trail,
};

/// How much of a foreign error's text is kept: a few sentences.
const MAX_TEXT: usize = 4 * 1024;

/// The layer that turns what the router, extractors and other layers refuse, in plain text or
/// with no body at all, into `{"reason", "status_code", "error_content"}`, and a panic too.
///
/// A [`BackendError`] passes through as it is, and headers such as `Allow` stay. A 500 tells the caller
/// nothing but the request's id, under which the log has the cause.
#[derive(Clone, Copy, Debug)]
pub struct ErrorsAsJson;

impl<S> Layer<S> for ErrorsAsJson {
    type Service = Shaping<S>;

    fn layer(&self, inner: S) -> Shaping<S> {
        Shaping { inner }
    }
}

/// The service that [`ErrorsAsJson`] makes of another one.
#[derive(Clone, Debug)]
pub struct Shaping<S> {
    inner: S,
}

impl<S> Service<Request> for Shaping<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Shaped<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        Shaped {
            trail: request.extensions().get().cloned(),
            answer: self.inner.call(request),
            error: None,
        }
    }
}

pin_project! {
    /// An answer that will have the shape if it is an error.
    pub struct Shaped<F> {
        #[pin]
        answer: F,
        trail: Option<Arc<Trail>>,
        // The answer, once it is known to be an error whose text must be read.
        error: Option<Pin<Box<dyn Future<Output = Response> + Send>>>,
    }
}

impl<F: Future<Output = Result<Response, Infallible>>> Future for Shaped<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Some(error) = this.error {
            return error.as_mut().poll(cx).map(Ok);
        }
        let answer = match catch_unwind(AssertUnwindSafe(|| this.answer.poll(cx))) {
            Ok(polled) => {
                let Ok(answer) = ready!(polled);
                answer
            }
            Err(panic) => panicked(panic),
        };
        if answer.status().as_u16() < 400 || answer.extensions().get::<InShape>().is_some() {
            return Poll::Ready(Ok(answer));
        }
        let error = Box::pin(shaped(answer, this.trail.take()));
        this.error.insert(error).as_mut().poll(cx).map(Ok)
    }
}

fn panicked(_: Box<dyn Any + Send>) -> Response {
    BackendError::internal("a handler panicked").into_response()
}

/// An error in the one shape.
async fn shaped(error: Response, trail: Option<Arc<Trail>>) -> Response {
    let status = error.status();
    let (mut parts, body) = error.into_parts();
    let content = match (status, trail) {
        (StatusCode::INTERNAL_SERVER_ERROR, Some(trail)) => {
            let id = trail.id();
            Some(format!("The log says why, under request id {id}."))
        }
        (StatusCode::INTERNAL_SERVER_ERROR, None) => None,
        _ => text(body).await,
    };
    let shaped = ErrorBody {
        reason: status.canonical_reason().unwrap_or("Unknown Status"),
        status_code: status.as_u16(),
        error_content: content.as_deref(),
    }
    .into_response(status);

    for replaced in [
        header::CONTENT_ENCODING,
        header::CONTENT_LENGTH,
        header::CONTENT_TYPE,
        header::TRANSFER_ENCODING,
    ] {
        parts.headers.remove(replaced);
    }
    parts.headers.extend(shaped.headers().clone());
    Response::from_parts(parts, shaped.into_body())
}

/// A short text body; `None` when there is none, or it is too long to be a message.
async fn text(body: Body) -> Option<String> {
    let bytes = Limited::new(body, MAX_TEXT)
        .collect()
        .await
        .ok()?
        .to_bytes();
    match String::from_utf8_lossy(&bytes).trim() {
        "" => None,
        text => Some(text.to_owned()),
    }
}
