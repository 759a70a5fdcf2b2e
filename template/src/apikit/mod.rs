//! House: what every service of the front end has in common.
//!
//! Each module stands by itself and takes what it needs as arguments, so an
//! existing [`axum::Router`] can take one piece of it and leave the rest:
//!
//! - [`metadata::router`] answers who a service is; [`below`] serves a router under a route as well;
//! - [`BackendError`] is the one shape of an error, [`json::ErrorsAsJson`] gives it to all others;
//! - [`Backend`] asks the back-end on behalf of a [`Caller`], with time limits and retries;
//! - [`openapi::document`] describes the service, and [`docs::router`] shows that to people;
//! - [`access`] notes each request in [`logs`], [`Metrics`] and [`traces`];
//! - [`health`], [`limits`] and [`serve`] keep the process well-behaved.
//!
//! Nothing here knows the service around it: modules reach each other through `super`.
#![warn(missing_docs)]

pub mod access;
mod asset;
pub mod backend;
mod connection;
pub mod docs;
pub mod error;
pub mod health;
pub mod json;
pub mod limits;
pub mod logs;
pub mod metadata;
pub mod metrics;
pub mod openapi;
pub mod serve;
pub mod settings;
pub mod traces;
pub mod trail;
mod vitals;

use axum::{Router, extract::Request, http::Uri};
use tower::{ServiceExt, service_fn};

pub use backend::{Auth, Backend, Caller};
pub use error::{BackendError, Result};
pub use health::Readiness;
pub use metadata::Metadata;
pub use metrics::Metrics;
pub use settings::Settings;
pub use traces::Traces;
pub use vitals::Vitals;

/// Serves `router` below `route`, such as `/my-service`; its `/` answers there with and without a
/// slash at the end.
///
/// A Kubernetes Ingress routes by path and rewrites nothing, so what a service answers at `/…` it
/// must answer at `/<route>/…` too:
///
/// ```
/// # use axum::{Router, routing::get};
/// # use uservice::apikit::below;
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
