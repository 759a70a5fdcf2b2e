//! The program itself, serving on a port of its own.

use std::{
    io::{BufRead, BufReader, Lines},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
};

/// The command `bootstrap serve` with these arguments, and without what is exported here for other programs.
pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bootstrap"));
    command.arg("serve").args(arguments).stdin(Stdio::null());
    for variable in ["DEBUG", "LISTEN", "LOGFILE", "LOGLEVEL", "RUST_LOG"] {
        command.env_remove(variable);
    }
    command.env("LOG_FORMAT", "json");
    command
}

/// A program that serves. It ends when this is dropped.
pub struct Program {
    child: Child,
    log: Lines<BufReader<ChildStdout>>,
    address: String,
}

impl Program {
    /// One whose temporary files are in `scratch`.
    pub fn start(scratch: &Path) -> Self {
        let mut command = command(&["--listen", "127.0.0.1:0"]);
        command.env("TMPDIR", scratch).env("TMP", scratch);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = log.next().expect("it says where it listens").unwrap();
        let (_, rest) = first.split_once("\"listen\":\"").expect(&first);
        let address = rest.split('"').next().unwrap().to_owned();
        Self {
            child,
            log,
            address,
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Tells it to stop, and returns its exit code and the rest of its log.
    pub fn stop(mut self) -> (Option<i32>, Vec<String>) {
        let told = Command::new("kill")
            .arg(self.child.id().to_string())
            .status();
        assert!(told.unwrap().success());
        let said = self.log.by_ref().map(Result::unwrap).collect();
        (self.child.wait().unwrap().code(), said)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
