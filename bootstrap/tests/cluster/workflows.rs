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
    println!(
        "NOT RUN, as GitHub's runner is not to be had here: a workflow from its event to its end. Its scripts are."
    );
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
    let scripts = scripts.map(|entry| entry.unwrap().path());
    for script in scripts.filter(|path| path.is_file()) {
        let text = fs::read_to_string(&script).unwrap();
        if text.starts_with("#!/usr/bin/env bash") {
            run(Command::new("shellcheck")
                .arg("--severity=warning")
                .arg(script));
        }
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
