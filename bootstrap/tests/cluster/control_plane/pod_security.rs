//! Whether a cluster makes the pods of each Deployment, in a namespace that holds them to Pod Security `restricted`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    control_plane::{ControlPlane, namespace},
    manifests::{Build, builds, elements},
};

#[test]
#[ignore = "needs root, kubectl and Kubernetes: run .ci/cluster"]
fn pods_of_every_deployment_are_admitted_and_a_privileged_one_is_refused() {
    let plane = ControlPlane::with_controllers();
    let mut different = different_deployments();
    let (build, deployment) = different[0];
    let mut privileged = deployment.clone();
    let container = &mut privileged["spec"]["template"]["spec"]["containers"][0];
    container["securityContext"] = json!({"privileged": true});
    different.push((build, &privileged));

    let manifests: Vec<_> = different
        .iter()
        .enumerate()
        .flat_map(|(number, (build, deployment))| {
            let name = &format!("n{number}");
            let accounts = build
                .all("ServiceAccount")
                .map(|account| moved(account, name));
            let mut all = vec![namespace(name), moved(deployment, name)];
            all.extend(accounts);
            all
        })
        .collect();
    plane.apply(&manifests);
    plane.wait_until("every Deployment has its pods, or is refused them", || {
        plane
            .all("deployments")
            .iter()
            .all(|one| is_made(one) || refusal(one).is_some())
    });

    let deployments = plane.all("deployments");
    assert_eq!(deployments.len(), different.len());
    let pods = plane.all("pods");
    for deployment in &deployments {
        let whose = &deployment["metadata"]["namespace"];
        let number: usize = whose.as_str().unwrap()[1..].parse().unwrap();
        let (build, applied) = different[number];
        let refusal = refusal(deployment);
        if number == different.len() - 1 {
            let said = refusal.expect("a privileged pod is refused");
            assert!(said.contains("violates PodSecurity \"restricted"), "{said}");
            continue;
        }
        assert_eq!(refusal, None, "{}", build.name);
        let own = pods
            .iter()
            .filter(|pod| pod["metadata"]["namespace"] == *whose);
        let mut made = 0;
        for pod in own {
            let wanted = &applied["spec"]["template"]["spec"];
            assert_eq!(
                containers(&pod["spec"]),
                containers(wanted),
                "{}",
                build.name
            );
            made += 1;
        }
        assert_eq!(
            json!(made),
            deployment["spec"]["replicas"],
            "{}",
            build.name
        );
    }
    println!(
        "{} Deployments have their pods, 1 has none",
        deployments.len() - 1
    );
}

/// The Deployments of all builds whose pods differ.
fn different_deployments() -> Vec<(&'static Build, &'static Value)> {
    let all = builds().flat_map(|build| build.all("Deployment").map(move |one| (build, one)));
    let by_pod: BTreeMap<_, _> = all
        .map(|(build, one)| (one["spec"]["template"].to_string(), (build, one)))
        .collect();
    by_pod.into_values().collect()
}

/// A manifest, in another namespace.
fn moved(manifest: &Value, namespace: &str) -> Value {
    let mut moved = manifest.clone();
    moved["metadata"]["namespace"] = json!(namespace);
    moved
}

/// Whether the controllers have made all pods of a Deployment, as it is now.
fn is_made(deployment: &Value) -> bool {
    let status = &deployment["status"];
    status["observedGeneration"] == deployment["metadata"]["generation"]
        && status["updatedReplicas"] == deployment["spec"]["replicas"]
}

/// Why the API server refuses a Deployment's pods.
fn refusal(deployment: &Value) -> Option<&str> {
    let mut conditions = elements(&deployment["status"]["conditions"]);
    let failure =
        conditions.find(|one| one["type"] == "ReplicaFailure" && one["status"] == "True")?;
    failure["message"].as_str()
}

/// The names of a pod's containers, those beside the first included.
fn containers(pod: &Value) -> Vec<&Value> {
    let all = elements(&pod["initContainers"]).chain(elements(&pod["containers"]));
    all.map(|container| &container["name"]).collect()
}
