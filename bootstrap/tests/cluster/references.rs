//! What manifests say of each other: selectors, ports, ConfigMaps, volumes, routes and what checks them.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{
    manifests::{Build, builds, elements},
    pods::own_container,
};

#[test]
#[ignore = "needs kubectl: run .ci/cluster"]
fn every_reference_leads_somewhere() {
    for build in builds() {
        references_lead_somewhere(build);
    }
}

fn references_lead_somewhere(build: &Build) {
    let context = &build.name;
    for deployment in build.all("Deployment") {
        let template = &deployment["spec"]["template"];
        let pods = &template["metadata"]["labels"];
        let name = &deployment["metadata"]["name"];
        let selects = |selector: &Value, whose: &str| {
            let wanted = selector.as_object().expect(whose);
            let all = wanted.iter().all(|(label, value)| pods[label] == *value);
            assert!(all && !wanted.is_empty(), "{context}: {whose} of {name}");
        };
        selects(&deployment["spec"]["selector"]["matchLabels"], "selector");
        for spread in elements(&template["spec"]["topologySpreadConstraints"]) {
            selects(&spread["labelSelector"]["matchLabels"], "spread");
        }
        let namesake = name.as_str().unwrap();
        let service = build.get("Service", namesake);
        selects(&service["spec"]["selector"], "Service");
        let budget = build.get("PodDisruptionBudget", namesake);
        selects(&budget["spec"]["selector"]["matchLabels"], "budget");
        let policy = build.get("NetworkPolicy", namesake);
        selects(&policy["spec"]["podSelector"]["matchLabels"], "policy");

        ports_exist(build, template, service, policy);
        configuration_exists(build, template);
    }
    for deployment in build.all("Deployment") {
        let account = &deployment["spec"]["template"]["spec"]["serviceAccountName"];
        let account = build.get("ServiceAccount", account.as_str().expect(context));
        assert_eq!(account["automountServiceAccountToken"], false, "{context}");
    }
    for binding in build.all("RoleBinding") {
        let namespace = &binding["metadata"]["namespace"];
        let role = build.get("Role", binding["roleRef"]["name"].as_str().unwrap());
        assert_eq!(role["metadata"]["namespace"], *namespace, "{context}");
        for subject in elements(&binding["subjects"]) {
            let account = build.get("ServiceAccount", subject["name"].as_str().unwrap());
            for of in [&subject["namespace"], &account["metadata"]["namespace"]] {
                assert_eq!(of, namespace, "{context}");
            }
        }
    }
    for scaler in build.all("HorizontalPodAutoscaler") {
        let target = &scaler["spec"]["scaleTargetRef"];
        let scaled = build.get("Deployment", target["name"].as_str().unwrap());
        assert_eq!(target["kind"], "Deployment", "{context}");
        assert!(scaled["spec"]["replicas"].is_null(), "{context}");
    }
    for monitor in build.all("ServiceMonitor") {
        let selector = &monitor["spec"]["selector"]["matchLabels"];
        let name = monitor["metadata"]["name"].as_str().unwrap();
        let service = build.get("Service", name);
        for (label, value) in selector.as_object().unwrap() {
            assert_eq!(service["metadata"]["labels"][label], *value, "{context}");
        }
        let port = &monitor["spec"]["endpoints"][0]["port"];
        assert_eq!(service["spec"]["ports"][0]["name"], *port, "{context}");
    }
    for monitor in build.all("PodMonitoring") {
        let name = monitor["metadata"]["name"].as_str().unwrap();
        let deployment = build.get("Deployment", name);
        let port = &own_container(deployment)["ports"][0]["name"];
        let expected = json!({
            "selector": deployment["spec"]["selector"],
            "endpoints": [{"port": port, "path": "/metrics", "interval": "30s"}],
        });
        assert_eq!(monitor["spec"], expected, "{context}");
    }
    for settings in build.all("ClientSettingsPolicy") {
        let target = &settings["spec"]["targetRef"];
        let gateway = build.get("Gateway", target["name"].as_str().unwrap());
        let expected = json!({
            "targetRef": {
                "group": "gateway.networking.k8s.io",
                "kind": "Gateway",
                "name": gateway["metadata"]["name"],
            },
            "body": {"maxSize": "4m"},
        });
        assert_eq!(settings["spec"], expected, "{context}");
        let namespace = &settings["metadata"]["namespace"];
        assert_eq!(gateway["metadata"]["namespace"], *namespace, "{context}");
    }
    routes_lead_to_services(build);
}

