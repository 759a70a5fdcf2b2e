//! Lists the routes of a router, to compare them with the OpenAPI document.

use std::collections::BTreeSet;

use axum::Router;
use serde_json::Value;

use crate::app::App;

/// A path of a router, and its methods; none for a nested service or for `any`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// The path, as axum has it: `/jobs/{job}`.
    pub path: String,
    /// The methods in lower case, without `head`.
    pub methods: Vec<String>,
}

/// All routes of a router, however they were added.
///
/// Only a router's `Debug` form has them, which may change with a version of axum. So this panics where it finds
/// nothing, and does not pass for a router without routes.
///
/// # Panics
/// When the `Debug` form is another one.
pub fn served<S>(router: &Router<S>) -> Vec<Served> {
    let shown = format!("{router:?}");
    let shown = shown
        .split(", fallback_router: ")
        .next()
        .unwrap_or_default();
    let (endpoints, paths) = shown
        .split_once("node: Node { paths: {")
        .expect("axum lists the paths of a router in its Debug form");
    let endpoints: Vec<_> = numbered(endpoints).collect();
    numbered(paths)
        .map(|(id, path)| {
            let endpoint = endpoints.iter().find(|(known, _)| *known == id);
            let (_, endpoint) = endpoint.expect("each path has its endpoint");
            Served {
                path: path
                    .split('"')
                    .nth(1)
                    .expect("a path is in quotes")
                    .to_owned(),
                methods: methods(endpoint),
            }
        })
        .collect()
}

/// The entries `RouteId(1): …` of a map.
fn numbered(map: &str) -> impl Iterator<Item = (&str, &str)> {
    map.split("RouteId(")
        .filter_map(|entry| entry.split_once("): "))
}

/// The methods in `allow_header: Bytes(b"GET,HEAD")`. `HEAD` is answered wherever `GET` is.
fn methods(endpoint: &str) -> Vec<String> {
    let allowed = endpoint.split_once("allow_header: Bytes(b\"");
    let allowed = allowed.map_or("", |(_, rest)| rest.split('"').next().unwrap_or_default());
    let methods = allowed
        .split(',')
        .filter(|method| !["", "HEAD"].contains(method));
    methods.map(str::to_lowercase).collect()
}

/// The routes of `app` that its OpenAPI document lacks, such as `GET /jobs`. The service is not started.
///
/// # Panics
/// When the document is no JSON.
pub fn undescribed<C: 'static, S: Clone + Send + Sync + 'static>(app: &App<C, S>) -> Vec<String> {
    let document: Value = serde_json::from_str(&app.document()).expect("the document is JSON");
    let (routes, index) = app.routers();
    let routes = served(&routes).into_iter();
    let index = served(&index).into_iter().map(|below| Served {
        path: format!("{}{}", app.identity.route, below.path.trim_end_matches('/')),
        ..below
    });
    let missing: BTreeSet<_> = routes
        .chain(index)
        .flat_map(|served| missing(served, &document))
        .collect();
    missing.into_iter().collect()
}

fn missing(served: Served, document: &Value) -> Vec<String> {
    let path = served.path.replace("{*", "{");
    let described = &document["paths"][&path];
    if served.methods.is_empty() && described.is_null() {
        return vec![format!("{path} with any method")];
    }
    let methods = served.methods.into_iter();
    methods
        .filter(|method| described[method].is_null())
        .map(|method| format!("{} {path}", method.to_uppercase()))
        .collect()
}
