//! House: describes the whole service in OpenAPI 3.1, the author's routes and the house's.
//!
//! The author annotates a handler with what it takes and what it answers when all is well. What holds for
//! every route of every service is written into the document here, once: who the service is, where it is,
//! how callers authenticate, and the shape of errors.

mod completion;
mod house;
mod security;

use axum::{Router, http::HeaderMap, routing::get};
use utoipa::openapi::{
    ExternalDocs, Info, InfoBuilder, OpenApi, Server, external_docs::ExternalDocsBuilder,
    tag::TagBuilder,
};

use super::{asset::Asset, metadata::Metadata};

/// Where those paths begin that the route is not put in front of.
const ROOT: &str = "/";

/// Describes a service as JSON: its `routes`, which are served below `/` and below `route`, the `index`,
/// which is served below `route` alone, and the house's own routes.
///
/// Paths begin at `route`, on whichever host the document came from. That holds behind the front end, which
/// knows no other place, and on the service's own port as well. `.`, for the folder that the document is
/// in, would say the same, but tools other than browsers make it the root.
pub fn document(who: &Metadata, route: &str, routes: OpenApi, index: OpenApi) -> String {
    let mut document = routes;
    document.merge(below(route, index));
    completion::of_authors(&mut document, who);
    house::add(&mut document, who);
    completion::of_all(&mut document);

    let headings = document.tags.get_or_insert_default();
    if !headings.iter().any(|heading| heading.name == who.name) {
        headings.insert(0, TagBuilder::new().name(who.name).build());
    }
    document.info = info(who);
    document.external_docs = Some(source(who));
    document.servers = Some(vec![Server::new(route)]);
    document
        .to_json()
        .expect("a document of strings, numbers and lists is always JSON")
}

/// `GET /openapi.json`: the document.
pub fn router(document: String) -> Router {
    let document = Asset::new("application/json", document);
    Router::new().route(
        "/openapi.json",
        get(async move |headers: HeaderMap| document.answer(&headers)),
    )
}

/// The paths of `index`, as seen from the root.
fn below(route: &str, mut index: OpenApi) -> OpenApi {
    let paths = std::mem::take(&mut index.paths.paths);
    index.paths.paths = paths
        .into_iter()
        .map(|(path, mut item)| {
            item.servers = Some(vec![Server::new(ROOT)]);
            (format!("{route}{}", path.trim_end_matches('/')), item)
        })
        .collect();
    index
}

fn info(who: &Metadata) -> Info {
    InfoBuilder::new()
        .title(who.name)
        .version(who.version)
        .description(Some(who.description))
        .build()
}

fn source(who: &Metadata) -> ExternalDocs {
    ExternalDocsBuilder::new()
        .url(who.repository)
        .description(Some("The source of the service"))
        .build()
}
