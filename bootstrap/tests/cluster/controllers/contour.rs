//! Contour, which reads a Gateway and its HTTPRoutes, and Envoy, which sends requests as Contour tells it.

use std::{env, fs, path::PathBuf, process::Child};

use serde_json::json;

use super::stage::Stage;
use crate::{commands::run, support::house};

/// Where Envoy is told what to do.
const XDS: (&str, &str) = ("127.0.0.1", "8001");

/// Kinds that are no part of the front end, and of which Contour would wait for definitions.
const UNUSED: [&str; 5] = [
    "extensionservices",
    "tlsroutes",
    "grpcroutes",
    "tcproutes",
    "backendtlspolicies",
];

/// Both programs, with the front end's Gateway for their only one.
pub fn start(stage: &Stage) -> Vec<Child> {
    define(stage);
    let gateway = json!({"namespace": house("namespace"), "name": house("namespace")});
    // A path arrives as it was sent; Contour would make one slash of two.
    let configuration = json!({"gateway": {"gatewayRef": gateway}, "disableMergeSlashes": true});
    let file = stage.scratch().join("contour.yaml");
    // JSON is YAML.
    fs::write(&file, configuration.to_string()).unwrap();
    let mut contour = stage.plane.command("contour");
    contour.args(["serve", "--insecure", "--disable-leader-election"]);
    contour.arg("--config-path").arg(file);
    contour
        .arg("--kubeconfig")
        .arg(stage.plane.file("controller.conf"));
    contour.args(["--xds-address", XDS.0, "--xds-port", XDS.1]);
    for listener in ["health", "http", "stats", "envoy-service-http"] {
        contour.args([&format!("--{listener}-address"), "127.0.0.1"]);
    }
    contour.args(["--envoy-service-https-address", "127.0.0.1"]);
    for kind in UNUSED {
        contour.arg(format!("--disable-feature={kind}"));
    }

    let bootstrap = stage.scratch().join("envoy.json");
    let mut written = stage.plane.command("contour");
    written.arg("bootstrap").arg(&bootstrap);
    written.args(["--xds-address", XDS.0, "--xds-port", XDS.1]);
    written.args(["--dns-lookup-family", "v4", "--admin-address"]);
    run(written.arg(admin(stage)));
    let mut envoy = stage.plane.command("envoy");
    envoy.arg("--config-path").arg(bootstrap);
    envoy.args(["--service-cluster", "front-end", "--service-node", "here"]);
    envoy.args(["--disable-hot-restart", "--concurrency", "1"]);
    vec![
        stage.spawn("contour", &mut contour),
        stage.spawn("envoy", &mut envoy),
    ]
}

/// Envoy's clusters, each with the addresses that it sends requests to.
pub fn clusters(stage: &Stage) -> String {
    let mut curl = stage.plane.command("curl");
    curl.args(["--silent", "--fail", "--unix-socket"]);
    let clusters = run(curl.arg(admin(stage)).arg("http://envoy/clusters"));
    assert!(clusters.contains("behind-none"), "{clusters}");
    clusters
}

fn admin(stage: &Stage) -> PathBuf {
    stage.scratch().join("envoy.sock")
}

/// Contour's own kinds, and what its own manifests grant it.
fn define(stage: &Stage) {
    let kinds = ["GatewayClass", "ReferenceGrant"]
        .map(|kind| json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": kind}));
    stage.plane.define_kinds(kinds.iter());
    // As who installs a controller brings one for its Gateways.
    let mut class = kinds[0].clone();
    class["metadata"] = json!({"name": house("gateway_class")});
    class["spec"] = json!({"controllerName": "projectcontour.io/gateway-controller"});
    stage.plane.apply([&class]);
    let folder = env::var("DEFINITIONS").expect(".ci/cluster says where definitions of kinds are");
    let own = PathBuf::from(folder).join("github.com-projectcontour-contour");
    for file in ["00-common.yaml", "01-crds.yaml", "02-role-contour.yaml"] {
        let mut kubectl = stage.plane.kubectl();
        kubectl.args(["apply", "--server-side", "--filename"]);
        run(kubectl.arg(own.join(file)));
    }
    stage.bind("contour");
}
