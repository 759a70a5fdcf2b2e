//! The files of the page, which are inside the program, and what browsers are to let a page do.

use apikit::{BackendError, Result};
use axum::{
    extract::Path,
    http::{HeaderName, HeaderValue, header},
    response::{IntoResponse, Response},
};
use maud::Markup;

use super::{IDENTITY, ROUTE};

/// A page loads from this host alone, runs the file of this program alone, and sends its form here. Nobody may frame it.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
);

const NO_GUESSING: (HeaderName, HeaderValue) = (
    header::X_CONTENT_TYPE_OPTIONS,
    HeaderValue::from_static("nosniff"),
);

/// A page, with what browsers are to let it do.
pub fn answer(page: Markup) -> Response {
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/html; charset=utf-8"),
        ),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (
            header::REFERRER_POLICY,
            HeaderValue::from_static("same-origin"),
        ),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        NO_GUESSING,
    ];
    (headers, page.into_string()).into_response()
}

/// The address of a file of the page. It has the version, so that no browser shows an old one.
pub fn address(file: &str) -> String {
    format!("{ROUTE}/assets/{file}?v={}", IDENTITY.metadata.version)
}

/// A file of the page.
#[utoipa::path(
    get,
    path = "/assets/{file}",
    responses((status = 200, content_type = "text/*", body = String), (status = 404, description = "There is no such file")),
)]
pub async fn asset(Path(file): Path<String>) -> Result<Response> {
    let (media_type, text) = match file.as_str() {
        "page.css" => ("text/css; charset=utf-8", include_str!("page.css")),
        "page.js" => ("text/javascript; charset=utf-8", include_str!("page.js")),
        _ => return Err(BackendError::not_found("The page has no such file.")),
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(media_type)),
        (
            header::CACHE_CONTROL,
            HeaderValue::from_static("max-age=3600"),
        ),
        NO_GUESSING,
    ];
    Ok((headers, text).into_response())
}
