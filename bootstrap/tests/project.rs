//! What is around the code, here and in a service, and must agree: workflows, manifests, versions, documents.

use std::collections::{BTreeMap, BTreeSet};

use bootstrap::render::{Manner, Template};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{auth_types, files, ordinary};

/// The text of each file whose path is wanted, of the whole repository.
fn texts(wanted: impl Fn(&str) -> bool) -> BTreeMap<String, String> {
    let all = files(&Template::here().root).into_iter();
    all.filter(|(path, _)| wanted(path))
        .map(|(path, text)| (path, String::from_utf8(text).unwrap()))
        .collect()
}

/// What the workflows that services call run, line by line.
fn lines_that_run() -> Vec<String> {
    let mut found = Vec::new();
    for text in texts(|path| path.starts_with(".github/workflows/service-")).values() {
        let workflow: Value = serde_saphyr::from_str(text).unwrap();
        let jobs = workflow["jobs"].as_object().unwrap().values();
        let steps = jobs.flat_map(|job| job["steps"].as_array().into_iter().flatten());
        for script in steps.filter_map(|step| step["run"].as_str()) {
            found.extend(script.lines().map(|line| line.trim().to_owned()));
        }
    }
    found
}

/// The commands of a document: what is behind a `$`, without the remark.
fn commands(document: &str) -> BTreeSet<String> {
    let lines = document.lines().filter_map(|line| line.strip_prefix("$ "));
    lines
        .map(|line| line.split("  #").next().unwrap().trim().to_owned())
        .collect()
}

fn is_cargo(command: &str) -> bool {
    command.starts_with("cargo ")
}

#[test]
fn workflows_run_the_commands_of_the_documents_and_no_others() {
    let into = TempDir::new().unwrap();
    let registry = "registry.example.org/team";
    let answers = ordinary("basic").with("registry", registry);
    let folder = Template::here()
        .render(&answers, into.path(), Manner::SILENT)
        .unwrap();
    let rendered = files(&folder);
    let read = |path: &str| commands(std::str::from_utf8(&rendered[path]).unwrap());
    let contributing = read("CONTRIBUTING.md");
    let documented: BTreeSet<_> = contributing.union(&read("README.md")).cloned().collect();

    let image = format!("{registry}/{}", answers.name);
    let lines = lines_that_run().into_iter();
    let run: BTreeSet<_> = lines
        .map(|line| line.replace("\"$IMAGE\"", &image))
        .filter(|line| is_cargo(line) || line.starts_with("docker build "))
        .collect();
    let unknown: Vec<_> = run.difference(&documented).collect();
    assert!(unknown.is_empty(), "no document has {unknown:?}");
    for command in contributing.iter().filter(|command| is_cargo(command)) {
        assert!(run.contains(command), "no workflow runs {command:?}");
    }
}

#[test]
fn commits_are_checked_by_the_commands_of_the_documents() {
    let files = texts(|path| path.starts_with("template/"));
    let documented = ["template/CONTRIBUTING.md", "template/README.md.liquid"];
    let documented: BTreeSet<_> = documented
        .iter()
        .flat_map(|path| commands(&files[*path]))
        .collect();
    let hooks: Value = serde_saphyr::from_str(&files["template/.pre-commit-config.yaml"]).unwrap();
    let hooks = hooks["repos"][0]["hooks"].as_array().unwrap();
    assert_eq!(hooks.len(), 3);
    for hook in hooks {
        let command = hook["entry"].as_str().unwrap();
        assert!(documented.contains(command), "{command:?}");
    }
}

/// What programs read before each change has to be short, and to name commands that work.
#[test]
fn agents_are_told_the_commands_of_the_documents_in_forty_lines() {
    let files = texts(|path| path.starts_with("template/"));
    let agents = &files["template/AGENTS.md"];
    assert!(agents.lines().count() <= 40);
    let checks = commands(&files["template/CONTRIBUTING.md"]);
    let told = agents.split('`').filter(|piece| is_cargo(piece));
    let told: BTreeSet<_> = told.collect();
    for command in ["cargo test", "cargo test --workspace", "cargo run"] {
        assert!(told.contains(command), "{command:?}");
    }
    let lints = told.iter().filter(|command| command.contains("clippy"));
    for command in lints {
        assert!(checks.contains(*command), "{command:?}");
    }
}

