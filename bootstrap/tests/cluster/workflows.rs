//! What runs on GitHub: linted as it stands there, and its scripts run here.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use bootstrap::render::Template;
use tempfile::TempDir;

use crate::{
    commands::{finish, run},
    images::{self, Image},
    manifests::Rendered,
    namespace::Namespace,
    script::Script,
    support::ordinary,
};

/// The schemas of the files that are no workflows.
const SCHEMAS: [(&str, &str); 3] = [
    ("dependabot", ".github/dependabot.yml"),
    ("github-issue-forms", ".github/ISSUE_TEMPLATE/fault.yml"),
    ("github-issue-config", ".github/ISSUE_TEMPLATE/config.yml"),
];

#[test]
#[ignore = "needs actionlint, check-jsonschema, shellcheck and zizmor: run .ci/cluster"]
fn workflows_pass_the_linters() {
    let service = Rendered::of(ordinary("basic"));
    // Its workflows find each other by the root of the repository.
    run(Command::new("git")
        .args(["init", "--quiet"])
        .arg(&service.folder));
    for folder in [&service.folder, &Template::here().root] {
        // Scripts are handed to shellcheck.
        run(Command::new("actionlint").current_dir(folder));
        run(Command::new("zizmor")
            .args(["--offline", "--quiet", "--pedantic", ".github"])
            .current_dir(folder));
        for (schema, file) in SCHEMAS {
            if folder.join(file).exists() {
                let schema = format!("vendor.{schema}");
                run(Command::new("check-jsonschema")
                    .args(["--builtin-schema", &schema, file])
                    .current_dir(folder));
            }
        }
    }
    let scripts = fs::read_dir(Template::here().root.join(".ci")).unwrap();
    for script in scripts.map(|entry| entry.unwrap().path()) {
        let text = fs::read_to_string(&script).unwrap();
        if text.starts_with("#!/usr/bin/env bash") {
            run(Command::new("shellcheck")
                .arg("--severity=warning")
                .arg(script));
        }
    }
}

#[test]
#[ignore = "needs jq and yq: run .ci/cluster"]
fn a_release_is_of_the_version_in_cargo_toml_and_says_what_changed() {
    let answers = ordinary("none").with("version", "1.20.3");
    let service = Rendered::of(answers.with("registry", "registry.example.org/team"));
    let script = Script::named("release", "Hold the tag against Cargo.toml");
    let said = script.succeeds(&service.folder, "v1.20.3");
    assert_eq!(
        said,
        "version=1.20.3\nimage=registry.example.org/team/job-metrics-none\n"
    );
    for wrong in ["v1.20.4", "1.20.3", "v1.20.30"] {
        let said = script.fails(&service.folder, wrong);
        assert!(
            said.contains("the version in Cargo.toml is 1.20.3"),
            "{said}"
        );
    }

    let changes = service.folder.join("CHANGELOG.md");
    let older = fs::read_to_string(&changes).unwrap() + "\n## 1.2\n\n- Older.\n\n## 0.1\n";
    fs::write(&changes, older).unwrap();
    let script = Script::named("release", "Take what CHANGELOG.md says of it");
    script.succeeds(&service.folder, "v1.20.3");
    let taken = fs::read_to_string(service.folder.join("changes.md")).unwrap();
    let lines: Vec<_> = taken.lines().filter(|line| !line.is_empty()).collect();
    assert_eq!(lines.len(), 1, "{taken}");
    assert!(lines[0].starts_with("- The service as the template made it"));
    for wrong in ["v1.20", "v0.1"] {
        let said = script.fails(&service.folder, wrong);
        assert!(said.contains("CHANGELOG.md says nothing"), "{said}");
    }
}

/// As podman, which has no systemd here that would ask after a container's health.
const DOCKER: &str = "#!/bin/sh
case $1 in
run) shift; exec podman run --pull never --network host \"$@\" ;;
ps) podman healthcheck run service >/dev/null 2>&1 ;;
esac
exec podman \"$@\"
";

#[test]
#[ignore = "needs root, buildah and podman: run .ci/cluster"]
fn the_image_is_run_and_asked_who_it_is() {
    let image = images::of("none");
    let script = Script::named(
        "ci",
        "Run it on a read-only root until it is healthy, and ask it who it is",
    );
    let output = run_as_docker(&script, image, &image.rendered.folder);
    assert!(output.status.success(), "{output:?}");
    let other = Rendered::of(ordinary("none"));
    let output = run_as_docker(&script, image, &other.folder);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
}

fn run_as_docker(script: &Script, image: &Image, folder: &Path) -> Output {
    let namespace = Namespace::new();
    let programs = TempDir::new().unwrap();
    let docker = programs.path().join("docker");
    fs::write(&docker, DOCKER).unwrap();
    run(Command::new("chmod").arg("+x").arg(&docker));
    let path = std::env::var("PATH").unwrap();
    let path = format!("{}:{path}", programs.path().display());
    // A namespace begins at the root.
    let script = format!("cd \"$0\"\n{}", script.text);
    let mut bash = namespace.command("bash");
    bash.args(["-eo", "pipefail", "-c", &script])
        .arg(folder)
        .envs([("IMAGE", &image.name), ("PATH", &path)]);
    let output = finish(&mut bash);
    let remove = ["rm", "--force", "service"];
    run(namespace.command("podman").args(remove));
    output
}
