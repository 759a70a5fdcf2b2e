//! Whether an API server takes the manifests of this version where those of the version before it are: some fields
//! never change once an object is there.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use bootstrap::{
    history::History,
    render::{Manner, Template},
};
use git2::Sort;
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    control_plane::{ControlPlane, custom_resources::is_defined},
    manifests::{Build, front_ends, names},
    support::{auth_types, ordinary},
};

#[test]
#[ignore = "needs root, git, kubectl and Kubernetes: run .ci/cluster"]
fn manifests_are_taken_where_those_of_the_version_before_are() {
    let Some(before) = before() else {
        return;
    };
    let plane = ControlPlane::without_controllers();
    let steps: Vec<_> = services(before.path())
        .into_iter()
        .chain(fronts(before.path()))
        .collect();
    assert!(!steps.is_empty());
    let all = || {
        steps
            .iter()
            .flat_map(|step| step.old.iter().chain(&step.new))
    };
    plane.define_kinds(all());
    plane.make_namespaces(all());
    for step in &steps {
        println!(
            "{}: {} objects become {}",
            step.name,
            step.old.len(),
            step.new.len()
        );
        plane.apply(&step.old);
        plane.apply(&step.new);
        // A namespace would never be gone without its controller.
        let both = step.old.iter().chain(&step.new);
        plane.delete(both.filter(|one| one["kind"] != "Namespace"));
    }
}

/// What `kubectl apply -k` of one folder applied before, and applies now.
struct Step {
    name: String,
    old: Vec<Value>,
    new: Vec<Value>,
}

impl Step {
    fn between(old: Build, new: &Build) -> Self {
        let defined = |manifests: &[Value]| {
            manifests
                .iter()
                .filter(|one| is_defined(one))
                .cloned()
                .collect()
        };
        Self {
            old: defined(&old.manifests),
            new: defined(&new.manifests),
            name: old.name,
        }
    }
}

/// The folders that authors are told to apply, of a service of each auth type.
fn services(before: &Path) -> Vec<Step> {
    let template = Template {
        root: before.to_owned(),
    };
    let mut steps = Vec::new();
    for auth in auth_types(&template) {
        let scratch = TempDir::new().unwrap();
        let rendered = ["old", "new"].map(|name| {
            let into = scratch.path().join(name);
            fs::create_dir(&into).unwrap();
            let template = if name == "old" {
                &template
            } else {
                &Template::here()
            };
            let folder = template.render(&ordinary(&auth), &into, Manner::SILENT);
            folder.unwrap().join("kubernetes")
        });
        let [old, new] = rendered;
        let overlays = names(&old.join("overlays")).into_iter();
        let folders = overlays.map(|overlay| format!("overlays/{overlay}"));
        for folder in folders.chain(["base".to_owned()]) {
            if !new.join(&folder).exists() {
                println!("{auth}: {folder} is no more");
                continue;
            }
            let [old, new] = [&old, &new].map(|kubernetes| {
                Build::of(&format!("{auth}: {folder}"), &kubernetes.join(&folder))
            });
            steps.push(Step::between(old, &new));
        }
    }
    steps
}

/// The examples of the front end.
fn fronts(before: &Path) -> Vec<Step> {
    let kubernetes = before.join("kubernetes");
    let mut steps = Vec::new();
    for component in names(&kubernetes.join("components")) {
        if component.starts_with("plain-secret") {
            for file in ["tls.crt", "tls.key"] {
                fs::write(
                    kubernetes.join("components").join(&component).join(file),
                    "-",
                )
                .unwrap();
            }
        }
    }
    for example in names(&kubernetes.join("examples")) {
        let name = format!("front end: {example}");
        match front_ends().iter().find(|front| front.name == name) {
            Some(new) => {
                let old = Build::of(&name, &kubernetes.join("examples").join(&example));
                steps.push(Step::between(old, new));
            }
            None => println!("{name} is no more"),
        }
    }
    steps
}

/// The files of the newest version that has a tag; or else, of the newest commit of another version than this one.
fn before() -> Option<TempDir> {
    let root = Template::here().root;
    let history =
        History::at(&root).expect("these tests want a clone of the repository, with its history");
    let tagged = history.newest().unwrap().map(|version| version.tag());
    let commit = tagged.or_else(|| of_another_version(&history));
    let Some(commit) = commit else {
        println!(
            "NOT RUN, as the history of this clone has no version before this one: an update of what is applied. \
             `git fetch --unshallow --tags` completes it."
        );
        return None;
    };
    println!("the version before is that of {commit}");
    let folder = TempDir::new().unwrap();
    let mut archive = Command::new("git")
        .arg("-C")
        .arg(&root)
        .args(["archive", &commit])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut tar = Command::new("tar");
    tar.args(["-x", "-C"]).arg(folder.path());
    tar.stdin(archive.stdout.take().unwrap());
    assert!(tar.status().unwrap().success());
    assert!(archive.wait().unwrap().success());
    Some(folder)
}

/// The newest commit whose hooks name another version.
fn of_another_version(history: &History) -> Option<String> {
    let version = Path::new("hooks/version.rhai");
    let here = fs::read(Template::here().root.join(version)).unwrap();
    let repository = &history.repository;
    let mut commits = repository.revwalk().unwrap();
    commits.set_sorting(Sort::TOPOLOGICAL | Sort::TIME).unwrap();
    commits.push_head().unwrap();
    let mut commits = commits.map(|id| repository.find_commit(id.unwrap()).unwrap());
    let found = commits.find(|commit| {
        let tree = commit.tree().unwrap();
        let Ok(entry) = tree.get_path(version) else {
            return false;
        };
        let object = entry.to_object(repository).unwrap();
        object.as_blob().unwrap().content() != here
    });
    found.map(|commit| commit.id().to_string())
}
