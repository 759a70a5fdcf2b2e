//! skipper, which reads Ingresses and sends requests by them itself.

use std::{fs, process::Child};

use serde_json::json;

use super::stage::Stage;
use crate::{commands::run, control_plane::URL, support::house};

/// Where it tells of its routes.
const SUPPORT: &str = "127.0.0.1:9911";

/// skipper, with what it needs to know of the API server, and no route of its own.
pub fn start(stage: &Stage) -> Child {
    // What its own manifests grant it, as far as it needs that here.
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "skipper"},
        "rules": [
            {"apiGroups": ["networking.k8s.io"], "resources": ["ingresses"], "verbs": ["get", "list"]},
            {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["get", "list"]},
            {"apiGroups": [""], "resources": ["services", "secrets"], "verbs": ["get", "list"]},
        ],
    });
    stage.plane.apply([&role]);
    stage.bind("skipper");
    let token = stage.scratch().join("token");
    fs::write(&token, "controller").unwrap();
    let mut skipper = stage.plane.command("skipper");
    // Go's own variable for what is trusted: the API server's certificate.
    skipper.env("SSL_CERT_FILE", stage.plane.file("tls.crt"));
    skipper.args(["-kubernetes", "-kubernetes-url", URL]);
    skipper.arg("-kubernetes-token-file").arg(token);
    skipper.arg("-enable-kubernetes-endpointslices");
    let class = house("ingress_class");
    skipper.arg(format!("-kubernetes-ingress-class=^{class}$"));
    // The certificate is that of the Ingresses' Secret.
    let (secure, insecure) = stage.way.ports();
    skipper.arg("-kubernetes-enable-tls");
    skipper.args(["-address", &format!("127.0.0.1:{secure}")]);
    skipper.args(["-insecure-address", &format!("127.0.0.1:{insecure}")]);
    skipper.args(["-support-listener", SUPPORT]);
    skipper.args([
        "-proxy-preserve-host",
        "-access-log-disabled",
        "-wait-first-route-load",
    ]);
    stage.spawn("skipper", &mut skipper)
}

/// Its routes, each with the addresses that it sends requests to.
pub fn routes(stage: &Stage) -> String {
    let mut curl = stage.plane.command("curl");
    let routes = run(curl.args(["--silent", "--fail", &format!("http://{SUPPORT}/routes")]));
    assert!(routes.contains("PathSubtree"), "{routes}");
    routes
}
