//! The catalogue for programs that know nothing of it: links in the format of RFC 9264, at the place of RFC 9727.

use serde_json::{Map, Value, json};

use super::{apis, catalogue::Services, known::Known};
use crate::identity::ROUTE;

/// The path of the links, at the root of the host.
pub const PATH: &str = "/.well-known/api-catalog";

/// The media type of the links.
pub const MEDIA_TYPE: &str =
    "application/linkset+json; profile=\"https://www.rfc-editor.org/info/rfc9727\"";

/// The links of all services at `host`, such as `https://api.lsst.codes`: to the services from the catalogue, and from
/// each to what describes it (RFC 8631).
pub fn linkset(services: &Services, host: &str) -> Value {
    let services = services.by_name.values();
    let items = services
        .clone()
        .map(|known| json!({"href": format!("{host}{}", known.route())}));
    let mut contexts = vec![
        json!({"anchor": format!("{host}{PATH}"), "item": Vec::from_iter(items)}),
        json!({
            "anchor": format!("{host}{ROUTE}"),
            "service-desc": [link(&format!("{host}{ROUTE}/openapi.json"), JSON)],
            "service-doc": [link(&format!("{host}{ROUTE}/docs"), HTML)],
            "service-meta": [link(&format!("{host}{ROUTE}/metadata"), JSON)],
        }),
    ];
    // A catalogue that finds itself has described itself already.
    let others = services.filter(|known| known.route() != ROUTE);
    contexts.extend(others.map(|known| context(known, host)));
    json!({"linkset": contexts})
}

const JSON: &str = "application/json";
const HTML: &str = "text/html";

fn context(known: &Known, host: &str) -> Value {
    let name = &known.entry.name;
    let route = format!("{host}{}", known.route());
    let mut links = Map::new();
    links.insert("anchor".to_owned(), route.as_str().into());
    if known.document.is_some() {
        let document = link(&format!("{route}/openapi.json"), JSON);
        links.insert("service-desc".to_owned(), json!([document]));
    }
    let metadata = known.metadata.as_ref();
    let documentation = metadata.and_then(|seen| seen.value.documentation.as_ref());
    let documentation = match documentation {
        Some(url) => link(url.as_str(), HTML),
        None => link(&format!("{host}{}", apis::path(Some(name))), HTML),
    };
    links.insert("service-doc".to_owned(), json!([documentation]));
    if metadata.is_some() {
        let metadata = link(&format!("{route}/metadata"), JSON);
        links.insert("service-meta".to_owned(), json!([metadata]));
    }
    let status = link(&format!("{host}{ROUTE}/services/{name}"), JSON);
    links.insert("status".to_owned(), json!([status]));
    links.into()
}

fn link(href: &str, media_type: &str) -> Value {
    json!({"href": href, "type": media_type})
}
