//! The two routers of a service: what it answers at the root, and what it answers below its route.

use std::convert::Infallible;

use axum::{
    Router,
    body::{Body, HttpBody},
    extract::Request,
    http::{Uri, uri::PathAndQuery},
    routing::future::RouteFuture,
};
use bytes::Bytes;
use tower::{BoxError, Service, service_fn};

use crate::requested_uri::RequestedUri;

/// Routers, of which the path of a request chooses one. Clones share them.
///
/// The one below the route gets the path as it is without the route; [`RequestedUri`] has all of it. `/<route>` and
/// `/<route>/` are its `/`. axum's own nesting would do this within each route, in a box more, and parse each URI again: three
/// times the instructions, and nearly all requests come by the front end, below the route.
#[derive(Clone)]
pub(crate) struct Routers {
    root: Router,
    below: Option<Below>,
}

/// The routers below a route.
#[derive(Clone)]
struct Below {
    route: &'static str,
    router: Router,
    /// The one for the route itself, its `/`.
    front: Router,
}

impl Routers {
    /// One router for all paths.
    pub fn one(root: Router) -> Self {
        // Handlers get their state now, and not for each request.
        let root = root.with_state(());
        Self { root, below: None }
    }

    /// The same, with `router` for the paths below `route`, such as `/my-service`, and `front` for the route itself.
    pub fn with(self, route: &'static str, router: Router, front: Router) -> Self {
        let below = Some(Below {
            route,
            router: router.with_state(()),
            front: front.with_state(()),
        });
        Self { below, ..self }
    }

    /// Answers a request.
    pub fn call<B>(&self, mut request: Request<B>) -> RouteFuture<Infallible>
    where
        B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        let mut router = &self.root;
        if let Some(below) = &self.below
            && let Some(uri) = without(request.uri(), below.route)
        {
            router = match uri.path() {
                "/" => &below.front,
                _ => &below.router,
            };
            let original = std::mem::replace(request.uri_mut(), uri);
            request.extensions_mut().insert(RequestedUri(original));
        }
        // A router is always ready to be called.
        router.clone().call(request)
    }

    /// A router that does the same, for tests.
    pub fn into_router(self) -> Router {
        Router::new().fallback_service(service_fn(move |request: Request<Body>| self.call(request)))
    }
}

/// The URI as it is below `route`; `None` where it is elsewhere.
fn without(uri: &Uri, route: &str) -> Option<Uri> {
    let rest = uri.path_and_query()?.as_str().strip_prefix(route)?;
    let rest = match rest.bytes().next() {
        Some(b'/') => Bytes::copy_from_slice(rest.as_bytes()),
        None | Some(b'?') => Bytes::from(format!("/{rest}")),
        _ => return None,
    };
    let rest = PathAndQuery::from_maybe_shared(rest).expect("a part of a legal path is one");
    if uri.scheme().is_none() {
        return Some(Uri::from(rest));
    }
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(rest);
    Some(Uri::from_parts(parts).expect("only its path has changed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_below_the_route_is_cut_and_nothing_else() {
        for (text, expected) in [
            ("/jobs", Some("/")),
            ("/jobs/", Some("/")),
            ("/jobs?day=1", Some("/?day=1")),
            ("/jobs/?day=1", Some("/?day=1")),
            ("/jobs/a/b%2Fc?day=/1", Some("/a/b%2Fc?day=/1")),
            ("/jobs//a", Some("//a")),
            ("/jobs/jobs", Some("/jobs")),
            ("http://example.org/jobs/a", Some("http://example.org/a")),
            ("/jobs-of-today/a", None),
            ("/jobs;a/b", None),
            ("/job", None),
            ("/", None),
            ("/a/jobs", None),
            ("*", None),
            ("example.org:443", None),
        ] {
            let found = without(&text.parse().unwrap(), "/jobs").map(|uri| uri.to_string());
            assert_eq!(found.as_deref(), expected, "{text}");
        }
    }
}
