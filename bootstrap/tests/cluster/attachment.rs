//! Services and the front end that they stand behind agree: hosts, classes, listeners, certificates, namespaces.

use serde_json::{Value, json};

use crate::manifests::{Build, Rendered, elements, front_ends, services};

#[test]
#[ignore = "needs kubectl: run .ci/cluster"]
fn services_stand_behind_the_front_end_that_there_is() {
    let ordinary = |(rendered, _): &&(Rendered, _)| rendered.answers.get("namespace").is_none();
    let builds = || {
        services()
            .iter()
            .filter(ordinary)
            .flat_map(|(_, builds)| builds)
    };
    let mut found = 0;
    for front in front_ends() {
        for build in builds().filter(|build| is_for(build, front)) {
            stands_behind(build, front);
            found += 1;
        }
        stands_behind(front, front);
    }
    assert!(found > 30, "{found}");
    // Google's Ingress is a load balancer for each service, and so no front end.
    for build in builds().filter(|build| has_a_way(build) && !build.has("gke-ingress")) {
        let fronts = front_ends().iter().filter(|front| is_for(build, front));
        assert!(fronts.count() > 0, "{} stands behind nobody", build.name);
    }
}

fn has_a_way(build: &Build) -> bool {
    let mut ways = ["Ingress", "HTTPRoute"].into_iter();
    ways.any(|kind| build.all(kind).next().is_some())
}

/// Whether a build is for the way in that a front end has, and for the kind of its cluster.
fn is_for(build: &Build, front: &Build) -> bool {
    let ways = ["Ingress", "HTTPRoute"];
    let same_way = ways.iter().any(|kind| {
        let has = |build: &Build| build.all(kind).next().is_some();
        has(build) && has(front)
    });
    let clusters = ["gke-ingress", "gke", "eks", "cilium"];
    let has_stage = !build.has("staging") || front.has("staging");
    same_way
        && has_stage
        && clusters
            .iter()
            .all(|part| build.has(part) == front.has(part))
}

/// Each Ingress and HTTPRoute of a build is for what the front end has a certificate for, and names what it has.
fn stands_behind(build: &Build, front: &Build) {
    let context = format!("{} behind {}", build.name, front.name);
    for ingress in build.all("Ingress") {
        let own = front.get("Ingress", "default-handler");
        let class = &ingress["spec"]["ingressClassName"];
        assert_eq!(*class, own["spec"]["ingressClassName"], "{context}");
        let annotation = "alb.ingress.kubernetes.io/group.name";
        let group = |ingress: &Value| ingress["metadata"]["annotations"][annotation].clone();
        assert_eq!(group(ingress), group(own), "{context}");
        let known: Vec<_> = elements(&own["spec"]["rules"])
            .map(|rule| &rule["host"])
            .collect();
        for rule in elements(&ingress["spec"]["rules"]) {
            assert!(known.contains(&&rule["host"]), "{context}");
        }
        for tls in elements(&ingress["spec"]["tls"]) {
            // Amazon's controller looks for a certificate of the host, and reads no Secret.
            if class != "alb" {
                let namespace = &ingress["metadata"]["namespace"];
                has_certificate(front, namespace, &tls["secretName"], &tls["hosts"]);
            }
        }
    }
    for route in build.all("HTTPRoute") {
        let mut hosts = Vec::new();
        for parent in elements(&route["spec"]["parentRefs"]) {
            let listener = listener(front, parent);
            admits(front, listener, &route["metadata"]["namespace"]);
            hosts.push(listener["hostname"].clone());
            if route["metadata"]["name"] == "https-redirect" {
                assert_eq!(listener["protocol"], "HTTP", "{context}");
                continue;
            }
            assert_eq!(listener["protocol"], "HTTPS", "{context}");
            let secret = &listener["tls"]["certificateRefs"][0]["name"];
            has_certificate(
                front,
                &parent["namespace"],
                secret,
                &json!([listener["hostname"]]),
            );
        }
        assert_eq!(route["spec"]["hostnames"], json!(hosts), "{context}");
    }
}

/// The listener that a route names, of the Gateway in the namespace that it names.
fn listener<'a>(front: &'a Build, parent: &Value) -> &'a Value {
    let gateway = front.get("Gateway", parent["name"].as_str().unwrap());
    assert_eq!(gateway["metadata"]["namespace"], parent["namespace"]);
    let mut listeners = elements(&gateway["spec"]["listeners"]);
    let found = listeners.find(|listener| listener["name"] == parent["sectionName"]);
    found.unwrap_or_else(|| panic!("{}: no listener of {parent}", front.name))
}

/// The listener takes routes from that namespace, which the front end has.
fn admits(front: &Build, listener: &Value, namespace: &Value) {
    let context = format!("{}: {namespace} at {}", front.name, listener["name"]);
    front.get("Namespace", namespace.as_str().expect(&context));
    let from = &listener["allowedRoutes"]["namespaces"];
    if from["from"] == "Same" {
        let own = &front.all("Gateway").next().unwrap()["metadata"]["namespace"];
        assert_eq!(namespace, own, "{context}");
        return;
    }
    assert_eq!(from["from"], "Selector", "{context}");
    let rule = &from["selector"]["matchExpressions"][0];
    assert_eq!(rule["key"], "kubernetes.io/metadata.name", "{context}");
    assert_eq!(rule["operator"], "In", "{context}");
    assert!(
        elements(&rule["values"]).any(|one| one == namespace),
        "{context}"
    );
}

/// The certificate is a Secret of the front end's, or one that cert-manager makes for these hosts.
fn has_certificate(front: &Build, namespace: &Value, secret: &Value, hosts: &Value) {
    let is_here = |manifest: &&Value| manifest["metadata"]["namespace"] == *namespace;
    let mut plain = front.all("Secret").filter(is_here);
    let mut made = front.all("Certificate").filter(is_here);
    let found = plain.any(|plain| plain["metadata"]["name"] == *secret)
        || made.any(|made| {
            let spec = &made["spec"];
            spec["secretName"] == *secret && spec["dnsNames"] == *hosts
        });
    let whose = &front.name;
    assert!(
        found,
        "{whose}: nothing makes the Secret {secret} in {namespace}"
    );
}
