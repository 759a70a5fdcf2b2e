//! Whose each object is: deleting one service takes nothing from the others, and labels say what belongs together.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::manifests::{Build, builds, front_ends, services};

/// What a cluster knows an object by: its API group and kind, its namespace and its name.
fn key(manifest: &Value) -> String {
    let version = manifest["apiVersion"].as_str().unwrap();
    let group = version.rsplit_once('/').map_or("", |(group, _)| group);
    let metadata = &manifest["metadata"];
    let kind = &manifest["kind"];
    let (namespace, name) = (&metadata["namespace"], &metadata["name"]);
    format!("{group} {kind} {namespace} {name}")
}

#[test]
#[ignore = "needs kubectl: run .ci/cluster"]
fn no_object_belongs_to_two() {
    let mut owners = BTreeMap::new();
    let of_services = services().iter().flat_map(|(rendered, builds)| {
        let name = rendered.answers.name.as_str();
        builds.iter().map(move |build| (name, build))
    });
    let of_front_ends = front_ends().iter().map(|build| ("the front end", build));
    for (owner, build) in of_services.chain(of_front_ends) {
        for manifest in &build.manifests {
            let key = key(manifest);
            let first = *owners.entry(key.clone()).or_insert(owner);
            assert_eq!(first, owner, "{}: {key}", build.name);
        }
    }
    // Those that were compared are in one namespace, and more than a few.
    let shared = |key: &&String| key.contains("\"unified-api\"");
    assert!(owners.keys().filter(shared).count() > 50);
}

#[test]
#[ignore = "needs kubectl: run .ci/cluster"]
fn services_have_nothing_outside_their_namespace() {
    for (_, builds) in services() {
        for build in builds {
            let namespace = &build.manifests[0]["metadata"]["namespace"];
            assert!(namespace.is_string(), "{}", build.name);
            for manifest in &build.manifests {
                let found = &manifest["metadata"]["namespace"];
                assert_eq!(found, namespace, "{}: {}", build.name, manifest["kind"]);
            }
        }
    }
}

#[test]
#[ignore = "needs kubectl: run .ci/cluster"]
fn every_object_and_pod_says_what_it_is_and_what_it_belongs_to() {
    let is_front_end = |build: &Build| front_ends().iter().any(|front| front.name == build.name);
    for build in builds() {
        let component = match is_front_end(build) {
            true => "front-end",
            false => "service",
        };
        for manifest in &build.manifests {
            let template = &manifest["spec"]["template"]["metadata"]["labels"];
            let labels = &manifest["metadata"]["labels"];
            for labels in [labels, template].into_iter().filter(|one| !one.is_null()) {
                let context = format!("{}: {}", build.name, manifest["kind"]);
                assert!(labels["app.kubernetes.io/name"].is_string(), "{context}");
                assert!(labels["app.kubernetes.io/part-of"].is_string(), "{context}");
                let found = &labels["app.kubernetes.io/component"];
                assert_eq!(*found, component, "{context}");
            }
            assert!(labels.is_object(), "{}: {}", build.name, manifest["kind"]);
        }
    }
}

/// A Deployment's selector can never change, so no later label may come into it.
#[test]
#[ignore = "needs kubectl: run .ci/cluster"]
fn selectors_are_the_name_alone() {
    for build in builds() {
        for deployment in build.all("Deployment") {
            let name = &deployment["metadata"]["name"];
            let selector = json!({"matchLabels": {"app.kubernetes.io/name": name}});
            assert_eq!(deployment["spec"]["selector"], selector, "{}", build.name);
        }
    }
}
