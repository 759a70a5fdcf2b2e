//! Shows the API in a browser. The whole page is inside the program.

mod archive;

use std::sync::Arc;

use axum::{
    Router,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, header},
    response::Response,
    routing::get,
};
use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED;

use crate::{
    error::{BackendError, Result},
    static_file::StaticFile,
};
use archive::Entry;

/// The page may load from this service, and send requests to it, alone. People type passwords into it, so no other
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

/// `GET /docs`: a page that shows the `openapi.json` beside it, and sends requests for its reader.
///
/// All URLs on the page are relative, so it works below any prefix. From `/docs/`, they lead to `/docs/docs/…`.
pub fn router() -> Router {
    let page = StaticFile::new("text/html; charset=utf-8", include_str!("page.html"));
    let page = async move |headers: HeaderMap| {
        let policy = [(header::CONTENT_SECURITY_POLICY, POLICY)];
        (policy, page.answer(&headers))
    };
    Router::new()
        .route("/docs", get(page))
        .route("/docs/{file}", get(file))
        .route("/docs/docs/{file}", get(file))
        .with_state(files())
}

/// The files of the page, by name.
type Files = Arc<[(&'static str, StaticFile)]>;

fn files() -> Files {
    [
        ("page.js", StaticFile::new(SCRIPT, include_str!("page.js"))),
        ("page.css", StaticFile::new(STYLE, include_str!("page.css"))),
        (
            "swagger-ui-bundle.js",
            StaticFile::gzipped(SCRIPT, &BUNDLE_GZIP),
        ),
        ("swagger-ui.css", StaticFile::gzipped(STYLE, &STYLES_GZIP)),
        ("LICENSE.txt", StaticFile::gzipped(TEXT, &LICENSE_GZIP)),
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
        .map(|(_, file)| file.answer(&headers))
        .ok_or_else(|| BackendError::not_found("The page of the API has no such file."))
}
