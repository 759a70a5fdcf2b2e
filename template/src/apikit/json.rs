//! House: gives every error the one JSON shape, whichever layer it comes from.

use axum::{
    body::Body,
    extract::Request,
    http::{StatusCode, header},
    middleware::Next,
    response::Response,
};
use http_body_util::{BodyExt, Limited};

use super::{
    error::{ErrorBody, InShape},
    trail::Trail,
};

/// How much of a foreign error's text is kept: a few sentences.
const MAX_TEXT: usize = 4 * 1024;

/// Middleware that turns what the router, extractors and other layers refuse, in plain text or
/// with no body at all, into `{"reason", "status_code", "error_content"}`.
///
/// A [`BackendError`](super::BackendError) passes through as it is, and headers such as `Allow`
/// stay. A 500 tells the caller nothing but the request's id, under which the log has the cause.
pub async fn errors_as_json(request: Request, next: Next) -> Response {
    let id = request
        .extensions()
        .get::<Trail>()
        .map(|trail| trail.id().clone());
    let response = next.run(request).await;
    let status = response.status();
    if status.as_u16() < 400 || response.extensions().get::<InShape>().is_some() {
        return response;
    }

    let (mut parts, body) = response.into_parts();
    let content = match (status, id) {
        (StatusCode::INTERNAL_SERVER_ERROR, Some(id)) => {
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
