//! Gives every error the one JSON shape, whichever layer it comes from, and a panic too.

use std::{
    any::Any,
    convert::Infallible,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use axum::{
    body::{Body, HttpBody},
    extract::Request,
    http::{HeaderMap, Method, StatusCode, header, response::Parts},
    response::{IntoResponse, Response},
};
use http_body_util::BodyExt;
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use crate::{
    accept::varying,
    error::{BackendError, ErrorBody, InShape},
    problem,
    request_context::RequestContext,
};

/// How much text of an error from elsewhere is kept: a few sentences.
const MAX_TEXT: usize = 4 * 1024;

/// An answer of the author's own, with its body as it is whatever its status: [`ErrorLayer`] lets it through.
///
/// ```
/// use apikit::Verbatim;
/// use axum::{Json, http::StatusCode, response::IntoResponse};
/// use serde_json::json;
///
/// async fn busy() -> impl IntoResponse {
///     let body = Json(json!({"queue": 17}));
///     Verbatim((StatusCode::TOO_MANY_REQUESTS, body))
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Verbatim<R>(pub R);

impl<R: IntoResponse> IntoResponse for Verbatim<R> {
    fn into_response(self) -> Response {
        let mut answer = self.0.into_response();
        answer.extensions_mut().insert(InShape::Verbatim);
        answer
    }
}

/// The layer that turns what the router, extractors and other layers refuse, in plain text or
/// with no body at all, into `{"reason", "status_code", "error_content"}`, and a panic too.
///
/// A short text becomes the content of the error. Any other body is dropped, or cut, and a line in the log says
/// so: [`Verbatim`] keeps a body as it is.
///
/// A client that names `application/problem+json` in `Accept` gets the members of RFC 9457 as well.
///
/// A [`BackendError`] passes through as it is, and headers such as `Allow` stay. A 500 has
/// nothing but the request's id, under which the log has the cause. An upgrade of the connection, as for a
/// WebSocket, is answered with 501. `OPTIONS` gets 204 with the `Allow` of its path, unless a handler answers it.
#[derive(Clone, Copy, Debug)]
pub struct ErrorLayer;

impl<S> Layer<S> for ErrorLayer {
    type Service = ErrorService<S>;

    fn layer(&self, inner: S) -> ErrorService<S> {
        ErrorService { inner }
    }
}

/// The service that [`ErrorLayer`] makes of another one.
#[derive(Clone, Debug)]
pub struct ErrorService<S> {
    inner: S,
}

impl<S> Service<Request> for ErrorService<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = ErrorFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        ErrorFuture {
            context: request.extensions().get().cloned(),
            is_options: *request.method() == Method::OPTIONS,
            is_problem: problem::is_asked_for(request.headers()),
            answer: self.inner.call(request),
            error: None,
        }
    }
}

pin_project! {
    /// An answer that gets the shape if it is an error.
    pub struct ErrorFuture<F> {
        #[pin]
        answer: F,
        context: Option<Arc<RequestContext>>,
        is_options: bool,
        is_problem: bool,
        // The answer, once it is known to be an error whose text must be read or written anew.
        error: Option<Pin<Box<dyn Future<Output = Response> + Send>>>,
    }
}

impl<F: Future<Output = Result<Response, Infallible>>> Future for ErrorFuture<F> {
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
        let answer = match answer.status() {
            StatusCode::SWITCHING_PROTOCOLS => refused_upgrade(),
            _ => answer,
        };
        let in_shape = answer.extensions().get().copied();
        if answer.status().as_u16() < 400 || in_shape == Some(InShape::Verbatim) {
            return Poll::Ready(Ok(answer));
        }
        if *this.is_options && answer.status() == StatusCode::METHOD_NOT_ALLOWED {
            return Poll::Ready(Ok(options(answer)));
        }
        if in_shape == Some(InShape::Complete) && !*this.is_problem {
            return Poll::Ready(Ok(varying(answer)));
        }
        let (context, is_problem) = (this.context.take(), *this.is_problem);
        let error = Box::pin(async move {
            let shaped = match in_shape {
                Some(InShape::Complete) => answer,
                _ => shaped(answer, context).await,
            };
            varying(match is_problem {
                true => problem::of_error(shaped).await,
                false => shaped,
            })
        });
        this.error.insert(error).as_mut().poll(cx).map(Ok)
    }
}

