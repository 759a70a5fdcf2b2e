//! Which manifests each build has, so that no test of all of a kind passes because there is none.

use serde_json::Value;

use crate::manifests::{Build, builds, front_ends, services};

/// What every service has.
const BASE: [&str; 7] = [
    "ConfigMap",
    "Deployment",
    "HorizontalPodAutoscaler",
    "Ingress",
    "NetworkPolicy",
    "PodDisruptionBudget",
    "Service",
];

/// What a component or an overlay brings along.
const BROUGHT: [(&str, &[&str]); 7] = [
    ("account", &[]),
    ("gateway-api", &["HTTPRoute"]),
    (
        "gke",
        &["BackendConfig", "GCPBackendPolicy", "HealthCheckPolicy"],
    ),
    (
        "monitoring",
        &["ConfigMap", "PrometheusRule", "ServiceMonitor"],
    ),
    ("oauth2-proxy", &["ConfigMap"]),
    (
        "production",
        &["ConfigMap", "HTTPRoute", "PrometheusRule", "ServiceMonitor"],
    ),
    ("staging", &["Namespace"]),
];

/// What every front end has.
const FRONT_END: [&str; 7] = [
    "ConfigMap",
    "Deployment",
    "Namespace",
    "NetworkPolicy",
    "NetworkPolicy",
    "PodDisruptionBudget",
    "Service",
];

/// What each example of it adds.
const EXAMPLES: [(&str, &[&str]); 3] = [
    (
        "gateway",
        &[
            "Certificate",
            "Gateway",
            "HTTPRoute",
            "HTTPRoute",
            "NetworkPolicy",
            "NetworkPolicy",
        ],
    ),
    (
        "google",
        &[
            "Gateway",
            "HTTPRoute",
            "HTTPRoute",
            "HealthCheckPolicy",
            "NetworkPolicy",
            "Secret",
        ],
    ),
    ("ingress", &["Ingress", "Secret"]),
];

#[test]
#[ignore = "needs kubectl: run .ci/cluster"]
fn every_build_has_all_that_is_promised_and_no_more() {
    for build in services().iter().flat_map(|(_, builds)| builds) {
        let routed = build.has("gateway-api") || build.has("production");
        let base = BASE
            .into_iter()
            .filter(|kind| *kind != "Ingress" || !routed);
        is_made_of(build, base.chain(brought(build, &BROUGHT)));
    }
    for build in front_ends() {
        is_made_of(
            build,
            FRONT_END.into_iter().chain(brought(build, &EXAMPLES)),
        );
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
    let wanted = builds().filter(|build| build.has("monitoring") || build.has("production"));
    assert_eq!(dashboards, wanted.count());
}
