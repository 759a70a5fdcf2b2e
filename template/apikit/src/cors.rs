//! CORS: which pages of other origins may read the answers (the Fetch standard).

use std::{str::FromStr, time::Duration};

use axum::{
    extract::Request,
    http::{HeaderName, HeaderValue, Method, header},
};
use reqwest::Url;
use tower::util::MapRequestLayer;
use tower_http::cors::{self, AllowHeaders, AllowMethods, CorsLayer};

use crate::{request_context::REQUEST_ID, request_target};

/// How long a browser may cache the answer to a preflight request.
const MAX_AGE: Duration = Duration::from_secs(3600);

/// The headers that a page may read, beside the few that CORS always exposes.
const EXPOSED: [HeaderName; 5] = [
    header::LINK,
    header::LOCATION,
    header::RETRY_AFTER,
    header::WWW_AUTHENTICATE,
    REQUEST_ID,
];

/// The origins whose pages may read the answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllowOrigin {
    /// All origins, without the browser's own credentials: the Fetch standard allows them to named origins alone.
    Any,
    /// These origins, with credentials.
    Named(Vec<HeaderValue>),
}

impl FromStr for AllowOrigin {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.trim() == "*" {
            return Ok(Self::Any);
        }
        let origins: Option<_> = text.split(',').map(origin).collect();
        origins.map(Self::Named).ok_or(
            "it must be * alone, or an origin such as https://app.example.org, without a path, or several with commas \
             between them",
        )
    }
}

/// One origin, spelled as browsers send it: any other spelling would never match.
fn origin(text: &str) -> Option<HeaderValue> {
    let text = text.trim();
    let url: Url = text.parse().ok()?;
    let is_origin = url.origin().ascii_serialization() == text;
    if !is_origin || !["http", "https"].contains(&url.scheme()) {
        return None;
    }
    text.parse().ok()
}

/// A layer that changes requests.
type Mapping = MapRequestLayer<fn(Request) -> Request>;

/// The layer that adds CORS headers to every answer. It answers preflight requests itself.
pub(crate) fn layer(allowed: &AllowOrigin) -> (Mapping, CorsLayer, Mapping) {
    // tower-http takes every `OPTIONS` request for a preflight, so the others pass it under another name.
    (
        MapRequestLayer::new(hidden),
        headers(allowed),
        MapRequestLayer::new(shown),
    )
}

/// The mark of an `OPTIONS` request that is no preflight.
#[derive(Clone, Copy)]
struct OptionsItself;

fn hidden(mut request: Request) -> Request {
    let headers = request.headers();
    let is_preflight = headers.contains_key(header::ORIGIN)
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
        && !request_target::is_refused(&request);
    if *request.method() == Method::OPTIONS && !is_preflight {
        request.extensions_mut().insert(OptionsItself);
        *request.method_mut() = Method::GET;
    }
    request
}

fn shown(mut request: Request) -> Request {
    if request.extensions_mut().remove::<OptionsItself>().is_some() {
        *request.method_mut() = Method::OPTIONS;
    }
    request
}

fn headers(allowed: &AllowOrigin) -> CorsLayer {
    let layer = CorsLayer::new()
        .allow_methods(AllowMethods::mirror_request())
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(EXPOSED)
        .max_age(MAX_AGE);
    match allowed {
        AllowOrigin::Any => layer.allow_origin(cors::Any),
        AllowOrigin::Named(origins) => layer.allow_origin(origins.clone()).allow_credentials(true),
    }
}
