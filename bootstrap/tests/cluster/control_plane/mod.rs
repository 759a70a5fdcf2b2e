//! A control plane without nodes: etcd, the API server and the controllers, as Kubernetes releases them, in a network of
//! their own. Pods are objects that nobody runs.

mod applied;
mod catalogue;
mod custom_resources;
mod permissions;
mod pod_security;
mod programs;
mod updated;

use std::{collections::BTreeSet, fs, process::Command};

use serde_json::{Value, json};

use crate::{
    commands::{run, run_with},
    manifests::front_ends,
    support::house,
};

pub use custom_resources::defined;
pub use programs::{ControlPlane, URL};

impl ControlPlane {
    /// kubectl, as the cluster's administrator.
    pub fn kubectl(&self) -> Command {
        let mut command = self.command("kubectl");
        // Elsewhere it would remember the kinds of another test's API server, which had the same address.
        command
            .env("KUBECACHEDIR", self.file("kubectl-cache"))
            .arg("--kubeconfig")
            .arg(self.file("admin.conf"));
        command
    }

    /// What `kubectl apply --server-side` makes of some manifests: the objects, as they are then.
    pub fn apply<'a>(&self, manifests: impl IntoIterator<Item = &'a Value>) -> Vec<Value> {
        let list = list(manifests);
        let mut kubectl = self.kubectl();
        kubectl.args(["apply", "--server-side", "-o", "json", "-f", "-"]);
        objects(&run_with(&list, &mut kubectl))
    }

    /// Deletes what there is of some manifests.
    pub fn delete<'a>(&self, manifests: impl IntoIterator<Item = &'a Value>) {
        let mut kubectl = self.kubectl();
        kubectl.args(["delete", "--ignore-not-found", "-f", "-"]);
        run_with(&list(manifests), &mut kubectl);
    }

    /// The objects of a kind, in all namespaces.
    pub fn all(&self, kind: &str) -> Vec<Value> {
        let mut kubectl = self.kubectl();
        objects(&run(kubectl.args([
            "get",
            kind,
            "--all-namespaces",
            "-o",
            "json",
        ])))
    }

    /// Puts the token of an account of the front end's namespace where a kubelet mounts it, for all programs of the network.
    pub fn mount_token(&self, account: &str) {
        let mounted = self.file("run");
        let folder = mounted.join("secrets/kubernetes.io/serviceaccount");
        fs::create_dir_all(&folder).unwrap();
        let namespace = house("namespace");
        let mut kubectl = self.kubectl();
        kubectl.args(["--namespace", &namespace, "create", "token", account]);
        fs::write(folder.join("token"), run(&mut kubectl).trim()).unwrap();
        fs::write(folder.join("namespace"), namespace).unwrap();
        fs::copy(self.file("tls.crt"), folder.join("ca.crt")).unwrap();
        let mut mount = self.command("mount");
        run(mount.arg("--bind").arg(mounted).arg("/run"));
    }

    /// Makes the namespaces that some manifests want and do not bring, each as the front end's.
    pub fn make_namespaces<'a>(&self, manifests: impl Iterator<Item = &'a Value>) {
        let wanted = manifests.filter_map(|manifest| manifest["metadata"]["namespace"].as_str());
        let wanted: BTreeSet<_> = wanted.collect();
        let namespaces: Vec<_> = wanted.into_iter().map(namespace).collect();
        self.apply(&namespaces);
    }
}

/// What a kubelet tells each container of where the API server is.
pub const IN_CLUSTER: [(&str, &str); 2] = [
    ("KUBERNETES_SERVICE_HOST", "127.0.0.1"),
    ("KUBERNETES_SERVICE_PORT", "6443"),
];

/// A namespace in which pods are refused that the front end's would refuse.
pub fn namespace(name: &str) -> Value {
    let mut namespace = front_ends()[0].all("Namespace").next().unwrap().clone();
    namespace["metadata"]["name"] = json!(name);
    namespace
}

/// Manifests as one document.
fn list<'a>(manifests: impl IntoIterator<Item = &'a Value>) -> String {
    let items: Vec<_> = manifests.into_iter().collect();
    json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string()
}

/// What kubectl prints: one object, or a list of them.
fn objects(printed: &str) -> Vec<Value> {
    let printed: Value = serde_json::from_str(printed).unwrap();
    match printed["items"].as_array() {
        Some(items) => items.clone(),
        None => vec![printed],
    }
}

/// The API group of a manifest, which is empty for Kubernetes' oldest kinds.
pub fn group(manifest: &Value) -> &str {
    let version = manifest["apiVersion"].as_str().unwrap();
    version.rsplit_once('/').map_or("", |(group, _)| group)
}