/// The server hands its connections to no one, so a client that got 101 would wait for ever.
fn refused_upgrade() -> Response {
    BackendError::new(StatusCode::NOT_IMPLEMENTED)
        .with_content(
            "Connections cannot be upgraded, to a WebSocket or anything else: answer with server-sent events, and take requests.",
        )
        .into_response()
}

/// The answer to `OPTIONS` where a path has no handler for it: what the router refused, and the `Allow` that it adds to
/// that.
fn options(refused: Response) -> Response {
    let mut answer = StatusCode::NO_CONTENT.into_response();
    if let Some(allow) = refused.headers().get(header::ALLOW) {
        answer.headers_mut().insert(header::ALLOW, allow.clone());
    }
    answer
}

fn panicked(_: Box<dyn Any + Send>) -> Response {
    BackendError::internal("a handler panicked").into_response()
}

/// An error in the one shape.
async fn shaped(error: Response, context: Option<Arc<RequestContext>>) -> Response {
    let (mut parts, body) = error.into_parts();
    let status = parts.status;
    let content = match status {
        StatusCode::INTERNAL_SERVER_ERROR => {
            if parts.extensions.get::<InShape>().is_none() {
                let content = content(&parts, body).await;
                let status = status.as_u16();
                tracing::error!(status, ?content, "the request failed");
            }
            let id = context.as_deref().map(RequestContext::id);
            id.map(|id| format!("The log says why, under request id {id}."))
        }
        _ => content(&parts, body).await,
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

/// The beginning of a body that is text; `None` when there is none. The log says when something was lost.
async fn content(parts: &Parts, body: Body) -> Option<String> {
    let (text, is_whole) = match is_text(&parts.headers) {
        true => beginning(body).await,
        false => (None, body.is_end_stream()),
    };
    if !is_whole {
        tracing::warn!(
            status = parts.status.as_u16(),
            "the body of an error was replaced, since it is no short text: answer with apikit::Verbatim to keep it"
        );
    }
    text
}

/// The first [`MAX_TEXT`] bytes of a body, where they are text, and whether that is all.
async fn beginning(mut body: Body) -> (Option<String>, bool) {
    let mut bytes = Vec::new();
    let mut is_whole = true;
    while let Some(frame) = body.frame().await {
        match &frame {
            Ok(frame) => bytes.extend_from_slice(frame.data_ref().map_or(&[], |data| &data[..])),
            Err(_) => is_whole = false,
        }
        is_whole &= bytes.len() <= MAX_TEXT;
        if !is_whole {
            break;
        }
    }
    bytes.truncate(MAX_TEXT);
    if bytes.contains(&0) {
        return (None, false);
    }
    let text = String::from_utf8_lossy(&bytes);
    let text = match is_whole {
        true => text.trim(),
        // A character may have been cut in two.
        false => text.trim_end_matches(char::REPLACEMENT_CHARACTER).trim(),
    };
    ((!text.is_empty()).then(|| text.to_owned()), is_whole)
}

/// Whether a body is text by its headers: one without a type may be, and one that is packed is not.
fn is_text(headers: &HeaderMap) -> bool {
    if headers.contains_key(header::CONTENT_ENCODING) {
        return false;
    }
    let Some(media_type) = headers.get(header::CONTENT_TYPE) else {
        return true;
    };
    let media_type = media_type.to_str().unwrap_or_default().to_ascii_lowercase();
    let name = media_type.split(';').next().unwrap_or_default().trim();
    match name {
        // It may never end.
        "text/event-stream" => false,
        name => name.starts_with("text/") || name == "application/json" || name.ends_with("+json"),
    }
}
