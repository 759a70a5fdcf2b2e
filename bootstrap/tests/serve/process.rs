//! The program serves until it is told to stop, and leaves nothing behind.

use std::fs;

use apikit::testing;
use tempfile::TempDir;

use crate::program::{Program, command};

#[test]
fn the_help_and_the_refusals_are_those_of_a_service() {
    let help = command(&["--help"]).output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    assert!(help.contains("Usage: bootstrap serve [OPTIONS]"), "{help}");
    assert!(
        help.contains("--listen <ADDRESS>") && help.contains("--max-renderings"),
        "{help}"
    );
    let wrong = command(&["--max-renderings", "0"]).output().unwrap();
    assert_eq!(wrong.status.code(), Some(2));
    assert_eq!(String::from_utf8(wrong.stderr).unwrap().lines().count(), 1);
}

#[tokio::test]
async fn no_rendering_is_left_on_disk() {
    let scratch = TempDir::new().unwrap();
    let program = Program::start(scratch.path());
    // One caller takes what it asked for, and one has left by then.
    let client = testing::client();
    let left = tokio::spawn(client.get(program.url("/left.zip")).send());
    let taken = client.get(program.url("/taken.zip")).send().await.unwrap();
    assert_eq!(taken.status(), 200);
    left.abort();
    let (code, said) = program.stop();
    assert_eq!(code, Some(0), "{said:?}");
    let taken = |line: &&String| line.contains("/taken.zip");
    assert_eq!(said.iter().filter(taken).count(), 1, "{said:?}");
    assert!(
        said.iter().all(|line| !line.contains("cargo_generate")),
        "{said:?}"
    );
    assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0);
}
