//! How pods run: what asks after them, how they come and go, and what they are denied.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::manifests::{Build, builds, elements, names, services};

/// The paths that the kubelet asks a Deployment's own container for.
pub fn probed(deployment: &Value) -> BTreeSet<String> {
    let probes = ["startupProbe", "livenessProbe", "readinessProbe"];
    let container = own_container(deployment);
    let paths = probes.map(|probe| container[probe]["httpGet"]["path"].as_str());
    paths.into_iter().flatten().map(str::to_owned).collect()
}

/// The container that a Deployment is for; others stand beside it.
pub fn own_container(deployment: &Value) -> &Value {
    &deployment["spec"]["template"]["spec"]["containers"][0]
}

/// Whether a pod lives must not depend on whether it may have requests: who drains is not killed.
#[test]
#[ignore = "needs kubectl: run .ci/cluster"]
fn probes_ask_whether_a_pod_lives_and_whether_it_may_have_requests() {
    for build in builds() {
        for deployment in build.all("Deployment") {
            let container = own_container(deployment);
            let path = |probe: &str| &container[probe]["httpGet"]["path"];
            let handler = deployment["metadata"]["name"] == "default-handler";
            // nginx is up at once, and answers /readyz with the 404 that is its work.
            let (startup, readiness) = match handler {
                true => (Value::Null, json!("/healthz")),
                false => (json!("/healthz"), json!("/readyz")),
            };
            assert_eq!(*path("startupProbe"), startup, "{}", build.name);
            assert_eq!(*path("livenessProbe"), "/healthz", "{}", build.name);
            assert_eq!(*path("readinessProbe"), readiness, "{}", build.name);
            load_balancers_ask_the_same(build, deployment);
        }
    }
}

/// Google's load balancers ask the pods themselves, by the number of the port.
fn load_balancers_ask_the_same(build: &Build, deployment: &Value) {
    let container = own_container(deployment);
    let path = &container["readinessProbe"]["httpGet"]["path"];
    let port = &container["ports"][0]["containerPort"];
    let name = &deployment["metadata"]["name"];
    let configured = build.all("BackendConfig");
    let configured = configured.map(|config| &config["spec"]["healthCheck"]);
    let policies = build.all("HealthCheckPolicy");
    let policies = policies.filter(|policy| policy["spec"]["targetRef"]["name"] == *name);
    let policies = policies.map(|policy| &policy["spec"]["default"]["config"]["httpHealthCheck"]);
    for check in configured.chain(policies) {
        assert_eq!(check["requestPath"], *path, "{}", build.name);
        assert_eq!(check["port"], *port, "{}", build.name);
    }
    // Amazon's by what the Ingress says, at the port that requests go to. That of the front end asks nginx and the catalogue
    // alike.
    let own = build.all("Ingress").filter(|_| build.has("eks"));
    for ingress in own.filter(|ingress| ingress["metadata"]["name"] == *name) {
        let annotations = &ingress["metadata"]["annotations"];
        let asked = &annotations["alb.ingress.kubernetes.io/healthcheck-path"];
        let expected = match name.as_str() {
            Some("catalogue") => "/healthz",
            _ => path.as_str().unwrap(),
        };
        assert_eq!(*asked, expected, "{}", build.name);
    }
}

#[test]
#[ignore = "needs kubectl: run .ci/cluster"]
fn pods_are_spread_and_none_goes_before_another_is_ready() {
    for build in builds() {
        for deployment in build.all("Deployment") {
            let spec = &deployment["spec"];
            let rolling = json!({"maxUnavailable": 0, "maxSurge": 1});
            assert_eq!(spec["strategy"]["rollingUpdate"], rolling, "{}", build.name);
            let spread = elements(&spec["template"]["spec"]["topologySpreadConstraints"]);
            let over: Vec<_> = spread.map(|one| one["topologyKey"].as_str()).collect();
            assert!(
                over.contains(&Some("kubernetes.io/hostname")),
                "{}",
                build.name
            );
        }
        for scaler in build.all("HorizontalPodAutoscaler") {
            let least = scaler["spec"]["minReplicas"].as_u64().unwrap();
            let enough = if build.has("staging") { 1 } else { 2 };
            assert!(least >= enough, "{}: {least}", build.name);
        }
    }
}

