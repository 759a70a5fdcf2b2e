//! The `Link` header by which a service is found: its description, its documentation and its metadata (RFC 8631).

use axum::{
    Router,
    http::{HeaderValue, header::LINK},
    middleware::map_response,
    response::Response,
};

/// The header of the service below `route`: paths, since the host is the front end's.
pub(crate) fn header(route: &str) -> HeaderValue {
    let links = [
        ("openapi.json", "service-desc", "application/json"),
        ("docs", "service-doc", "text/html"),
        ("metadata", "service-meta", "application/json"),
    ];
    let links = links.map(|(path, relation, kind)| {
        format!("<{route}/{path}>; rel=\"{relation}\"; type=\"{kind}\"")
    });
    HeaderValue::try_from(links.join(", ")).expect("a route is a path")
}

/// Adds the header to every answer of `router`, beside the links of its own.
pub(crate) fn added_to(router: Router, links: HeaderValue) -> Router {
    router.layer(map_response(move |mut answer: Response| {
        answer.headers_mut().append(LINK, links.clone());
        async { answer }
    }))
}
