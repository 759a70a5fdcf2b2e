//! The program itself: it serves until it is told to stop, and leaves nothing behind.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use apikit::testing;
use tempfile::TempDir;

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bootstrap"));
    command.arg("serve").args(arguments).stdin(Stdio::null());
    for variable in ["DEBUG", "LISTEN", "LOGFILE", "LOGLEVEL", "RUST_LOG"] {
        command.env_remove(variable);
    }
    command.env("LOG_FORMAT", "json");
    command
}

#[test]
fn the_help_and_the_refusals_are_those_of_a_service() {
    let help = program(&["--help"]).output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    assert!(help.contains("Usage: bootstrap serve [OPTIONS]"), "{help}");
    assert!(
        help.contains("--listen <ADDRESS>") && help.contains("--max-renderings"),
        "{help}"
    );
    let wrong = program(&["--max-renderings", "0"]).output().unwrap();
    assert_eq!(wrong.status.code(), Some(2));
    assert_eq!(String::from_utf8(wrong.stderr).unwrap().lines().count(), 1);
}

#[tokio::test]
async fn no_rendering_is_left_on_disk() {
    let scratch = TempDir::new().unwrap();
    let mut command = program(&["--listen", "127.0.0.1:0"]);
    command
        .env("TMPDIR", scratch.path())
        .env("TMP", scratch.path());
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::new(child.stdout.take().unwrap()).lines();
    let first = log.next().unwrap().unwrap();
    let (_, rest) = first.split_once("\"listen\":\"").expect(&first);
    let address = rest.split('"').next().unwrap();
    let url = |path: &str| format!("http://{address}{path}");

    // One caller takes what it asked for, and one has left by then.
    let client = testing::client();
    let left = tokio::spawn(client.get(url("/left.zip")).send());
    let taken = client.get(url("/taken.zip")).send().await.unwrap();
    assert_eq!(taken.status(), 200);
    left.abort();
    let told = Command::new("kill").arg(child.id().to_string()).status();
    assert!(told.unwrap().success());
    let said: Vec<_> = log.map(Result::unwrap).collect();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{said:?}");
    assert!(said.iter().all(|line| line.starts_with('{')), "{said:?}");
    assert!(
        said.iter().any(|line| line.contains("/{archive}")),
        "{said:?}"
    );
    let left = fs::read_dir(scratch.path()).unwrap().count();
    assert_eq!(left, 0);
}
