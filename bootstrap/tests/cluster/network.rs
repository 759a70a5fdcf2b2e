//! Who may talk to pods, and whom they may talk to.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{
    catalogue::is_with_catalogue,
    manifests::{Build, Rendered, builds, front_ends, services},
    pods::own_container,
    support::house,
};

#[test]
#[ignore = "needs kubectl: run .ci/cluster"]
fn services_are_reached_from_the_front_end_and_the_monitoring_alone() {
    for (rendered, builds) in services() {
        for build in builds {
            let policy = build.get("NetworkPolicy", &rendered.answers.name);
            let spec = &policy["spec"];
            assert_eq!(spec["policyTypes"], json!(["Ingress", "Egress"]));
            let callers = callers(rendered, build);
            let rules: Vec<_> = callers.into_iter().map(rule).collect();
            assert_eq!(spec["ingress"], json!(rules), "{}", build.name);
        }
    }
}

/// Whom a service must let in, in the order of the components.
fn callers(rendered: &Rendered, build: &Build) -> Vec<Value> {
    let given = |answer: &str| rendered.given(answer, &house(answer));
    let always = json!([namespace(&given("monitoring_namespace")), catalogue()]);
    let front = namespace(&given("ingress_namespace"));
    let parts = build.parts.iter().filter_map(|part| match part.as_str() {
        "gateway-api" => {
            // From another namespace, too: that of staging.
            let mut proxies = gateway(&given("namespace"));
            let own = namespace(&given("namespace"));
            proxies["namespaceSelector"] = own["namespaceSelector"].clone();
            Some(json!([proxies, front]))
        }
        "ingress" => Some(json!([front])),
        "gke" | "gke-ingress" => Some(json!(googles())),
        "gke-monitoring" => Some(json!([
            namespace("gmp-system"),
            namespace("gke-gmp-system")
        ])),
        "eks" => Some(json!([network("10.0.0.0/16")])),
        _ => None,
    });
    [always].into_iter().chain(parts).collect()
}

/// The pods of the catalogue, in the namespace of the policy.
fn catalogue() -> Value {
    json!({"podSelector": {"matchLabels": {
        "app.kubernetes.io/name": "catalogue",
        "app.kubernetes.io/component": "front-end",
    }}})
}

/// What lets callers in to the port.
fn rule(callers: Value) -> Value {
    json!({"from": callers, "ports": [{"port": "http"}]})
}

fn namespace(name: &str) -> Value {
    json!({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}})
}

/// The proxies that a controller runs beside the Gateway.
fn gateway(name: &str) -> Value {
    json!({"podSelector": {"matchLabels": {"gateway.networking.k8s.io/gateway-name": name}}})
}

/// Google's load balancers and health checks.
fn googles() -> [Value; 2] {
    ["35.191.0.0/16", "130.211.0.0/22"].map(network)
}

fn network(cidr: &str) -> Value {
    json!({"ipBlock": {"cidr": cidr}})
}

