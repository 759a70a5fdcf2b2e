//! Who may talk to pods, and whom they may talk to.

use serde_json::{Value, json};

use crate::{
    manifests::{Build, Rendered, builds, elements, front_ends, services},
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
            let rules: Vec<_> = elements(&spec["ingress"]).collect();
            assert_eq!(rules.len(), 1, "{}", build.name);
            assert_eq!(rules[0]["ports"], json!([{"port": "http"}]));
            assert_eq!(rules[0]["from"], callers(rendered, build), "{}", build.name);
        }
    }
}

/// Whom a service must let in, in the order of the components.
fn callers(rendered: &Rendered, build: &Build) -> Value {
    let mut callers = vec![
        namespace(&rendered.given("ingress_namespace", &house("ingress_namespace"))),
        namespace(&rendered.given("monitoring_namespace", &house("monitoring_namespace"))),
    ];
    if build.has("gateway-api") || build.has("production") {
        callers.push(gateway(&rendered.given("namespace", &house("namespace"))));
    }
    if build.has("gke") {
        callers.extend(googles());
    }
    Value::Array(callers)
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
    ["35.191.0.0/16", "130.211.0.0/22"].map(|cidr| json!({"ipBlock": {"cidr": cidr}}))
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
        let mut callers = vec![namespace("ingress-nginx")];
        if !front.has("ingress") {
            callers.push(gateway("unified-api"));
        }
        if front.has("google") {
            callers.extend(googles());
        }
        assert_eq!(
            handler["ingress"][0]["from"],
            json!(callers),
            "{}",
            front.name
        );
        assert_eq!(handler["ingress"][0]["ports"], json!([{"port": "http"}]));
    }
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
