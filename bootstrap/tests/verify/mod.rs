//! `verify URL`, held against doubles of services that each break one rule.

mod bounds;
mod departures;
mod double;

use std::process::{Command, Output, Stdio};

/// What `verify` says of a URL, without an answer of more than a second.
fn verify(url: &str, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bootstrap"))
        .args(["verify", url, "--timeout", "1"])
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
