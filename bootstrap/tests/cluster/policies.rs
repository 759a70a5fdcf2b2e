//! Schemas and policies that others keep, and every manifest and Dockerfile must pass.

use std::{env, fs, path::Path, process::Command};

use bootstrap::render::Template;
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    commands::{finish, run, run_with},
    manifests::{Build, Rendered, builds, front_ends, gitops},
};

/// The oldest that is supported, the newest, and one between.
const VERSIONS: [&str; 3] = ["1.33", "1.35", "1.37"];

/// API groups that come with Kubernetes itself.
const BUILT_IN: [&str; 7] = [
    "v1",
    "apps/v1",
    "autoscaling/v2",
    "policy/v1",
    "networking.k8s.io/v1",
    "rbac.authorization.k8s.io/v1",
    "batch/v1",
];

#[test]
#[ignore = "needs kubectl and kubernetes-validate: run .ci/cluster"]
fn manifests_match_the_schemas_of_three_versions_of_kubernetes() {
    let scratch = visible_folder();
    let mut files = Vec::new();
    for (number, build) in builds().enumerate() {
        let known = build
            .manifests
            .iter()
            .filter(|manifest| is_built_in(manifest));
        // JSON is YAML.
        let documents: Vec<_> = known.map(Value::to_string).collect();
        let file = scratch.path().join(format!("{number}.yaml"));
        fs::write(&file, documents.join("\n---\n")).unwrap();
        files.push(file);
    }
    for version in VERSIONS {
        run(Command::new("kubernetes-validate")
            .args(["--strict", "--quiet", "-k", version])
            .args(&files));
    }
}

#[test]
#[ignore = "needs kubectl, node and schemas: run .ci/cluster"]
fn custom_resources_match_the_schemas_of_their_projects() {
    let custom: Vec<_> = builds()
        .flat_map(|build| &build.manifests)
        .chain(gitops())
        .filter(|manifest| !is_built_in(manifest))
        .collect();
    let folder = env::var("NODE_FOLDER").expect(".ci/cluster says where node_modules is");
    let script = Template::here().root.join(".ci/custom-resources.mjs");
    let said = run_with(
        &serde_json::to_string(&custom).unwrap(),
        Command::new("node").arg(script).arg(folder),
    );
    print!("{said}");
}

fn is_built_in(manifest: &Value) -> bool {
    BUILT_IN.contains(&manifest["apiVersion"].as_str().unwrap())
}

/// Exceptions stand in the manifests, as annotations with their reasons.
#[test]
#[ignore = "needs kubectl and checkov: run .ci/cluster"]
fn manifests_pass_the_policies() {
    let scratch = visible_folder();
    for (number, build) in builds().enumerate() {
        let file = scratch.path().join(format!("{number}.yaml"));
        fs::write(file, &build.yaml).unwrap();
    }
    checkov(scratch.path(), "kubernetes");
}

#[test]
#[ignore = "needs kubectl and promtool: run .ci/cluster"]
fn alerts_are_rules_that_prometheus_takes() {
    let scratch = visible_folder();
    let kinds = ["PrometheusRule", "ClusterRules"];
    let rules = front_ends()
        .iter()
        .flat_map(|build| kinds.iter().flat_map(|kind| build.all(kind)));
    for (number, rule) in rules.enumerate() {
        let file = scratch.path().join(format!("{number}.json"));
        fs::write(&file, rule["spec"].to_string()).unwrap();
        run(Command::new("promtool").args(["check", "rules"]).arg(file));
    }
    // One of either kind where there is monitoring.
    let watched = ["monitoring", "gke-monitoring"];
    let watched = |front: &&Build| watched.iter().any(|part| front.has(part));
    let checked = fs::read_dir(scratch.path()).unwrap().count();
    assert_eq!(checked, front_ends().iter().filter(watched).count());
    assert!(checked > 0);
}

#[test]
#[ignore = "needs hadolint and checkov: run .ci/cluster"]
fn dockerfiles_pass_the_linters() {
    let service = Rendered::of(crate::support::ordinary("basic"));
    for folder in [&service.folder, &Template::here().root] {
        run(Command::new("hadolint").arg(folder.join("Dockerfile")));
        let scratch = visible_folder();
        fs::copy(folder.join("Dockerfile"), scratch.path().join("Dockerfile")).unwrap();
        checkov(scratch.path(), "dockerfile");
    }
}

/// A folder without a dot in front, which the linters would pass over.
fn visible_folder() -> TempDir {
    tempfile::Builder::new()
        .prefix("policies")
        .tempdir()
        .unwrap()
}

fn checkov(folder: &Path, framework: &str) {
    let output = finish(
        Command::new("checkov")
            .args([
                "--framework",
                framework,
                "--skip-download",
                "--quiet",
                "--compact",
            ])
            .arg("--directory")
            .arg(folder),
    );
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    let passed = said.lines().find(|line| line.starts_with("Passed checks"));
    println!(
        "{framework}: {}",
        passed.expect("checkov says how many checks passed")
    );
}
