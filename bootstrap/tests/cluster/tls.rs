//! HTTP without TLS never takes a password: on each way it is redirected, or refused, before a request is answered.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::manifests::{Build, builds, elements, front_ends, services};

#[test]
#[ignore = "needs kubectl: run .ci/cluster"]
fn every_ingress_is_for_tls_alone() {
    let mut classes = BTreeSet::new();
    for build in builds() {
        for ingress in build.all("Ingress") {
            let context = &build.name;
            let annotation = |name: &str| &ingress["metadata"]["annotations"][name];
            let hosts = elements(&ingress["spec"]["tls"]).flat_map(|tls| elements(&tls["hosts"]));
            let hosts: Vec<_> = hosts.collect();
            for rule in elements(&ingress["spec"]["rules"]) {
                assert!(
                    hosts.contains(&&rule["host"]),
                    "{context}: {}",
                    rule["host"]
                );
            }
            // Each controller goes by its own, whatever the class.
            let traefik = "traefik.ingress.kubernetes.io/router";
            assert_eq!(*annotation(&format!("{traefik}.entrypoints")), "websecure");
            assert_eq!(*annotation(&format!("{traefik}.tls")), "true", "{context}");
            assert_eq!(*annotation("kubernetes.io/ingress.allow-http"), "false");
            let class = ingress["spec"]["ingressClassName"].as_str();
            if class == Some("alb") {
                let ports = annotation("alb.ingress.kubernetes.io/listen-ports");
                let ports: Value = serde_json::from_str(ports.as_str().unwrap()).unwrap();
                assert_eq!(ports, json!([{"HTTPS": 443}]), "{context}");
            }
            classes.insert(class);
        }
    }
    let known = [None, Some("alb"), Some("class-1"), Some("traefik")];
    assert_eq!(classes, known.into(), "a class that nobody looked at");
}

#[test]
#[ignore = "needs kubectl: run .ci/cluster"]
fn a_gateway_does_nothing_without_tls_but_redirect() {
    let fronts = || front_ends().iter().filter(|front| has_gateway(front));
    assert!(fronts().count() > 2);
    for front in fronts() {
        let plain = listeners(front, "HTTP");
        assert!(!plain.is_empty() && plain.len() == listeners(front, "HTTPS").len());
        let of_services = services().iter().flat_map(|(_, builds)| builds);
        for build in of_services.chain([front]) {
            for route in build.all("HTTPRoute") {
                let parents = elements(&route["spec"]["parentRefs"]);
                let mut sections = parents.map(|parent| parent["sectionName"].clone());
                if !sections.any(|section| plain.contains(&section)) {
                    continue;
                }
                let redirect = json!([{"filters": [{
                    "type": "RequestRedirect",
                    "requestRedirect": {"scheme": "https", "statusCode": 301},
                }]}]);
                assert_eq!(route["spec"]["rules"], redirect, "{}", build.name);
            }
            // Without a section, a route is at every listener.
            for parent in build
                .all("HTTPRoute")
                .flat_map(|route| elements(&route["spec"]["parentRefs"]))
            {
                assert!(parent["sectionName"].is_string(), "{}", build.name);
            }
        }
        // And each of them has one that redirects.
        let redirect = front.get("HTTPRoute", "https-redirect");
        let parents = elements(&redirect["spec"]["parentRefs"]);
        let redirected: Vec<_> = parents
            .map(|parent| parent["sectionName"].clone())
            .collect();
        assert_eq!(redirected, plain, "{}", front.name);
    }
}

fn has_gateway(front: &Build) -> bool {
    front.all("Gateway").next().is_some()
}

/// The names of the listeners of a protocol.
fn listeners(front: &Build, protocol: &str) -> Vec<Value> {
    let gateways = front.all("Gateway");
    let listeners = gateways.flat_map(|gateway| elements(&gateway["spec"]["listeners"]));
    let own = listeners.filter(|listener| listener["protocol"] == protocol);
    own.map(|listener| listener["name"].clone()).collect()
}
