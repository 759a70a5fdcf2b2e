//! Which manifests each build has, so that no test of all of a kind passes because there is none.

use std::{collections::BTreeSet, fs};

use bootstrap::render::Template;
use serde_json::Value;

use crate::manifests::{Build, builds, front_ends, names, services};

/// What every service has.
const BASE: [&str; 7] = [
    "ConfigMap",
    "Deployment",
    "HorizontalPodAutoscaler",
    "NetworkPolicy",
    "PodDisruptionBudget",
    "Service",
    "ServiceAccount",
];

/// What a component or an overlay of a service brings along itself.
const BROUGHT: [(&str, &[&str]); 17] = [
    ("account", &[]),
    ("authorities", &["ConfigMap"]),
    ("base", &[]),
    ("cilium", &["CiliumNetworkPolicy"]),
    ("eks", &[]),
    ("gateway-api", &["HTTPRoute"]),
    ("gateway-api-staging", &[]),
    ("gke", &["GCPBackendPolicy", "HealthCheckPolicy"]),
    ("gke-ingress", &["BackendConfig"]),
    ("gke-monitoring", &["PodMonitoring"]),
    ("ingress", &["Ingress"]),
    ("ingress-staging", &[]),
    ("monitoring", &["ServiceMonitor"]),
    ("oauth2-proxy", &["ConfigMap"]),
    ("private-registry", &[]),
    ("production", &[]),
    ("staging", &[]),
];

/// What every front end has.
const FRONT_END: [&str; 8] = [
    "ConfigMap",
    "Deployment",
    "Namespace",
    "NetworkPolicy",
    "NetworkPolicy",
    "PodDisruptionBudget",
    "Service",
    "ServiceAccount",
];

/// What the catalogue is made of, and its route.
const CATALOGUE_BY_GATEWAY: [&str; 9] = catalogue("HTTPRoute");
const CATALOGUE_BY_INGRESS: [&str; 9] = catalogue("Ingress");

const fn catalogue(route: &'static str) -> [&'static str; 9] {
    [
        "ConfigMap",
        "Deployment",
        "NetworkPolicy",
        "PodDisruptionBudget",
        "Role",
        "RoleBinding",
        "Service",
        "ServiceAccount",
        route,
    ]
}

/// What a component of it brings along itself.
const OF_THE_FRONT_END: [(&str, &[&str]); 18] = [
    ("catalogue-gateway-api", &CATALOGUE_BY_GATEWAY),
    ("catalogue-ingress", &CATALOGUE_BY_INGRESS),
    ("cert-manager", &["Certificate", "NetworkPolicy"]),
    (
        "cert-manager-ingress-staging",
        &["Certificate", "NetworkPolicy"],
    ),
    ("cert-manager-staging", &["Certificate"]),
    ("cilium", &["CiliumNetworkPolicy"]),
    ("eks", &[]),
    (
        "gateway-api",
        &["Gateway", "HTTPRoute", "HTTPRoute", "NetworkPolicy"],
    ),
    ("gateway-api-staging", &[]),
    ("gke", &["HealthCheckPolicy"]),
    ("gke-monitoring", &["ClusterRules"]),
    ("ingress", &["Ingress"]),
    ("ingress-staging", &[]),
    ("monitoring", &["ConfigMap", "PrometheusRule"]),
    ("nginx-gateway-fabric", &["ClientSettingsPolicy"]),
    ("plain-secret", &["Secret"]),
    ("plain-secret-staging", &["Secret", "Secret"]),
    ("staging", &["Namespace", "NetworkPolicy"]),
];

#[test]
#[ignore = "needs kubectl: run .ci/cluster"]
fn every_build_has_all_that_is_promised_and_no_more() {
    for build in services().iter().flat_map(|(_, builds)| builds) {
        is_made_of(build, BASE.into_iter().chain(brought(build, &BROUGHT)));
    }
    for build in front_ends() {
        let parts = brought(build, &OF_THE_FRONT_END);
        is_made_of(build, FRONT_END.into_iter().chain(parts));
    }
}

/// No way to the front end, no answer: neither is documented as a deployment.
#[test]
#[ignore = "needs kubectl: run .ci/cluster"]
fn every_overlay_and_example_has_one_way_in() {
    let overlays = services().iter().flat_map(|(_, builds)| builds);
    let overlays = overlays.filter(|build| build.has("staging") || build.has("production"));
    for build in overlays.chain(front_ends()) {
        let ways = ["gateway-api", "ingress"];
        let found = ways.iter().filter(|way| build.has(way));
        assert_eq!(found.count(), 1, "{}", build.name);
        let routes = build.all("Ingress").chain(build.all("HTTPRoute"));
        assert!(routes.count() > 0, "{}", build.name);
    }
}

#[test]
#[ignore = "needs kubectl: run .ci/cluster"]
fn every_component_is_tested_and_documented() {
    let root = Template::here().root;
    let whole = [
        (root.join("kubernetes"), root.join("docs/front-end.md")),
        (
            root.join("template/kubernetes"),
            root.join("template/docs/kubernetes.md.liquid"),
        ),
    ];
    let tested: BTreeSet<_> = builds().flat_map(|build| &build.parts).collect();
    for (kubernetes, page) in whole {
        let page = fs::read_to_string(page).unwrap();
        for component in names(&kubernetes.join("components")) {
            assert!(tested.contains(&component), "{component} is in no build");
            assert!(page.contains(&format!("`{component}`")), "{component}");
        }
    }
}

/// What a build's parts bring along, each of which must be known here.
fn brought<'a>(
    build: &'a Build,
    known: &'a [(&str, &[&'static str])],
) -> impl Iterator<Item = &'static str> {
    build.parts.iter().flat_map(|part| {
        let found = known.iter().find(|(name, _)| name == part);
        let (_, kinds) = found.unwrap_or_else(|| panic!("nobody says what {part} brings"));
        kinds.iter().copied()
    })
}

fn is_made_of(build: &Build, expected: impl Iterator<Item = &'static str>) {
    let mut expected: Vec<_> = expected.collect();
    let kinds = build.manifests.iter();
    let mut found: Vec<_> = kinds.map(|one| one["kind"].as_str().unwrap()).collect();
    expected.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, expected, "{}", build.name);
}

#[test]
#[ignore = "needs kubectl: run .ci/cluster"]
fn grafana_finds_a_dashboard() {
    let maps = builds().flat_map(|build| build.all("ConfigMap"));
    let found = maps.filter(|map| map["metadata"]["labels"]["grafana_dashboard"] == "1");
    let mut dashboards = 0;
    for map in found {
        let text = map["data"]["dashboard.json"].as_str().unwrap();
        let dashboard: Value = serde_json::from_str(text).unwrap();
        assert!(!dashboard["panels"].as_array().unwrap().is_empty());
        dashboards += 1;
    }
    let wanted = front_ends().iter();
    let wanted = wanted.filter(|build| build.has("monitoring"));
    assert_eq!(dashboards, wanted.count());
    assert!(dashboards > 0);
}
