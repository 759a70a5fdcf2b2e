//! House: what is served is documented, and what is documented is served.

use std::collections::BTreeSet;

use axum::{Router, routing::get};
use serde_json::{Value, json};
use uservice::{
    apikit::{Vitals, openapi},
    app,
    identity::{METADATA, ROUTE},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    served::{self, Served},
    test_app::parts,
};

/// What the page at `/docs` is made of. It is no part of the API.
const PARTS_OF_THE_PAGE: [&str; 2] = ["/docs/", "/docs/{file}"];

/// The whole service, and what it says of itself.
pub fn service() -> (Router, Value) {
    let (config, backend) = parts(vec![]);
    let document = app::document(&config, backend.clone());
    let app = app::router(&config, backend, &Vitals::default());
    (app, serde_json::from_str(&document).unwrap())
}

/// What `app` serves and `document` does not have, such as `GET /jobs`.
fn undocumented(app: &Router, document: &Value) -> BTreeSet<String> {
    let mut missing = BTreeSet::new();
    for Served { path, methods } in served::by(app) {
        if path == format!("{ROUTE}/") {
            continue; // whatever the route answers without the slash
        }
        let path = in_the_document(&path, document);
        let described = &document["paths"][&path];
        if PARTS_OF_THE_PAGE.contains(&path.as_str()) {
            continue;
        }
        if methods.is_empty() && described.is_null() {
            missing.insert(format!("{path} with any method"));
        }
        let methods = methods.iter().filter(|method| described[method].is_null());
        missing.extend(methods.map(|method| format!("{} {path}", method.to_uppercase())));
    }
    missing
}

/// The name in the document of a path of axum's. What is served below `/` and below the route alike
/// is described once, under the path without the route.
fn in_the_document(path: &str, document: &Value) -> String {
    let path = path.replace("{*", "{");
    let named = !document["paths"][&path].is_null();
    match path.strip_prefix(ROUTE) {
        Some(below) if below.starts_with('/') && !named => below.to_owned(),
        _ => path,
    }
}

#[test]
fn every_route_is_documented() {
    let (app, document) = service();
    let missing: Vec<_> = undocumented(&app, &document).into_iter().collect();
    assert!(
        missing.is_empty(),
        "nothing documents {}. In src/service.rs, write `#[utoipa::path(…)]` over the handler, as the \
         README shows, and give it to the router by `.routes(routes!(handler))` instead of `.route(…)`.",
        missing.join(", "),
    );
}

#[test]
fn everything_documented_is_served_where_the_document_says() {
    let (app, document) = service();
    let served = served::by(&app).into_iter();
    let served: BTreeSet<_> = served
        .map(|served| served.path.replace("{*", "{"))
        .collect();
    for (path, item) in document["paths"].as_object().unwrap() {
        assert!(served.contains(path), "{path}");
        let at_root_alone = item["servers"] == json!([{"url": "/"}]);
        let below_route = served.contains(&format!("{ROUTE}{path}"));
        assert!(at_root_alone || below_route, "{path}");
    }
}

#[test]
fn a_route_without_a_description_is_found() {
    #[utoipa::path(get, path = "/told", responses((status = 200, body = String)))]
    async fn told() -> &'static str {
        "told"
    }
    let untold = Router::new()
        .route("/untold", get(async || "").post(async || ""))
        .route("/untold/{*rest}", get(async || ""));
    let routes = OpenApiRouter::from(untold).routes(routes!(told));
    let index = OpenApiRouter::from(Router::new().route("/", get(async || "")));

    let (described, index_described) = (routes.get_openapi(), index.get_openapi());
    let document = openapi::document(&METADATA, ROUTE, described.clone(), index_described.clone());
    let (config, _) = parts(vec![]);
    let app = app::house(&config.house, &Vitals::default(), routes, index);
    let found = undocumented(&app, &serde_json::from_str(&document).unwrap());
    let index = format!("GET {ROUTE}");
    let expected = ["GET /untold", "GET /untold/{rest}", "POST /untold", &index];
    assert_eq!(found, expected.map(str::to_owned).into());
}
