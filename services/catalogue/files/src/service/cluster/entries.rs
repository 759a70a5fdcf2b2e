//! What the objects of a namespace say of its services: who they are, whether their pods are ready, and at which path.

use std::{collections::BTreeMap, sync::Arc};

use k8s_openapi::api::{
    core::v1::{Service, ServicePort},
    discovery::v1::EndpointSlice,
    networking::v1::Ingress,
};
use kube::{ResourceExt, api::DynamicObject};

use super::Objects;
use crate::service::entry::{Entry, Pods};

/// The label by which a slice names its Service.
const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// The services, in the order of their names. One that has no port is left out.
pub fn entries(
    namespace: &str,
    services: &Objects<Service>,
    slices: &Objects<EndpointSlice>,
    routes: &BTreeMap<String, String>,
) -> Vec<Entry> {
    let pods = pods(slices);
    let found = services.iter().filter_map(|service| {
        let name = service.name_any();
        let port = port(service)?;
        let origin = format!("http://{name}.{namespace}:{port}");
        let route = routes.get(&name);
        let url = format!("{origin}{}", route.map_or("", String::as_str));
        // What Kubernetes has as a name and a path of its own is none here only where it can be no service's.
        let entry = Entry::new(&name, &url).ok()?;
        let entry = entry.with_health(&format!("{origin}/readyz")).ok()?;
        Some(Entry {
            pods: Some(
                pods.get(&name)
                    .copied()
                    .unwrap_or(Pods { ready: 0, all: 0 }),
            ),
            ..entry
        })
    });
    let mut found = Vec::from_iter(found);
    found.sort();
    found
}

/// The port named `http`, or else the first one.
fn port(service: &Service) -> Option<i32> {
    let ports = service.spec.as_ref()?.ports.as_ref()?;
    let is_http = |port: &&ServicePort| port.name.as_deref() == Some("http");
    let port = ports.iter().find(is_http).or(ports.first())?;
    Some(port.port)
}

/// The pods of each Service. One without a condition is ready, as Kubernetes has it.
fn pods(slices: &Objects<EndpointSlice>) -> BTreeMap<String, Pods> {
    let mut pods: BTreeMap<String, Pods> = BTreeMap::new();
    for slice in slices {
        let Some(service) = slice.labels().get(SERVICE_NAME) else {
            continue;
        };
        let count = pods
            .entry(service.clone())
            .or_insert(Pods { ready: 0, all: 0 });
        for endpoint in slice.endpoints.iter().flatten() {
            let ready = endpoint.conditions.as_ref().and_then(|is| is.ready);
            count.all += 1;
            count.ready += usize::from(ready.unwrap_or(true));
        }
    }
    pods
}

/// The path of each Service, by Ingresses and HTTPRoutes: the shortest, where it has several. `/` is the host's, and no
/// service's.
pub fn routes(
    ingresses: &Objects<Ingress>,
    routes: &Objects<DynamicObject>,
) -> BTreeMap<String, String> {
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    let by_ingress = ingresses.iter().flat_map(ingress_paths);
    let by_route = routes.iter().flat_map(|route| route_paths(route));
    for (service, path) in by_ingress.chain(by_route) {
        let path = path.trim_end_matches('/').to_owned();
        let known = found.get(&service);
        if !path.is_empty() && known.is_none_or(|known| known.len() > path.len()) {
            found.insert(service, path);
        }
    }
    found
}

fn ingress_paths(ingress: &Arc<Ingress>) -> Vec<(String, String)> {
    let rules = ingress
        .spec
        .iter()
        .flat_map(|spec| spec.rules.iter().flatten());
    let paths = rules
        .filter_map(|rule| rule.http.as_ref())
        .flat_map(|http| &http.paths);
    let found = paths.filter_map(|path| {
        let service = path.backend.service.as_ref()?;
        Some((service.name.clone(), path.path.clone()?))
    });
    found.collect()
}

fn route_paths(route: &DynamicObject) -> Vec<(String, String)> {
    let list = |value: &serde_json::Value| value.as_array().cloned().unwrap_or_default();
    let mut found = Vec::new();
    for rule in list(&route.data["spec"]["rules"]) {
        for matched in list(&rule["matches"]) {
            for backend in list(&rule["backendRefs"]) {
                let (path, name) = (&matched["path"]["value"], &backend["name"]);
                if let (Some(path), Some(name)) = (path.as_str(), name.as_str()) {
                    found.push((name.to_owned(), path.to_owned()));
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use serde::de::DeserializeOwned;
    use serde_json::{Value, json};

    use super::*;

    fn object<K: DeserializeOwned>(value: Value) -> Arc<K> {
        Arc::new(serde_json::from_value(value).unwrap())
    }

    fn service(name: &str, ports: Value) -> Arc<Service> {
        object(json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": {"ports": ports},
        }))
    }

    fn slice(service: &str, ready: &[Option<bool>]) -> Arc<EndpointSlice> {
        let endpoints = ready
            .iter()
            .map(|ready| json!({"addresses": ["10.0.0.1"], "conditions": {"ready": ready}}));
        object(json!({
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
            "metadata": {"name": "s", "labels": {"kubernetes.io/service-name": service}},
            "endpoints": Vec::from_iter(endpoints),
        }))
    }

    fn http(port: u16) -> Value {
        json!([{"name": "metrics", "port": 9}, {"name": "http", "port": port}])
    }

    #[test]
    fn services_are_at_their_names_with_their_pods_and_paths() {
        let services = [
            service("runs", json!([{"port": 8080}])),
            service("builds", http(80)),
            service("headless", Value::Null),
        ];
        let slices = [
            slice("builds", &[Some(true), Some(false)]),
            slice("builds", &[None]),
        ];
        let routes = BTreeMap::from([("builds".to_owned(), "/b".to_owned())]);
        let found = entries("api", &services, &slices, &routes);
        let shown = found.iter().map(|entry| {
            let health = entry.health.as_ref().unwrap().as_str();
            let pods = entry.pods.unwrap();
            (
                entry.name.as_str(),
                entry.url.as_str(),
                health,
                pods.ready,
                pods.all,
            )
        });
        assert_eq!(
            Vec::from_iter(shown),
            [
                (
                    "builds",
                    "http://builds.api/b",
                    "http://builds.api/readyz",
                    2,
                    3
                ),
                (
                    "runs",
                    "http://runs.api:8080/",
                    "http://runs.api:8080/readyz",
                    0,
                    0
                ),
            ]
        );
        assert_eq!(found[0].told_route(), Some("/b"));
    }

    #[test]
    fn paths_are_those_of_ingresses_and_http_routes_and_the_shortest_counts() {
        let path = |path: &str, name: &str| {
            let port = json!({"name": "http"});
            json!({"path": path, "pathType": "Prefix", "backend": {"service": {"name": name, "port": port}}})
        };
        let ingress = object(json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "i"},
            "spec": {"rules": [{"http": {"paths": [path("/", "builds"), path("/builds/", "builds")]}}]},
        }));
        let route = object(json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": "r"},
            "spec": {"rules": [
                {"matches": [{"path": {"value": "/runs/old"}}, {"path": {"value": "/runs"}}], "backendRefs": [{"name": "runs"}]},
                {"matches": [{"path": {}}], "backendRefs": [{}]},
                {"filters": []},
            ]},
        }));
        let expected = [("builds", "/builds"), ("runs", "/runs")];
        let expected = expected.map(|(name, path)| (name.to_owned(), path.to_owned()));
        assert_eq!(routes(&[ingress], &[route]), BTreeMap::from(expected));
    }
}
