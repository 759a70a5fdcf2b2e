//! No patch is in vain: kustomize says nothing of one whose target there is not.

use std::{fs, path::Path, process::Command};

use serde_json::json;
use tempfile::TempDir;

use crate::{
    commands::{finish, run},
    kustomize::{kustomization, kustomizations},
    manifests::{Build, Rendered, front_ends, services},
    parallel,
};

/// What a kustomization does to what it has taken in, each a list.
const CHANGES: [&str; 5] = [
    "patches",
    "replacements",
    "images",
    "configMapGenerator",
    "secretGenerator",
];

#[test]
#[ignore = "needs kubectl: run .ci/cluster"]
fn every_patch_changes_something() {
    let all = |(rendered, _): &&(_, _)| has_all_components(rendered);
    let (_, builds) = services().iter().find(all).unwrap();
    let changes = parallel::map(builds.iter().chain(front_ends()), every_change_counts);
    let changes: usize = changes.into_iter().sum();
    println!("{changes} patches and other changes");
    assert!(changes > 200, "{changes}");
}

fn has_all_components(rendered: &Rendered) -> bool {
    rendered.answers.get("auth_type") == Some("bitly-proxy")
}

/// Takes each change out of its kustomization, in a copy of the manifests: the build must be another.
fn every_change_counts(build: &Build) -> usize {
    let scratch = TempDir::new().unwrap();
    let mut above = build.folder.ancestors();
    let manifests = above.find(|folder| folder.ends_with("kubernetes")).unwrap();
    run(Command::new("cp")
        .arg("-r")
        .args([manifests, scratch.path()]));
    let below = build.folder.strip_prefix(manifests.parent().unwrap());
    let copy = scratch.path().join(below.unwrap());
    let mut changes = 0;
    for folder in kustomizations(&copy) {
        let whole = kustomization(&folder);
        for kind in CHANGES {
            let list = whole[kind].as_array().map(Vec::len).unwrap_or_default();
            for at in 0..list {
                let built = without(&copy, &folder, kind, at);
                let changed = built.as_ref() != Some(&build.yaml);
                let change = &whole[kind][at];
                let context = format!("{} in {}", build.name, folder.display());
                assert!(changed, "{context}: nothing comes of {change}");
                changes += 1;
            }
        }
    }
    changes
}

/// What is built of `whole` without one change of one kustomization, or nothing where it cannot do without.
fn without(whole: &Path, folder: &Path, kind: &str, at: usize) -> Option<String> {
    let file = folder.join("kustomization.yaml");
    let before = fs::read_to_string(&file).unwrap();
    let mut part = kustomization(folder);
    part[kind].as_array_mut().unwrap().remove(at);
    if part[kind] == json!([]) {
        part.as_object_mut().unwrap().remove(kind);
    }
    // JSON is YAML.
    fs::write(&file, part.to_string()).unwrap();
    let built = finish(Command::new("kubectl").arg("kustomize").arg(whole));
    fs::write(&file, before).unwrap();
    let yaml = String::from_utf8(built.stdout).unwrap();
    built.status.success().then_some(yaml)
}
