//! The tool itself, as a newcomer meets it.

use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
};

use crate::support::{files, house};
use tempfile::TempDir;

/// The tool with these arguments, where nobody can be asked.
fn bootstrap(arguments: &[&str], folder: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bootstrap"))
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn new_renders_a_repository_and_prints_the_next_steps() {
    let folder = TempDir::new().unwrap();
    let output = bootstrap(&["new", "my-service", "--auth", "basic"], folder.path());
    assert!(output.status.success(), "{}", text(&output.stderr));
    let service = folder.path().join("my-service");
    assert!(service.join("src/service.rs").exists());
    assert!(service.join(".git").is_dir());

    let said = text(&output.stdout);
    let (port, url) = (house("port"), house("template_url"));
    for step in [
        "cargo run --example backend",
        &format!("curl -u you:demo http://127.0.0.1:{port}/my-service/build/time"),
        "src/service.rs",
        &format!("cargo generate --git {url} --silent"),
        "-d auth_type=basic",
    ] {
        assert!(said.contains(step), "{said}");
    }
}

#[test]
fn new_takes_every_answer_from_its_flags_into_any_folder() {
    let folder = TempDir::new().unwrap();
    let into = folder.path().join("elsewhere");
    fs::create_dir(&into).unwrap();
    let arguments = [
        "new",
        "my-service",
        "--description",
        "What's \"it\"?",
        "--repository",
        "https://example.org/r",
        "--auth",
        "none",
        "-d",
        "route=/r",
        "--into",
        into.to_str().unwrap(),
    ];
    let output = bootstrap(&arguments, folder.path());
    assert!(output.status.success(), "{}", text(&output.stderr));
    let manifest = fs::read_to_string(into.join("my-service/Cargo.toml")).unwrap();
    let manifest: toml::Table = manifest.parse().unwrap();
    assert_eq!(
        manifest["package"]["description"].as_str(),
        Some("What's \"it\"?")
    );
    assert_eq!(
        manifest["package"]["repository"].as_str(),
        Some("https://example.org/r")
    );
    let said = text(&output.stdout);
    assert!(
        said.contains(r#"-d description='What'\''s "it"?'"#),
        "{said}"
    );
    assert!(said.contains("-d route='/r'"), "{said}");
}

/// The command that the next steps print makes the same service again: run through a shell, with
/// the tool in the place of `cargo generate`.
#[cfg(unix)]
#[test]
fn the_printed_command_renders_the_same_again() {
    let (first, second) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let arguments = [
        "new",
        "my-service",
        "--description",
        r#"What's "it" \\ $HOME `x`?"#,
        "-d",
        "route=/r",
        "-d",
        "license=Apache-2.0 OR MIT",
    ];
    let said = text(&bootstrap(&arguments, first.path()).stdout);
    let (_, command) = said.split_once("cargo generate --git ").unwrap();
    let (command, _) = command.split_once("\n\n").unwrap();
    let (_, answers) = command.split_once("--name ").unwrap();
    let again = format!("{} new {answers}", env!("CARGO_BIN_EXE_bootstrap"));
    let shell = Command::new("sh")
        .args(["-c", &again])
        .current_dir(second.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(shell.status.success(), "{again}\n{}", text(&shell.stderr));
    assert!(files(first.path()) == files(second.path()));
}

#[test]
fn new_refuses_in_one_sentence_and_the_next_try_succeeds() {
    let folder = TempDir::new().unwrap();
    for (arguments, sentence) in [
        (
            vec!["new", "my_service"],
            "error: name \"my_service\" must be 1 to 50 lower-case letters, digits and dashes, beginning with a letter and not ending with a dash\n",
        ),
        (
            vec!["new", "my-service", "--auth", "oauth"],
            "error: auth_type \"oauth\" is none of the choices: none, basic, bitly-proxy\n",
        ),
        (
            vec!["new", "my-service", "--repository", "nowhere"],
            "error: repository \"nowhere\" must be an http:// or https:// URL with a host, without spaces, quotes or a password\n",
        ),
        (
            vec!["new", "my-service", "--into", "missing"],
            "error: there is no folder missing to render into\n",
        ),
    ] {
        let output = bootstrap(&arguments, folder.path());
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert_eq!(text(&output.stderr), sentence);
        assert_eq!(
            fs::read_dir(folder.path()).unwrap().count(),
            0,
            "{arguments:?}"
        );
    }
    assert!(
        bootstrap(&["new", "my-service"], folder.path())
            .status
            .success()
    );
    let again = bootstrap(&["new", "my-service"], folder.path());
    assert_eq!(again.status.code(), Some(1));
    assert_eq!(
        text(&again.stderr),
        "error: the folder ./my-service exists already\n"
    );
}

#[test]
fn a_wrong_flag_is_refused_with_exit_code_2() {
    let folder = TempDir::new().unwrap();
    for arguments in [
        vec!["new"],
        vec!["new", "a", "-d", "x"],
        vec!["--twice"],
        vec!["old"],
    ] {
        let output = bootstrap(&arguments, folder.path());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
}
