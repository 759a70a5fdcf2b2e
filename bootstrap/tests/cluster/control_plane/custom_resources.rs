//! The kinds of other projects, as these define them: the API server takes no object of a kind that nobody has defined.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::PathBuf,
};

use serde_json::Value;
use walkdir::WalkDir;

use crate::{
    commands::run,
    control_plane::{ControlPlane, group},
    manifests::Build,
};

/// Kinds whose definitions are in no module that can be had. Manifests of these are held to the schemas of
/// `policies::custom_resources_match_the_schemas_of_their_projects` alone.
const UNDEFINED: [(&str, &str); 6] = [
    ("cloud.google.com", "BackendConfig"),
    ("gateway.nginx.org", "ClientSettingsPolicy"),
    ("monitoring.googleapis.com", "ClusterRules"),
    ("monitoring.googleapis.com", "PodMonitoring"),
    ("networking.gke.io", "GCPBackendPolicy"),
    ("networking.gke.io", "HealthCheckPolicy"),
];

/// Whether manifests of this kind can be applied here.
pub fn is_defined(manifest: &Value) -> bool {
    let kind = (group(manifest), manifest["kind"].as_str().unwrap());
    !UNDEFINED.contains(&kind)
}

/// What a build has, but for what nobody has defined.
pub fn defined(build: &Build) -> impl Iterator<Item = &Value> {
    build.manifests.iter().filter(|one| is_defined(one))
}

/// Says by name which kinds among some manifests are never applied.
pub fn tell_undefined<'a>(manifests: impl Iterator<Item = &'a Value>) {
    let undefined = manifests.filter(|manifest| !is_defined(manifest));
    let kinds: BTreeSet<_> = undefined
        .map(|manifest| {
            format!(
                "{} ({})",
                manifest["kind"].as_str().unwrap(),
                group(manifest)
            )
        })
        .collect();
    for kind in kinds {
        println!("NOT RUN, as no definition of it can be had: applying a {kind}");
    }
}

impl ControlPlane {
    /// Defines the kinds of some manifests that Kubernetes itself lacks.
    ///
    /// # Panics
    /// When a kind is neither known nor defined by any project: `no CRD for ClusterRules (monitoring.googleapis.com)`.
    pub fn define_kinds<'a>(&self, manifests: impl Iterator<Item = &'a Value>) {
        let custom = manifests.filter(|one| is_custom(one) && is_defined(one));
        let kinds: BTreeSet<_> = custom
            .map(|manifest| (group(manifest), manifest["kind"].as_str().unwrap()))
            .collect();
        if kinds.is_empty() {
            return;
        }
        let known = definitions();
        let mut kubectl = self.kubectl();
        kubectl.args(["apply", "--server-side"]);
        for (group, kind) in &kinds {
            let key = ((*group).to_owned(), (*kind).to_owned());
            let file = known.get(&key);
            let file = file.unwrap_or_else(|| panic!("no CRD for {kind} ({group})"));
            kubectl.arg("-f").arg(file);
        }
        run(&mut kubectl);
        let mut kubectl = self.kubectl();
        kubectl.args([
            "wait",
            "--for=condition=Established",
            "--timeout=120s",
            "crd",
        ]);
        run(kubectl.arg("--all"));
    }
}

/// Whether a kind is not of Kubernetes itself, whose own groups have no dot, or end in this. The Gateway API's does, and is
/// custom.
pub fn is_custom(manifest: &Value) -> bool {
    let group = group(manifest);
    let own = !group.contains('.') || group.ends_with(".k8s.io");
    !own || group.starts_with("gateway.networking.")
}

/// The file that defines each group and kind.
fn definitions() -> BTreeMap<(String, String), PathBuf> {
    let folder = env::var("DEFINITIONS").expect(".ci/cluster says where definitions of kinds are");
    let files = WalkDir::new(folder).into_iter().map(Result::unwrap);
    let files = files.filter(|entry| entry.file_type().is_file());
    let defined = files.filter_map(|entry| {
        let text = fs::read_to_string(entry.path()).unwrap();
        // Some are large. All are written by the same tool, in the same form.
        let value = |before: &str| text.lines().find_map(|line| line.strip_prefix(before));
        let key = (
            value("  group: ")?.to_owned(),
            value("    kind: ")?.to_owned(),
        );
        Some((key, entry.into_path()))
    });
    defined.collect()
}
