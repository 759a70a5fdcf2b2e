//! The routes of this service: which services there are, how they are, and what they answer; for people and programs.

mod apis;
mod assets;
mod catalogue;
mod cluster;
mod conformance;
mod document;
mod entry;
mod fetch;
mod frame;
mod host;
mod known;
mod linkset;
mod list;
mod look;
mod merged;
mod metadata;
mod metrics;
mod observer;
mod page;
mod view;

use std::{sync::Arc, time::SystemTime};

use apikit::{BackendError, Result, Setup, StartError};
use axum::{
    Json,
    extract::{FromRef, Path, Query, State},
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
    routing::{MethodRouter, get},
};
use serde::Deserialize;
use tokio::sync::watch;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::config::Config;
use assets::{__path_asset, asset};
use catalogue::Catalogue;
use cluster::Cluster;
use fetch::Fetcher;
use host::{Host, PublicUrl};
use known::{Known, Status};
use merged::Merged;
use metrics::Sights;
use observer::Observer;
use page::Search;
use view::{Service, ServiceList};

/// What handlers share.
#[derive(Clone, FromRef)]
pub struct AppState {
    catalogue: Catalogue,
    merged: Merged,
    public_url: PublicUrl,
}

/// Makes what handlers share, and begins to look at the services.
pub async fn start(config: &Config, setup: &mut Setup) -> Result<AppState, StartError> {
    let listed = list::listed(config).map_err(StartError::configuration)?;
    let catalogue = Catalogue::default();
    setup.metrics().collect(Sights(catalogue.clone()));
    let observer = Observer::new(catalogue.clone(), Fetcher::new()?, config);
    let (sender, entries) = watch::channel(listed.clone());
    if let Some(namespace) = &config.catalogue_namespace {
        let cluster = Cluster::new(namespace).await.map_err(StartError::failed)?;
        setup.spawn_essential("cluster", async move |stop| {
            cluster.follow(listed, sender, stop).await
        });
    }
    setup.spawn_essential("observer", async move |stop| {
        observer.observe(entries, stop).await
    });
    Ok(AppState {
        catalogue,
        merged: Merged::default(),
        public_url: PublicUrl(config.catalogue_public_url.clone()),
    })
}

/// The routes that are served at the root of the host as well.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(api_catalog))
}

/// What is served below `/catalogue` alone: at the root, it would stand in the way of other services.
pub fn index() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(services_page))
        .routes(routes!(apis_page))
        .routes(routes!(asset))
        .routes(routes!(services))
        .routes(routes!(service))
        .routes(routes!(service_document))
        .routes(routes!(merged_document))
}

/// What browsers get at `/`.
pub fn home() -> MethodRouter<AppState> {
    get(services_page)
}

/// Lists all services, and how they stand.
#[utoipa::path(get, path = "/services", responses((status = 200, body = ServiceList)))]
async fn services(State(catalogue): State<Catalogue>) -> Json<ServiceList> {
    Json(ServiceList::of(&catalogue.services(), SystemTime::now()))
}

/// Tells of one service.
#[utoipa::path(
    get,
    path = "/services/{name}",
    responses((status = 200, body = Service), (status = 404, description = "There is no such service")),
)]
async fn service(
    State(catalogue): State<Catalogue>,
    Path(name): Path<String>,
) -> Result<Json<Service>> {
    let known = known(&catalogue, &name)?;
    Ok(Json(Service::of(&known, SystemTime::now())))
}

/// The OpenAPI document of a service, as it was seen last.
#[utoipa::path(
    get,
    path = "/services/{name}/openapi.json",
    responses((status = 200, body = Value), (status = 404, description = "There is no such service or document")),
)]
async fn service_document(
    State(catalogue): State<Catalogue>,
    Path(name): Path<String>,
) -> Result<Response> {
    let document = known(&catalogue, &name)?.document.clone();
    let document = document.ok_or_else(|| {
        BackendError::not_found(format!("Nobody has seen an OpenAPI document of {name}."))
    })?;
    Ok(json(document.value.text))
}

/// One OpenAPI document of all services, each below its own path.
///
/// Components, ids of operations and headings have the service's name before them. A service whose document cannot be
/// merged is named in `x-left-out`.
#[utoipa::path(get, path = "/merged/openapi.json", responses((status = 200, body = Value)))]
async fn merged_document(
    State(catalogue): State<Catalogue>,
    State(merged): State<Merged>,
) -> Result<Response> {
    Ok(json(merged.of(catalogue.services()).await?))
}

/// Links to all services and to what describes them, as RFC 9727 and RFC 9264 have it. Pages of all origins may read it.
#[utoipa::path(
    get,
    path = "/.well-known/api-catalog",
    responses((status = 200, content_type = "application/linkset+json", body = Value)),
)]
async fn api_catalog(
    State(catalogue): State<Catalogue>,
    State(PublicUrl(url)): State<PublicUrl>,
    host: Host,
) -> Response {
    let origin = url.unwrap_or_else(|| host.origin());
    let links = linkset::linkset(&catalogue.services(), &origin);
    let itself = format!(
        "<{origin}{}>; rel=\"api-catalog\"; type=\"application/linkset+json\"",
        linkset::PATH
    );
    let headers = [
        (header::CONTENT_TYPE, linkset::MEDIA_TYPE.to_owned()),
        (header::LINK, itself),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*".to_owned()),
    ];
    (headers, links.to_string()).into_response()
}

/// What a reader asks of the page.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct SearchQuery {
    /// Words that a service has to have in its name, path or description.
    #[serde(default)]
    q: String,
    /// How a service has to stand.
    status: Option<Status>,
}

/// The page of all services, for people. It needs no scripts.
#[utoipa::path(
    get,
    path = "/",
    params(SearchQuery),
    responses((status = 200, content_type = "text/html", body = String)),
)]
async fn services_page(
    State(catalogue): State<Catalogue>,
    Query(query): Query<SearchQuery>,
    host: Host,
) -> Response {
    let search = Search {
        words: query.q,
        status: query.status,
    };
    let services = catalogue.services();
    assets::answer(page::page(&services, &search, &host.0, SystemTime::now()))
}

/// Which service's API a reader wants.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ApisQuery {
    /// The name of the service. Without one, the page has the APIs of all.
    #[serde(default)]
    service: String,
}

/// The page with the APIs, to be read and tried out in a browser.
#[utoipa::path(
    get,
    path = "/apis",
    params(ApisQuery),
    responses(
        (status = 200, content_type = "text/html", body = String),
        (status = 404, description = "There is no such service"),
    ),
)]
async fn apis_page(
    State(catalogue): State<Catalogue>,
    Query(query): Query<ApisQuery>,
) -> Result<Response> {
    let chosen = Some(query.service).filter(|name| !name.is_empty());
    if let Some(name) = &chosen {
        known(&catalogue, name)?;
    }
    let page = apis::page(&catalogue.services(), chosen.as_deref());
    Ok(assets::answer(page))
}

fn known(catalogue: &Catalogue, name: &str) -> Result<Arc<Known>> {
    let known = catalogue.services().by_name.get(name).cloned();
    known.ok_or_else(|| BackendError::not_found(format!("There is no service {name}.")))
}

fn json(text: axum::body::Bytes) -> Response {
    const JSON: HeaderValue = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, JSON)], text).into_response()
}
