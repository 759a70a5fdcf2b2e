//! Serves the same routes below one more path.

use axum::{Router, extract::Request, http::Uri};
use tower::{ServiceExt, service_fn};

/// Serves `router` below `route`, such as `/my-service`; its `/` answers there with and without a
/// slash at the end.
///
/// A Kubernetes Ingress routes by path and rewrites nothing, so what a service answers at `/…` it
/// must answer at `/<route>/…` too:
///
/// ```
/// # use axum::{Router, routing::get};
/// # use apikit::below;
/// let routes: Router = Router::new().route("/jobs", get(|| async { "build, test" }));
/// let app = routes.clone().merge(below("/my-service", routes));
/// ```
pub fn below(route: &str, router: Router) -> Router {
    let nested = router.clone();
    let slash = service_fn(move |mut request: Request| {
        let root = match request.uri().query() {
            None => Ok(Uri::from_static("/")),
            Some(query) => format!("/?{query}").parse(),
        };
        *request.uri_mut() = root.expect("a query that was legal stays so");
        nested.clone().oneshot(request)
    });
    Router::new()
        .nest(route, router)
        .route_service(&format!("{route}/"), slash)
}
