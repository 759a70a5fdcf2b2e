//! Whether an API server takes what is built, and finds nothing to change when it comes again.

use serde_json::Value;

use crate::{
    control_plane::{
        ControlPlane,
        custom_resources::{defined, is_custom, tell_undefined},
    },
    manifests::{Build, builds, front_ends, services},
};

/// Without controllers, since their reports are changes too.
#[test]
#[ignore = "needs root, kubectl and Kubernetes: run .ci/cluster"]
fn what_is_applied_again_changes_nothing() {
    let plane = ControlPlane::without_controllers();
    let all = || builds().flat_map(defined);
    tell_undefined(builds().flat_map(|build| &build.manifests));
    plane.define_kinds(all());
    plane.make_namespaces(all());
    let mut applied = 0;
    for round in rounds() {
        let first = plane.apply(round.iter().flat_map(|build| defined(build)));
        let second = plane.apply(round.iter().flat_map(|build| defined(build)));
        assert_eq!(first.len(), second.len());
        for (before, after) in first.iter().zip(&second) {
            assert_eq!(seen(before), seen(after));
        }
        applied += first.len();
    }
    println!("{applied} objects applied, twice each");
    let promised = builds().flat_map(defined).count();
    assert_eq!(applied, promised);
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

/// Builds that one call applies: one of each service, as no two of these are of the same objects. The front ends are, and
/// so go one by one, each in the place of the one before it, as the builds of a service do.
fn rounds() -> Vec<Vec<&'static Build>> {
    let longest = services().iter().map(|(_, builds)| builds.len()).max();
    let of_services = (0..longest.unwrap()).map(|number| {
        let nth = |(_, builds): &'static (_, Vec<Build>)| builds.get(number);
        services().iter().filter_map(nth).collect()
    });
    let fronts = front_ends().iter().map(|front| vec![front]);
    of_services.chain(fronts).collect()
}
