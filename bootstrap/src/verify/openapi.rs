//! The service describes itself in OpenAPI 3.1, with paths that lead to it from outside.

use serde_json::Value;

use super::{
    client::{Client, DOCUMENT},
    finding::{Checked, Objection},
    target::Target,
};

/// The document at `P/openapi.json`.
pub fn document(client: &Client, target: &Target, prefix: &str) -> Result<Value, Objection> {
    let path = format!("{prefix}/openapi.json");
    let answer = client.ask(target, "GET", &path, DOCUMENT)?;
    answer.ok("application/json")?.json()
}

/// It is of version 3.1, says whose it is, and has paths.
pub fn check(document: &Result<Value, Objection>, prefix: &str) -> Checked {
    let document = document.as_ref().map_err(Objection::clone)?;
    let asked = format!("GET {prefix}/openapi.json");
    let departs = |seen: String, expected: &str| {
        Err(Objection::departs(format!("{asked}: {seen}"), expected))
    };
    let version = document["openapi"].as_str().unwrap_or_default();
    if !version.starts_with("3.1.") {
        return departs(
            format!("openapi is {}", document["openapi"]),
            "openapi 3.1.x",
        );
    }
    let info = &document["info"];
    if !info["title"].is_string() || !info["version"].is_string() {
        return departs(format!("info is {info}"), "title and version in info");
    }
    let Some(paths) = document["paths"].as_object() else {
        return departs(
            format!("paths is {}", document["paths"]),
            "an object of paths",
        );
    };
    if let Some(path) = paths.keys().find(|path| !path.starts_with('/')) {
        return departs(format!("path {path:?}"), "paths that begin with a slash");
    }
    Ok(format!("{asked}: OpenAPI {version}, {} paths", paths.len()))
}

/// Whoever follows the document stays below the route: no other path reaches the service through a front end. Paths with
/// servers of their own know where they are.
pub fn paths_are_below(document: &Result<Value, Objection>, target: &Target) -> Checked {
    if target.route.is_empty() {
        let why = "the URL has no path, so there is no route to compare with";
        return Err(Objection::NotApplicable(why.to_owned()));
    }
    let Ok(document) = document else {
        let why = "there is no document at the route's openapi.json";
        return Err(Objection::NotApplicable(why.to_owned()));
    };
    let (mut below, mut elsewhere) = (0, Vec::new());
    for (path, item) in paths(document) {
        match full_path(document, item, path, target) {
            Some(full) if is_below(&full, &target.route) => below += 1,
            _ if item["servers"].is_array() => {}
            full => elsewhere.push(full.unwrap_or_else(|| path.clone())),
        }
    }
    if below > 0 && elsewhere.is_empty() {
        return Ok(format!("{below} paths are below {}", target.route));
    }
    let seen = match elsewhere.first() {
        Some(first) => format!("{} paths lead elsewhere, such as {first}", elsewhere.len()),
        None => "no path is below the route".to_owned(),
    };
    Err(Objection::departs(
        seen,
        format!("paths below {}, by servers or in full", target.route),
    ))
}

/// The paths of a document, each with its item.
pub fn paths(document: &Value) -> impl Iterator<Item = (&String, &Value)> {
    document["paths"].as_object().into_iter().flatten()
}

/// Whether a path is the route's own or lies below it.
pub fn is_below(path: &str, route: &str) -> bool {
    let rest = path.strip_prefix(route);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Where a path of the document leads on this host, by the first server that is named for it.
pub fn full_path(document: &Value, item: &Value, path: &str, target: &Target) -> Option<String> {
    let servers = [item, document];
    let server = servers
        .iter()
        .find_map(|of| of["servers"].get(0)?["url"].as_str());
    let address = target.url(&format!("{}/openapi.json", target.route));
    let address = url::Url::parse(&address).ok()?;
    let base = address.join(server.unwrap_or("/")).ok()?;
    Some(format!("{}{path}", base.path().trim_end_matches('/')))
}
