//! The tool itself, as a newcomer meets it.

use std::{
    fs,
    io::{Read, Write},
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
        "\n    cd my-service\n",
        "src/service.rs",
        "cargo test               # yours\n",
        "cargo test --workspace   # and those of apikit",
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
    let step = format!("\n    cd {}/my-service\n", into.display());
    assert!(said.contains(&step), "{said}");
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
            vec!["new", "my--service"],
            "error: name \"my--service\" must have single dashes between its words\n",
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
fn a_folder_with_odd_characters_is_quoted_for_a_shell() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("Ada's own")).unwrap();
    let output = bootstrap(&["new", "my-service", "--into", "Ada's own"], folder.path());
    let said = text(&output.stdout);
    assert!(
        said.contains("\n    cd 'Ada'\\''s own/my-service'\n"),
        "{said}"
    );
}

#[test]
fn new_without_a_name_wants_a_terminal() {
    let folder = TempDir::new().unwrap();
    let output = bootstrap(&["new"], folder.path());
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        text(&output.stderr),
        "error: name is missing, and there is no terminal to ask for it: give it as in `new my-service`\n"
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// Each answer is checked when it is given, and asked again with the rule. `script` gives the tool a terminal.
#[cfg(target_os = "linux")]
#[test]
fn new_asks_for_what_is_missing_until_it_is_right() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("taken")).unwrap();
    let new = format!("'{}' new", env!("CARGO_BIN_EXE_bootstrap"));
    let mut terminal = Command::new("script")
        .args(["--quiet", "--return", "--command", &new, "/dev/null"])
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // To be open until the end: `script` would pass the end of its input on.
    let mut keyboard = terminal.stdin.take().unwrap();
    let mut screen = terminal.stdout.take().unwrap();
    let mut shown = String::new();
    let down = "\u{1b}[B";
    for (question, answer) in [
        ("Name of the service", "my--service\r".to_owned()),
        ("must have single dashes between its words", String::new()),
        ("Name of the service", "taken\r".to_owned()),
        ("the folder taken exists already", String::new()),
        ("Name of the service", "my-service\r".to_owned()),
        ("Description: one line", " \r".to_owned()),
        ("must say something", String::new()),
        ("Description: one line", "Theirs.\r".to_owned()),
        ("Repository URL", "nowhere\r".to_owned()),
        ("must be an http:// or https:// URL", String::new()),
        ("Repository URL", "https://example.org/r\r".to_owned()),
        ("How are callers authenticated", format!("{down}\r")),
    ] {
        wait_for(question, &mut screen, &mut shown);
        keyboard.write_all(answer.as_bytes()).unwrap();
    }
    screen.read_to_string(&mut shown).unwrap();
    assert!(terminal.wait().unwrap().success(), "{shown}");
    let record = fs::read_to_string(folder.path().join("my-service/.uservice.toml")).unwrap();
    for answer in [
        "description = \"Theirs.\"",
        "repository = \"https://example.org/r\"",
        "auth_type = \"basic\"",
    ] {
        assert!(record.contains(answer), "{record}");
    }
}

/// Reads until the screen shows a text, and forgets what came before its end.
#[cfg(target_os = "linux")]
fn wait_for(text: &str, screen: &mut impl Read, shown: &mut String) {
    let mut piece = [0; 1024];
    loop {
        if let Some((_, rest)) = shown.split_once(text) {
            *shown = rest.to_owned();
            return;
        }
        let count = screen.read(&mut piece).unwrap();
        assert!(count > 0, "it ended without {text:?}: {shown}");
        shown.push_str(&String::from_utf8_lossy(&piece[..count]));
    }
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