/// Every port that is named is one of a container's, and every number one that is listened on.
fn ports_exist(build: &Build, template: &Value, service: &Value, policy: &Value) {
    let context = &build.name;
    let pod = &template["spec"];
    let containers = elements(&pod["containers"]).chain(elements(&pod["initContainers"]));
    let containers: Vec<_> = containers.collect();
    let mut known = BTreeSet::new();
    for container in &containers {
        for port in elements(&container["ports"]) {
            known.insert(port["name"].to_string());
        }
    }
    let mut used = Vec::new();
    for container in &containers {
        for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
            for manner in ["httpGet", "tcpSocket"] {
                used.push(&container[probe][manner]["port"]);
            }
        }
    }
    used.extend(elements(&service["spec"]["ports"]).map(|port| &port["targetPort"]));
    let inbound = elements(&policy["spec"]["ingress"]);
    used.extend(inbound.flat_map(|rule| elements(&rule["ports"]).map(|port| &port["port"])));
    for port in used.into_iter().filter(|port| !port.is_null()) {
        assert!(known.contains(&port.to_string()), "{context}: port {port}");
    }
}

/// Every ConfigMap that a pod wants is built, every volume that is mounted is there.
fn configuration_exists(build: &Build, template: &Value) {
    let pod = &template["spec"];
    let containers = elements(&pod["containers"]).chain(elements(&pod["initContainers"]));
    let volumes: Vec<_> = elements(&pod["volumes"]).collect();
    for container in containers {
        for source in elements(&container["envFrom"]) {
            build.get(
                "ConfigMap",
                source["configMapRef"]["name"].as_str().unwrap(),
            );
        }
        for mount in elements(&container["volumeMounts"]) {
            let found = volumes.iter().any(|volume| volume["name"] == mount["name"]);
            assert!(found, "{}: {mount}", build.name);
        }
    }
    for volume in volumes {
        if let Some(map) = volume["configMap"]["name"].as_str() {
            build.get("ConfigMap", map);
        }
    }
}

/// Every path of an Ingress or an HTTPRoute ends at a port of a Service.
fn routes_lead_to_services(build: &Build) {
    let context = &build.name;
    for ingress in build.all("Ingress") {
        for rule in elements(&ingress["spec"]["rules"]) {
            for path in elements(&rule["http"]["paths"]) {
                let is_known = ["Exact", "Prefix"]
                    .iter()
                    .any(|kind| path["pathType"] == *kind);
                assert!(is_known, "{context}: {path}");
                let backend = &path["backend"]["service"];
                let service = build.get("Service", backend["name"].as_str().unwrap());
                let port = &backend["port"]["name"];
                assert_eq!(service["spec"]["ports"][0]["name"], *port, "{context}");
            }
        }
    }
    for route in build.all("HTTPRoute") {
        for rule in elements(&route["spec"]["rules"]) {
            for backend in elements(&rule["backendRefs"]) {
                let service = build.get("Service", backend["name"].as_str().unwrap());
                assert_eq!(
                    service["spec"]["ports"][0]["port"], backend["port"],
                    "{context}"
                );
            }
        }
    }
    for kind in ["GCPBackendPolicy", "HealthCheckPolicy"] {
        for policy in build.all(kind) {
            build.get(
                "Service",
                policy["spec"]["targetRef"]["name"].as_str().unwrap(),
            );
        }
    }
}
