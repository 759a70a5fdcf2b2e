//! The program itself, as it runs on an operator's machine.

use std::{
    env,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::PathBuf,
    process::{Child, ChildStdout, Command, Output, Stdio},
};

use crate::probe::NAME;
use serde_json::Value;

/// A path without a route in any service: below `/docs`, which is apikit's.
pub const NOWHERE: &str = "/docs/nowhere";

/// A program that cargo builds with the tests, from `examples/`.
pub fn example(name: &str) -> PathBuf {
    let test = env::current_exe().unwrap();
    let folder = test.ancestors().nth(2).unwrap().join("examples");
    let program = folder.join(format!("{name}{}", env::consts::EXE_SUFFIX));
    assert!(
        program.exists(),
        "{program:?} is missing: `cargo test -p apikit --examples --tests` builds it"
    );
    program
}

/// The probe as a program, with nothing from the outside but what a test gives it.
pub fn program(flags: &[&str], variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(example(NAME));
    command
        .env_clear()
        .args(flags)
        .envs(variables.iter().copied());
    command
}

pub fn run(flags: &[&str], variables: &[(&str, &str)]) -> Output {
    program(flags, variables).output().unwrap()
}

/// A running program, which ends with the test.
pub struct Running {
    pub child: Child,
    pub address: String,
    pub log: Option<BufReader<ChildStdout>>,
}

impl Running {
    /// A program that logs to standard output and listens on a port of its own.
    pub fn start(variables: &[(&str, &str)]) -> Self {
        Self::of(program(&["--listen", "127.0.0.1:0"], variables))
    }

    /// The same, of any command of a service; the lines before it listens are passed over.
    pub fn of(mut command: Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stdout.take().unwrap());
        let address = loop {
            let mut line = String::new();
            log.read_line(&mut line).unwrap();
            let line: Value = serde_json::from_str(&line).expect("a log line is JSON");
            if let Some(address) = line["listen"].as_str() {
                let name = line["message"].as_str().unwrap();
                assert!(name.ends_with(" is listening"), "{name}");
                break address.to_owned();
            }
        };
        Self {
            child,
            address,
            log: Some(log),
        }
    }

    /// The whole answer to `GET path`, with a query that nobody should see.
    pub fn ask(&self, path: &str) -> String {
        ask(&self.address, path)
    }

    /// Stops the program with `signal`; returns its exit code and the rest of its log.
    #[cfg(unix)]
    pub fn end(mut self, signal: &str) -> (Option<i32>, Vec<Value>) {
        let pid = self.child.id().to_string();
        Command::new("kill").args([signal, &pid]).status().unwrap();
        let code = self.child.wait().unwrap().code();
        let mut log = String::new();
        let mut rest = self.log.take().unwrap();
        rest.read_to_string(&mut log).unwrap();
        let lines = log.lines().map(|line| serde_json::from_str(line).unwrap());
        (code, lines.collect())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The whole answer of the program on `address` to `GET path`.
pub fn ask(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "GET {path}?token=hidden-word HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
