//! Describes the whole service in OpenAPI 3.1, the author's routes and apikit's.
//!
//! The author annotates a handler with what it takes and what it answers on success. What holds for
//! every route of every service is added here: who the service is, where it is, how callers
//! authenticate, and the shape of errors.

mod builtin;
mod completion;
mod security;

use axum::{Router, http::HeaderMap, routing::get};
use utoipa::openapi::{
    ExternalDocs, Info, InfoBuilder, OpenApi, Server, external_docs::ExternalDocsBuilder,
    tag::TagBuilder,
};

use crate::{metadata::Metadata, static_file::StaticFile};

/// The server of those paths that are not below the route.
const ROOT: &str = "/";

/// Describes a service as JSON: its `routes`, which are served below `/` and below `route`, the `index`,
/// which is served below `route` alone, and apikit's own routes.
///
/// Paths begin at `route`, on the host that the document came from. That is right behind the front end, which
/// publishes nothing else, and on the service's own port. `.`, for the folder of the document, would mean
/// the same to browsers, but other tools read it as the root.
pub fn document(who: &Metadata, route: &str, routes: OpenApi, index: OpenApi) -> String {
    let mut document = routes;
    document.merge(below(route, index));
    completion::of_authors(&mut document, who);
    builtin::add(&mut document, who);
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
    let document = StaticFile::new("application/json", document);
    let answer = get(async move |headers: HeaderMap| document.answer(&headers));
    Router::new()
        .route("/openapi.json", answer.clone())
        // Where the page of the API looks for it from `/docs/`.
        .route("/docs/openapi.json", answer)
}

/// The paths of `index`, relative to the root.
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
