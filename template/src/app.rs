//! House: what is served where, and through which layers a request goes.

use axum::{
    Router,
    extract::Request,
    http::{HeaderName, HeaderValue},
    middleware::map_response,
    response::Response,
};
use utoipa_axum::router::OpenApiRouter;

use crate::{
    apikit::{
        Backend, BackendError, Settings, Vitals,
        access::Access,
        below, docs, health,
        json::ErrorsAsJson,
        limits::{self, Places},
        metadata, metrics, openapi,
    },
    config::Config,
    identity::{HEADER, METADATA, ROUTE},
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

    let everywhere = metadata::router(&METADATA)
        .merge(openapi::router(document))
        .merge(docs::router());
    let own = Router::new()
        .merge(health::router(vitals.readiness.clone()))
        .merge(metrics::router(vitals.metrics.clone()))
        .merge(everywhere.clone())
        .nest(ROUTE, everywhere)
        .fallback(unknown);
    let authors = routes.clone().merge(below(ROUTE, index.merge(routes)));

    // A request meets the first layer first. One call takes them all: each call costs a box or two.
    let layers = (
        Access::new(&vitals.metrics), // outermost: what it notes is what the caller got
        ErrorsAsJson,                 // puts what the router and the handlers refuse into shape
        limits::Head,                 // refuses before anything is done
    );
    // Only what the author writes is limited: a full service still says who it is and that it lives.
    let places = Places::new(settings.max_in_flight);
    let work = limits::Work::new(places, settings.request_timeout);
    let app = authors
        .layer((layers.clone(), work))
        .merge(own.layer(layers));
    with_header(app, HEADER)
}

/// Every answer of `app`, with a header more. Without a name, it is `app` as it was.
///
/// # Panics
/// When it is no header, such as a name in upper case.
pub fn with_header(app: Router, (name, value): (&'static str, &'static str)) -> Router {
    if name.is_empty() {
        return app;
    }
    let header = (
        HeaderName::from_static(name),
        HeaderValue::from_static(value),
    );
    app.layer(map_response(move |mut answer: Response| {
        let (name, value) = header.clone();
        answer.headers_mut().insert(name, value);
        async { answer }
    }))
}

async fn unknown(request: Request) -> BackendError {
    let path = request.uri().path();
    BackendError::not_found(format!("Nothing is served at {path}."))
}
