//! Whether an API server takes what is built, and finds nothing to change when it comes again.

use serde_json::Value;

use crate::{
    control_plane::{
        ControlPlane,
        custom_resources::{defined, is_custom, tell_undefined},
    },
    manifests::{Build, builds, front_ends, gitops, services},
};

/// Without controllers, since their reports are changes too.
#[test]
#[ignore = "needs root, kubectl and Kubernetes: run .ci/cluster"]
fn what_is_applied_again_changes_nothing() {
    let plane = ControlPlane::without_controllers();
    let all = || builds().flat_map(defined).chain(gitops());
    tell_undefined(builds().flat_map(|build| &build.manifests));
    plane.define_kinds(all());
    plane.make_namespaces(all());
    let mut applied = 0;
    for round in rounds() {
        let first = plane.apply(round.iter().copied());
        let second = plane.apply(round.iter().copied());
        assert_eq!(first.len(), second.len());
        for (before, after) in first.iter().zip(&second) {
            assert_eq!(seen(before), seen(after));
        }
        applied += first.len();
    }
    println!("{applied} objects applied, twice each");
    assert_eq!(applied, all().count());
}

/// An object with the number of its last change. For a custom resource without that: where its definition has defaults for
/// the status, as a Gateway's has, the API server writes the object once more with nothing changed.
fn seen(object: &Value) -> Value {
    let mut seen = object.clone();
    assert!(seen["metadata"]["resourceVersion"].is_string(), "{object}");
    if is_custom(object) {
        seen["metadata"]["resourceVersion"].take();
    }
    seen
}

/// What one call applies: one build of each service, as no two of these are of the same objects. The front ends are, and so
/// go one by one, each in the place of the one before it, as the builds of a service do. What GitOps tools are given comes
/// last.
fn rounds() -> Vec<Vec<&'static Value>> {
    let longest = services().iter().map(|(_, builds)| builds.len()).max();
    let of_services = (0..longest.unwrap()).map(|number| {
        let nth = |(_, builds): &'static (_, Vec<Build>)| builds.get(number);
        services()
            .iter()
            .filter_map(nth)
            .flat_map(defined)
            .collect()
    });
    let fronts = front_ends().iter().map(|front| defined(front).collect());
    let gitops = gitops().iter().collect();
    of_services.chain(fronts).chain([gitops]).collect()
}
