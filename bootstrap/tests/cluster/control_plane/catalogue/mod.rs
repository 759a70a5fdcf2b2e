//! The catalogue before a real API server, as the account of its pods and with their settings: it follows the services of
//! its namespace. The test says in the place of kubelets which pods are ready.

mod stage;

use std::fs;

use serde_json::json;

use crate::control_plane::{
    catalogue::stage::{FIRST, NAME, ROUTE, SECOND, Stage},
    defined,
};

#[test]
#[ignore = "needs root, kubectl and Kubernetes: run .ci/cluster"]
fn the_catalogue_tells_of_services_as_they_come_and_go_and_of_their_pods() {
    let mut stage = Stage::set();
    stage.start_catalogue(FIRST);
    stage.sees("itself", "catalogue", ("pass", "/catalogue"));
    assert_eq!(stage.told(FIRST, NAME), None);

    // Nobody has reached the service yet: only the cluster knows its path.
    stage.plane.apply(defined(&stage.by_gateway));
    stage.sees("a service and its HTTPRoute", NAME, ("fail", ROUTE));
    assert_eq!(stage.problems(), json!(["It has no pods."]));

    let mut service = stage.start_service();
    let pods = stage.pods();
    stage.report(&pods, [true; 3]);
    stage.sees("pods that are ready", NAME, ("pass", ROUTE));
    let said = stage.told(FIRST, NAME).unwrap();
    assert_eq!(said["metadata"]["name"], NAME, "{said}");
    stage.report(&pods, [true, false, true]);
    stage.sees("a pod that is not ready", NAME, ("warn", ROUTE));
    assert_eq!(stage.problems(), json!(["2 of its 3 pods are ready."]));
    stage.report(&pods, [false; 3]);
    stage.sees("that none is", NAME, ("fail", ROUTE));
    assert_eq!(stage.problems(), json!(["None of its 3 pods is ready."]));
    stage.report(&pods, [true; 3]);
    stage.sees("that all are again", NAME, ("pass", ROUTE));

    // A catalogue that starts later waits for the slices before it says that a service is down.
    let log = stage.start_catalogue(SECOND);
    stage.plane.wait_until("another catalogue sees it", || {
        let told = stage.told(SECOND, NAME);
        told.is_some_and(|told| told["status"] == "pass")
    });
    let log = fs::read_to_string(log).unwrap();
    let changes = log
        .lines()
        .filter(|line| line.contains("a service stands otherwise"));
    let changes: Vec<_> = changes.filter(|line| line.contains(NAME)).collect();
    assert_eq!(changes.len(), 1, "{changes:?}");
    assert!(changes[0].contains(r#""status":"pass""#), "{changes:?}");

    service.kill().unwrap();
    service.wait().unwrap();
    stage.plane.delete(defined(&stage.by_gateway));
    stage.comes_to("no longer sees a service that is deleted", || {
        stage.told(FIRST, NAME).is_none()
    });
    stage.plane.apply(defined(&stage.by_ingress));
    stage.sees("a service and its Ingress", NAME, ("fail", ROUTE));
}