#[test]
#[ignore = "needs kubectl: run .ci/cluster"]
fn pods_have_the_time_that_their_settings_take() {
    for build in services().iter().flat_map(|(_, builds)| builds) {
        let deployment = build.all("Deployment").next().unwrap();
        let pod = &deployment["spec"]["template"]["spec"];
        let map = pod["containers"][0]["envFrom"][0]["configMapRef"]["name"].as_str();
        let settings = &build.get("ConfigMap", map.unwrap())["data"];
        let seconds = |setting: &str| -> u64 {
            let time = settings[setting].as_str().unwrap().strip_suffix('s');
            time.unwrap().parse().unwrap()
        };
        let needed = seconds("DRAIN_DELAY") + seconds("SHUTDOWN_GRACE");
        let given = pod["terminationGracePeriodSeconds"].as_u64().unwrap();
        assert_eq!(given, needed + 5, "{}", build.name);
    }
}

/// What is asked by a short name is in the cluster, and never a stranger's: a name without a dot, and one with the
/// namespace behind its dot. A name with more dots is asked for as it stands, at once.
#[test]
#[ignore = "needs kubectl: run .ci/cluster"]
fn names_of_back_ends_are_asked_for_as_they_are_meant() {
    for build in services().iter().flat_map(|(_, builds)| builds) {
        let deployment = build.all("Deployment").next().unwrap();
        let pod = &deployment["spec"]["template"]["spec"];
        let options = json!([{"name": "ndots", "value": "2"}]);
        assert_eq!(pod["dnsConfig"], json!({"options": options}));
        // Beside the cluster's own search list, which `None` would drop.
        assert!(pod["dnsPolicy"].is_null(), "{}", build.name);
    }
}

/// The login at a registry belongs to the account of the pods, and so to all their containers.
#[test]
#[ignore = "needs kubectl: run .ci/cluster"]
fn a_private_registry_is_logged_in_to() {
    for build in services().iter().flat_map(|(_, builds)| builds) {
        let account = build.all("ServiceAccount").next().unwrap();
        let login = build.has("private-registry");
        let expected = login.then(|| json!([{"name": "registry-login"}]));
        assert_eq!(account.get("imagePullSecrets"), expected.as_ref());
    }
}

/// What Pod Security `restricted` demands, which the front end's namespace enforces, and what the template adds.
#[test]
#[ignore = "needs kubectl: run .ci/cluster"]
fn pods_are_denied_what_they_do_not_need() {
    for build in builds() {
        for deployment in build.all("Deployment") {
            let context = &build.name;
            let pod = &deployment["spec"]["template"]["spec"];
            // The catalogue alone asks the API server.
            let asks = deployment["metadata"]["name"] == "catalogue";
            assert_eq!(pod["automountServiceAccountToken"], asks, "{context}");
            assert_eq!(pod["enableServiceLinks"], false, "{context}");
            let security = &pod["securityContext"];
            assert_eq!(security["runAsNonRoot"], true, "{context}");
            assert_eq!(security["runAsUser"], 65532, "{context}");
            assert_eq!(security["seccompProfile"]["type"], "RuntimeDefault");
            for container in elements(&pod["containers"]).chain(elements(&pod["initContainers"])) {
                let security = &container["securityContext"];
                assert_eq!(security["allowPrivilegeEscalation"], false, "{context}");
                assert_eq!(security["readOnlyRootFilesystem"], true, "{context}");
                assert_eq!(security["capabilities"]["drop"][0], "ALL", "{context}");
                assert!(security["runAsNonRoot"].is_null(), "{context}");
                for bound in ["requests", "limits"] {
                    for resource in ["cpu", "memory"] {
                        assert!(
                            container["resources"][bound][resource].is_string(),
                            "{context}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
#[ignore = "needs kubectl: run .ci/cluster"]
fn secrets_are_wanted_only_where_the_auth_type_has_a_use_for_them() {
    for (rendered, builds) in services() {
        let auth = rendered.given("auth_type", "none");
        let components = names(&rendered.folder.join("kubernetes/components"));
        let has = |name: &str| components.iter().any(|component| component == name);
        assert_eq!(has("account"), auth != "none", "{auth}");
        assert_eq!(has("oauth2-proxy"), auth == "bitly-proxy", "{auth}");
        for build in builds {
            // Where no component says so, a Secret that nobody made would keep pods from starting.
            let named = build.has("account") || build.has("oauth2-proxy");
            let pods = build
                .all("Deployment")
                .map(Value::to_string)
                .collect::<String>();
            assert_eq!(pods.contains("secret"), named, "{}", build.name);
        }
    }
}
