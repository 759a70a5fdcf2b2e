//! The image of the tool: renders for those who have no Rust.

use std::{fs, os::unix::fs::MetadataExt, process::Command};

use bootstrap::{
    answers::Answers,
    render::{Manner, Template},
};
use tempfile::TempDir;

use super::buildah;
use crate::{
    commands::{finish, run},
    namespace::Namespace,
    support::{HOSTILE, files, ordinary},
};

const IMAGE: &str = "tested-uservice-bootstrap";

/// Whom the caller's files belong to.
const CALLER: u32 = 12_345;

/// What to hand to podman to run something as the caller, with `work` as the current folder.
fn run_arguments(work: &TempDir, more: &[&str]) -> Vec<String> {
    std::os::unix::fs::chown(work.path(), Some(CALLER), Some(CALLER)).unwrap();
    let volume = format!("{}:/work", work.path().display());
    let user = format!("{CALLER}:{CALLER}");
    [
        "run",
        "--rm",
        "--pull",
        "never",
        "--network",
        "none",
        "--user",
        &user,
        "--volume",
        &volume,
    ]
    .into_iter()
    .chain(more.iter().copied())
    .map(str::to_owned)
    .collect()
}

#[test]
#[ignore = "needs root, buildah and podman: run .ci/cluster"]
fn a_service_is_rendered_for_who_has_no_rust() {
    let template = Template::here();
    let mut build = buildah::command(IMAGE, &template.root);
    // Nothing of it is measured, so it is built to be done soon.
    let cargo = TempDir::new().unwrap();
    let settings = cargo.path().join("config.toml");
    let quick = "[profile.release]\nopt-level = 0\n[env]\nCFLAGS = \"-O0\"\n";
    fs::write(&settings, quick).unwrap();
    build.args(["--secret", &format!("id=cargo,src={}", settings.display())]);
    buildah::build(build, &template.root);
    let mut namespace = Namespace::new();
    renders_what_the_tool_renders(&namespace, &template);
    refuses_in_one_sentence(&namespace);
    asks_on_a_terminal(&namespace);
    serves_what_the_tool_renders(&mut namespace, &template);
}

fn renders_what_the_tool_renders(namespace: &Namespace, template: &Template) {
    let (work, expected) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let answers = ordinary("basic").with("description", HOSTILE);
    let arguments = [
        IMAGE,
        "new",
        &answers.name,
        "--auth",
        "basic",
        "--description",
        HOSTILE,
    ];
    let arguments = run_arguments(&work, &arguments);
    run(namespace.command("podman").args(arguments));
    let folder = template
        .render(&answers, expected.path(), Manner::SILENT)
        .unwrap();
    let checked = run_arguments(&work, &[IMAGE, "check", &answers.name]);
    run(namespace.command("podman").args(checked));
    let rendered = work.path().join(&answers.name);
    assert!(files(&rendered) == files(&folder));
    assert!(rendered.join(".git").is_dir());
    for file in ["", "Cargo.toml", "src", ".git/config"] {
        assert_eq!(
            fs::metadata(rendered.join(file)).unwrap().uid(),
            CALLER,
            "{file}"
        );
    }
}

fn refuses_in_one_sentence(namespace: &Namespace) {
    let work = TempDir::new().unwrap();
    let arguments = run_arguments(&work, &[IMAGE, "new", "My_Service"]);
    let output = finish(namespace.command("podman").args(arguments));
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("name \"My_Service\" must be 1 to 50 lower-case letters"),
        "{said}"
    );
    assert_eq!(fs::read_dir(work.path()).unwrap().count(), 0);
}

/// What is not on the command line is asked for, and answered here at a terminal.
fn asks_on_a_terminal(namespace: &Namespace) {
    let work = TempDir::new().unwrap();
    let more = ["--interactive", "--tty", IMAGE, "new", "asked"];
    let arguments = run_arguments(&work, &more).join(" ");
    let dialogue = format!(
        "set timeout 60; spawn podman {arguments}; \
         expect \"Description\"; send \"From a terminal\\r\"; \
         expect \"Repository\"; send \"\\r\"; \
         expect \"authenticated\"; send \"\\r\"; \
         expect \"Your service is in the folder\"; expect eof"
    );
    run(namespace.command("expect").args(["-c", &dialogue]));
    let manifest = fs::read_to_string(work.path().join("asked/Cargo.toml")).unwrap();
    assert!(
        manifest.contains("description = \"From a terminal\""),
        "{manifest}"
    );
}

/// Over HTTP, on a root that is read-only but for `/tmp`.
fn serves_what_the_tool_renders(namespace: &mut Namespace, template: &Template) {
    let mut podman = namespace.command("podman");
    podman.args(["run", "--rm", "--pull", "never", "--network", "host"]);
    podman.args(["--read-only", "--tmpfs", "/tmp", IMAGE, "serve"]);
    namespace.start(&mut podman);
    namespace.wait_for("http://127.0.0.1:8080/readyz");

    let (work, expected) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let answers = Answers::named("served").with("auth_type", "basic");
    let folder = template
        .render(&answers, expected.path(), Manner::SILENT)
        .unwrap();
    let archive = work.path().join("served.tar.gz");
    let url = "http://127.0.0.1:8080/bootstrap/served.tar.gz?auth_type=basic";
    let mut curl = namespace.command("curl");
    run(curl
        .args(["--silent", "--fail", url, "--output"])
        .arg(&archive));
    run(Command::new("tar")
        .arg("-xzf")
        .arg(&archive)
        .current_dir(&work));
    assert!(files(&work.path().join("served")) == files(&folder));
}
