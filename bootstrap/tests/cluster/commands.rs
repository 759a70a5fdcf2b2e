//! Commands that must succeed.

use std::{
    io::Write,
    process::{Command, Output, Stdio},
};

/// Runs a command to its end, and returns what it printed.
///
/// # Panics
/// When it cannot be run, or fails; with all that it said.
pub fn run(command: &mut Command) -> String {
    let output = finish(command);
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{command:?} fails with {}:\n{printed}{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    printed
}

/// Runs a command to its end, however that is.
pub fn finish(command: &mut Command) -> Output {
    let program = command.get_program().to_owned();
    command
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{program:?} cannot be run ({error}): see .ci/cluster"))
}

/// Runs a command to its end, with `input` on its standard input.
pub fn run_with(input: &str, command: &mut Command) -> String {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?} cannot be run ({error}): see .ci/cluster"));
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{command:?} fails:\n{printed}");
    printed
}