#[test]
#[ignore = "needs kubectl: run .ci/cluster"]
fn services_reach_names_and_back_ends_but_no_metadata_server() {
    for (rendered, builds) in services() {
        for build in builds {
            let policy = build.get("NetworkPolicy", &rendered.answers.name);
            let expected = json!([
                {"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]},
                {"to": [
                    {"namespaceSelector": {}},
                    {"ipBlock": {"cidr": "0.0.0.0/0", "except": ["169.254.0.0/16"]}},
                    {"ipBlock": {"cidr": "::/0", "except": ["fd00:ec2::254/128", "fe80::/10"]}},
                ]},
            ]);
            assert_eq!(policy["spec"]["egress"], expected, "{}", build.name);
        }
    }
}

#[test]
#[ignore = "needs kubectl: run .ci/cluster"]
fn the_front_end_denies_what_no_policy_allows() {
    for front in front_ends() {
        let deny = &front.get("NetworkPolicy", "default-deny")["spec"];
        let all = json!({"podSelector": {}, "policyTypes": ["Ingress", "Egress"]});
        assert_eq!(*deny, all, "{}", front.name);

        let handler = &front.get("NetworkPolicy", "default-handler")["spec"];
        assert_eq!(handler["policyTypes"], json!(["Ingress", "Egress"]));
        assert!(handler["egress"].is_null(), "{}", front.name);
        let rules: Vec<_> = proxies(front).into_iter().map(rule).collect();
        assert_eq!(handler["ingress"], json!(rules), "{}", front.name);
    }
}

/// Whom the front end sends requests by, in the order of the components.
fn proxies(front: &Build) -> Vec<Value> {
    let proxies = namespace(&house("ingress_namespace"));
    let parts = front.parts.iter().filter_map(|part| match part.as_str() {
        "gateway-api" => Some(json!([gateway(&house("namespace")), proxies])),
        "ingress" => Some(json!([proxies])),
        "gke" => Some(json!(googles())),
        "eks" => Some(json!([network("10.0.0.0/16")])),
        _ => None,
    });
    parts.collect()
}

/// Its callers are those of the default handler and the monitoring; it asks names, the services and the API server.
#[test]
#[ignore = "needs kubectl: run .ci/cluster"]
fn the_catalogue_is_reached_from_the_front_end_and_reaches_services_and_the_api_server() {
    let mut found = 0;
    for front in front_ends().iter().filter(|front| is_with_catalogue(front)) {
        let spec = &front.get("NetworkPolicy", "catalogue")["spec"];
        assert_eq!(spec["policyTypes"], json!(["Ingress", "Egress"]));
        let monitoring = json!([namespace(&house("monitoring_namespace"))]);
        let callers = [monitoring].into_iter().chain(proxies(front));
        let rules: Vec<_> = callers.map(rule).collect();
        assert_eq!(spec["ingress"], json!(rules), "{}", front.name);
        let services = json!({"matchLabels": {"app.kubernetes.io/component": "service"}});
        let expected = json!([
            {"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]},
            {"to": [{"podSelector": services}]},
            {
                "to": [
                    {"ipBlock": {"cidr": "0.0.0.0/0", "except": ["169.254.0.0/16"]}},
                    {"ipBlock": {"cidr": "::/0", "except": ["fd00:ec2::254/128", "fe80::/10"]}},
                ],
                "ports": [{"port": 443}, {"port": 6443}],
            },
        ]);
        assert_eq!(spec["egress"], expected, "{}", front.name);
        found += 1;
    }
    assert_eq!(found, 4);
}

/// Every namespace of the front end is closed, that of staging as well.
#[test]
#[ignore = "needs kubectl: run .ci/cluster"]
fn every_namespace_denies_what_no_policy_allows() {
    for front in front_ends() {
        let denied = front
            .all("NetworkPolicy")
            .filter(|policy| policy["metadata"]["name"] == "default-deny");
        let denied = denied.map(|policy| policy["metadata"]["namespace"].to_string());
        let namespaces = front.all("Namespace");
        let namespaces = namespaces.map(|one| one["metadata"]["name"].to_string());
        let namespaces: BTreeSet<_> = namespaces.collect();
        assert_eq!(namespaces, denied.collect(), "{}", front.name);
    }
}

/// Cilium's own proxies are in no namespace: the policy that lets them in is Cilium's own, for the same pods and port.
#[test]
#[ignore = "needs kubectl: run .ci/cluster"]
fn cilium_lets_its_own_proxies_in() {
    let mut found = 0;
    for build in builds().filter(|build| build.has("cilium")) {
        let policy = build.all("CiliumNetworkPolicy").next().unwrap();
        let name = policy["metadata"]["name"].as_str().unwrap();
        let pods = &build.get("NetworkPolicy", name)["spec"]["podSelector"];
        let spec = &policy["spec"];
        assert_eq!(spec["endpointSelector"], *pods, "{}", build.name);
        let deployment = build.get("Deployment", name);
        let port = &own_container(deployment)["ports"][0]["containerPort"];
        let ports = json!([{"ports": [{"port": port.to_string(), "protocol": "TCP"}]}]);
        let rules = json!([{"fromEntities": ["ingress"], "toPorts": ports}]);
        assert_eq!(spec["ingress"], rules, "{}", build.name);
        found += 1;
    }
    assert!(found > 10, "{found}");
}

#[test]
#[ignore = "needs kubectl: run .ci/cluster"]
fn namespaces_refuse_pods_that_could_harm_a_node() {
    for build in builds() {
        for namespace in build.all("Namespace") {
            let labels = &namespace["metadata"]["labels"];
            let enforced = &labels["pod-security.kubernetes.io/enforce"];
            assert_eq!(*enforced, "restricted", "{}", build.name);
        }
    }
}
