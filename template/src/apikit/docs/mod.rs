//! House: shows the API in a browser, with all that the page needs inside the program.

mod archive;

use std::sync::Arc;

use axum::{
    Router,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, header},
    response::{Redirect, Response},
    routing::get,
};
use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED;

use super::{
    asset::Asset,
    error::{BackendError, Result},
};
use archive::Entry;

/// What the page may do: load and ask this service alone. People type passwords into it, so no other
/// page may frame it. Its icons are in its styles, as `data:`.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

// Swagger UI, under the Apache License 2.0.
const BUNDLE: Entry = Entry::of(SWAGGER_UI_VENDORED, "/dist/swagger-ui-bundle.js");
const STYLES: Entry = Entry::of(SWAGGER_UI_VENDORED, "/dist/swagger-ui.css");
const LICENSE: Entry = Entry::of(SWAGGER_UI_VENDORED, "/LICENSE");
static BUNDLE_GZIP: [u8; BUNDLE.gzip_length()] = BUNDLE.gzip();
static STYLES_GZIP: [u8; STYLES.gzip_length()] = STYLES.gzip();
static LICENSE_GZIP: [u8; LICENSE.gzip_length()] = LICENSE.gzip();

/// `GET /docs`: a page that shows `openapi.json` beside it, and sends requests for whoever reads it.
///
/// Every reference on the page is relative, so it works below any prefix that leads to `/docs`.
pub fn router() -> Router {
    let page = Asset::new("text/html; charset=utf-8", include_str!("page.html"));
    let page = async move |headers: HeaderMap| {
        let policy = [(header::CONTENT_SECURITY_POLICY, POLICY)];
        (policy, page.answer(&headers))
    };
    Router::new()
        .route("/docs", get(page))
        .route("/docs/", get(async || Redirect::permanent("../docs")))
        .route("/docs/{file}", get(file))
        .with_state(files())
}

/// What the page is made of, each file under its name.
type Files = Arc<[(&'static str, Asset)]>;

fn files() -> Files {
    [
        ("page.js", Asset::new(SCRIPT, include_str!("page.js"))),
        ("page.css", Asset::new(STYLE, include_str!("page.css"))),
        ("swagger-ui-bundle.js", Asset::gzipped(SCRIPT, &BUNDLE_GZIP)),
        ("swagger-ui.css", Asset::gzipped(STYLE, &STYLES_GZIP)),
        ("LICENSE.txt", Asset::gzipped(TEXT, &LICENSE_GZIP)),
    ]
    .into()
}

async fn file(
    State(files): State<Files>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Response> {
    files
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, asset)| asset.answer(&headers))
        .ok_or_else(|| BackendError::not_found("The page of the API has no such file."))
}
