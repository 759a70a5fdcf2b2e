//! House: what is served where, and through which layers a request goes.

use axum::{
    Router,
    extract::Request,
    middleware::{from_fn, from_fn_with_state},
    response::{IntoResponse, Response},
};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa_axum::router::OpenApiRouter;

use crate::{
    apikit::{
        Backend, BackendError, Settings, Vitals,
        access::Access,
        below, docs, health, json,
        limits::{self, Places},
        metadata, metrics, openapi,
    },
    config::Config,
    identity::{METADATA, ROUTE},
    service,
};

/// The whole service: what the author wrote, in the house.
pub fn router(config: &Config, backend: Backend, vitals: &Vitals) -> Router {
    let routes = service::router(backend, config);
    house(&config.house, vitals, routes, service::index())
}

/// What the whole service answers, in OpenAPI.
pub fn document(config: &Config, backend: Backend) -> String {
    let routes = service::router(backend, config).into_openapi();
    openapi::document(&METADATA, ROUTE, routes, service::index().into_openapi())
}

/// The house's routes and layers round any `routes`, and round an `index` served below the route alone.
pub fn house(
    settings: &Settings,
    vitals: &Vitals,
    routes: OpenApiRouter,
    index: OpenApiRouter,
) -> Router {
    let (routes, described) = routes.split_for_parts();
    let (index, described_index) = index.split_for_parts();
    let document = openapi::document(&METADATA, ROUTE, described, described_index);

    // Only what the author writes is limited: a full service still says who it is and that it lives.
    let time = from_fn_with_state(settings.request_timeout, limits::time);
    let in_flight = from_fn_with_state(Places::new(settings.max_in_flight), limits::in_flight);
    let limited = |routes: Router| routes.layer(time.clone()).layer(in_flight.clone());

    let everywhere = limited(routes)
        .merge(metadata::router(&METADATA))
        .merge(openapi::router(document))
        .merge(docs::router());
    let below_route = limited(index).merge(everywhere.clone());

    Router::new()
        .merge(health::router(vitals.readiness.clone()))
        .merge(metrics::router(vitals.metrics.clone()))
        .merge(everywhere)
        .merge(below(ROUTE, below_route))
        .fallback(unknown)
        // A request meets the first layer first. One call takes them all: each call costs a box or two.
        .layer((
            Access::new(&vitals.metrics), // outermost: what it notes is what the caller got
            from_fn(json::errors_as_json), // sees the answer of every layer but that one
            from_fn(limits::head), // refuses in plain words, which the layer above puts into shape
            CatchPanicLayer::custom(panicked), // innermost, so that a panic is an error to all others
        ))
}

async fn unknown(request: Request) -> BackendError {
    let path = request.uri().path();
    BackendError::not_found(format!("Nothing is served at {path}."))
}

fn panicked(_: Box<dyn std::any::Any + Send>) -> Response {
    BackendError::internal("a handler panicked").into_response()
}