/// A tag can be moved, a commit cannot. What is pinned alike is proposed anew, and tried out, together.
#[test]
fn actions_are_pinned_to_commits_and_alike_everywhere() {
    let mut pins = BTreeMap::new();
    for (path, text) in texts(|path| path.contains(".github/workflows/")) {
        for line in text.lines() {
            let Some((_, action)) = line.split_once("uses: ") else {
                continue;
            };
            // A workflow of the same repository, at the same commit or at the one of `hooks/workflows.rhai`.
            if action.starts_with("$/") || action.starts_with("\"{{template_repository}}/") {
                continue;
            }
            let (name, pin) = action.split_once('@').unwrap();
            let (commit, version) = pin.split_once(" # v").expect(line);
            let is_commit =
                commit.len() == 40 && commit.chars().all(|digit| digit.is_ascii_hexdigit());
            assert!(is_commit, "{path}: {action}");
            assert_eq!(version.split('.').count(), 3, "{path}: {action}");
            let other = pins.insert(name.to_owned(), pin.to_owned());
            assert!(other.is_none_or(|other| other == pin), "{path}: {action}");
        }
    }
    assert!(pins.contains_key("actions/checkout"));
}

#[test]
fn programs_are_installed_in_one_version() {
    let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let wanted =
        |path: &str| path.contains(".github/") || path.starts_with(".ci/") || path.ends_with(".md");
    for text in texts(wanted).values() {
        let words = text.split_whitespace();
        for (name, version) in words.filter_map(|word| word.split_once('@')) {
            if name.starts_with("cargo-") {
                let versions = versions.entry(name.to_owned()).or_default();
                versions.insert(version.to_owned());
            }
        }
    }
    let names: Vec<_> = versions.keys().collect();
    let known = [
        "cargo-cyclonedx",
        "cargo-deny",
        "cargo-fuzz",
        "cargo-machete",
    ];
    assert_eq!(names, known);
    assert!(
        versions.values().all(|found| found.len() == 1),
        "{versions:?}"
    );
}

#[test]
fn one_rust_is_the_oldest_and_images_have_the_newest() {
    let manifests = manifests();
    let version = |path: &str| manifests[path]["package"]["rust-version"].as_str();
    let rust = version("template/Cargo.toml").unwrap();
    for path in manifests.keys() {
        assert_eq!(version(path), Some(rust), "{path}");
    }
    let places = [
        ("Dockerfile", "rust:1-trixie@sha256:"),
        ("template/Dockerfile.liquid", "rust:1-slim-trixie@sha256:"),
        (
            "template/.devcontainer/devcontainer.json",
            "rust:1-trixie\"",
        ),
        (".ci/in-debian", "rust:${RUST:-1}-trixie\""),
    ];
    for (path, image) in places {
        let texts = texts(|found| found == path);
        assert!(texts[path].contains(image), "{path} has no {image}");
    }
}

#[test]
fn every_crate_forbids_unsafe_code() {
    let manifests = manifests();
    assert!(manifests.contains_key("bench/Cargo.toml"));
    for (path, manifest) in manifests {
        let level = &manifest["lints"]["rust"]["unsafe_code"];
        assert_eq!(level.as_str(), Some("forbid"), "{path}");
    }
}

fn manifests() -> BTreeMap<String, toml::Table> {
    let texts = texts(|path| path.ends_with("Cargo.toml")).into_iter();
    texts
        .map(|(path, text)| (path, text.parse().unwrap()))
        .collect()
}

/// Workflows above all, whose expressions look like Liquid; and nothing of this repository's own.
#[test]
fn what_holds_no_liquid_is_rendered_byte_for_byte() {
    let template = Template::here();
    let sources = files(&template.root.join("template"));
    for auth in auth_types(&template) {
        let into = TempDir::new().unwrap();
        let folder = template
            .render(&ordinary(&auth), into.path(), Manner::SILENT)
            .unwrap();
        let rendered = files(&folder);
        assert!(rendered.contains_key(".github/workflows/release.yaml"));
        for (path, text) in &rendered {
            let twin = bootstrap::twins::TWINS.contains(&path.as_str());
            if !twin && let Some(source) = sources.get(path) {
                assert!(text == source, "{path}");
            }
        }
    }
}
