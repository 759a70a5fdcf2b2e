//! House: what is served where, and through which layers a request goes.

use axum::{
    Router,
    extract::Request,
    middleware::{from_fn, from_fn_with_state},
    response::{IntoResponse, Response},
};
use tower_http::catch_panic::CatchPanicLayer;

use crate::{
    apikit::{
        Backend, BackendError, Readiness, Settings, access, below, health, json,
        limits::{self, Places},
        metadata,
    },
    config::Config,
    identity::{METADATA, ROUTE},
    service,
};

/// The whole service: what the author wrote, in the house.
pub fn router(config: &Config, backend: Backend, readiness: Readiness) -> Router {
    let routes = service::router(backend, config);
    house(&config.house, readiness, routes, service::index())
}

/// The house's routes and layers round any `routes`, and round an `index` served below the route alone.
pub fn house(settings: &Settings, readiness: Readiness, routes: Router, index: Router) -> Router {
    // Only what the author writes is limited: a full service still says who it is and that it lives.
    let time = from_fn_with_state(settings.request_timeout, limits::time);
    let in_flight = from_fn_with_state(Places::new(settings.max_in_flight), limits::in_flight);
    let limited = |routes: Router| routes.layer(time.clone()).layer(in_flight.clone());

    let everywhere = limited(routes).merge(metadata::router(&METADATA));
    let below_route = limited(index).merge(everywhere.clone());

    Router::new()
        .merge(health::router(readiness))
        .merge(everywhere)
        .merge(below(ROUTE, below_route))
        .fallback(unknown)
        // From here on, the last layer is the first that a request meets.
        .layer(CatchPanicLayer::custom(panicked)) // innermost, so that a panic is an error to all others
        .layer(from_fn(limits::head)) // refuses in plain words, which the next layer puts into shape
        .layer(from_fn(json::errors_as_json)) // sees the answer of every layer but the log
        .layer(from_fn(access::log)) // outermost: what it logs is what the caller got
}

async fn unknown(request: Request) -> BackendError {
    let path = request.uri().path();
    BackendError::not_found(format!("Nothing is served at {path}."))
}

fn panicked(_: Box<dyn std::any::Any + Send>) -> Response {
    BackendError::internal("a handler panicked").into_response()
}
