//! Answers who the service is, in the same way for all services.

use axum::{
    Router,
    body::Bytes,
    http::{HeaderValue, header},
    response::Response,
    routing::get,
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::Auth;

/// Who a service is. All fields are JSON strings.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(as = ServiceMetadata)]
pub struct Metadata {
    /// The name of the service, which is its crate's.
    pub name: &'static str,
    /// One line on what the service is for.
    pub description: &'static str,
    /// The URL of the source.
    pub repository: &'static str,
    /// The version of the service.
    pub version: &'static str,
    /// The version of the API that the front end agrees on, such as `1.0`.
    pub api_version: &'static str,
    /// How callers are authenticated to the back-end.
    #[schema(value_type = String)]
    pub auth: Auth,
}

impl Metadata {
    /// The JSON object that every metadata route answers.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a struct of strings is always JSON")
    }
}

/// `GET /metadata`, `/v1.0/metadata` and `/1.0/metadata` (for API version 1.0), each also with `.json`.
///
/// Merge it into a router of yours; [`below`](crate::below) serves it under a route as well.
pub fn router(metadata: &Metadata) -> Router {
    router_with(metadata, None)
}

/// The same, with a `Link` header in each answer.
pub(super) fn router_with(metadata: &Metadata, links: Option<HeaderValue>) -> Router {
    let body = Bytes::from(metadata.to_json());
    paths(metadata.api_version).fold(Router::new(), |router, path| {
        let (body, links) = (body.clone(), links.clone());
        router.route(&path, get(|| async { json(body, links) }))
    })
}

/// The paths under which the metadata of an API version is served.
pub(super) fn paths(api_version: &str) -> impl Iterator<Item = String> {
    let paths = [
        "/metadata".to_owned(),
        format!("/v{api_version}/metadata"),
        format!("/{api_version}/metadata"),
    ];
    let with_and_without_suffix = |path: String| [path.clone(), path + ".json"];
    paths.into_iter().flat_map(with_and_without_suffix)
}

fn json(body: Bytes, links: Option<HeaderValue>) -> Response {
    const JSON: HeaderValue = HeaderValue::from_static("application/json");
    let mut answer = Response::new(body.into());
    answer.headers_mut().insert(header::CONTENT_TYPE, JSON);
    answer
        .headers_mut()
        .extend(links.map(|links| (header::LINK, links)));
    answer
}
