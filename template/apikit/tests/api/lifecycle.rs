//! The start and the end of a service are its author's: what `examples/start.rs` does wrong is told as it is.

use std::{
    io::{Read, Write},
    net::TcpStream,
    process::{Command, Output},
};

use serde_json::Value;

use crate::running::{Running, example};

fn service(fault: &str) -> Command {
    let mut command = Command::new(example("start"));
    command
        .env_clear()
        .env("WHOM", "Ada")
        .env("LISTEN", "127.0.0.1:0")
        .args(["--fault", fault]);
    command
}

/// The exit code, and the one sentence on standard error.
fn told(output: &Output) -> (Option<i32>, String) {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    (output.status.code(), text.trim_end().to_owned())
}

/// The log lines of a command that ended.
fn lines(output: &Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn post(service: &Running, path: &str) -> String {
    let mut stream = TcpStream::connect(&service.address).unwrap();
    let head = "HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    write!(stream, "POST {path} {head}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn has(lines: &[Value], level: &str, message: &str, name: (&str, &str)) -> bool {
    lines
        .iter()
        .any(|line| line["level"] == level && line["message"] == message && line[name.0] == name.1)
}

#[test]
fn a_start_that_fails_is_one_sentence_before_the_port_opens() {
    for (fault, code, sentence) in [
        ("configuration", 2, "start: WHOM is \"x\", which is nobody."),
        (
            "failed",
            1,
            "start: The service cannot start: the list is away.",
        ),
        (
            "same-task",
            2,
            "start: Two tasks are named \"refresh\": each needs a name of its own.",
        ),
    ] {
        let output = service(fault).output().unwrap();
        assert_eq!(told(&output), (Some(code), sentence.to_owned()));
        let listens = |line: &Value| line["listen"].is_string();
        assert!(!lines(&output).iter().any(listens), "{fault}");
    }
}

#[test]
fn a_route_that_apikit_has_is_one_sentence_and_exit_code_2() {
    let output = service("none").env("TAKEN_ROUTE", "1").output().unwrap();
    let (code, sentence) = told(&output);
    assert_eq!(code, Some(2));
    assert!(
        sentence.starts_with("start: The routes of the service cannot be served: ")
            && sentence.contains("/metadata` already exists"),
        "{sentence}"
    );
}

#[test]
fn a_setting_that_is_missing_is_named_by_flag_and_variable() {
    let output = service("none").env_remove("WHOM").output().unwrap();
    let sentence = "start: --whom or WHOM must be set: see --help.".to_owned();
    assert_eq!(told(&output), (Some(2), sentence));
    // An empty variable, as manifests have it, is none.
    let output = service("none").env("WHOM", "").output().unwrap();
    assert_eq!(told(&output).0, Some(2));
}

#[test]
fn neither_the_metadata_nor_the_document_nor_help_start_the_service_or_want_its_settings() {
    for command in ["metadata", "openapi", "--help", "--version"] {
        let mut program = Command::new(example("start"));
        let output = program.env_clear().arg(command).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{command}: {text}");
        assert!(!text.contains("the start runs"), "{command}: {text}");
    }
}

#[test]
fn a_checked_configuration_has_started_and_opens_no_port() {
    let output = service("none").arg("--check-config").output().unwrap();
    assert!(output.status.success());
    let lines = lines(&output);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(lines[0]["message"], "the start runs");
    let output = service("configuration")
        .arg("--check-config")
        .output()
        .unwrap();
    assert_eq!(told(&output).0, Some(2));
}

#[test]
fn a_panic_of_the_start_stays_a_panic() {
    let output = service("panic").output().unwrap();
    assert_eq!(output.status.code(), Some(101));
    let lines = lines(&output);
    let panicked = &lines.last().unwrap()["panic"];
    assert!(
        panicked
            .as_str()
            .unwrap()
            .contains("a fault of the author's"),
        "{lines:?}"
    );
}

#[cfg(unix)]
mod with_signals {
    use super::*;
    use crate::running::ask;

    #[test]
    fn a_task_is_started_told_to_stop_and_awaited() {
        let service = Running::of(service("none"));
        let (code, lines) = service.end("-TERM");
        assert_eq!(code, Some(0));
        let task = ("task", "refresh");
        assert!(has(&lines, "INFO", "a task has started", task), "{lines:?}");
        assert!(has(&lines, "INFO", "a task has stopped", task), "{lines:?}");
        let tidied = |line: &Value| line["message"] == "the task tidies up";
        assert!(lines.iter().any(tidied), "{lines:?}");
    }

    #[test]
    fn a_task_that_ends_or_panics_is_an_error_line_and_the_service_goes_on() {
        for (fault, message) in [
            ("task-ends", "a task ended before its time"),
            ("task-panics", "a task panicked"),
        ] {
            let service = Running::of(service(fault));
            assert!(ask(&service.address, "/").starts_with("HTTP/1.1 200"));
            let (code, lines) = service.end("-TERM");
            assert_eq!(code, Some(0), "{fault}");
            assert!(
                has(&lines, "ERROR", message, ("task", "refresh")),
                "{lines:?}"
            );
        }
    }

    #[test]
    fn the_end_of_a_task_that_the_service_needs_is_the_end_of_the_process() {
        for fault in ["needed-task-ends", "needed-task-panics"] {
            let output = service(fault).output().unwrap();
            let sentence = "start: A task has ended that the service needs.".to_owned();
            assert_eq!(told(&output), (Some(1), sentence), "{fault}");
        }
    }

    #[test]
    fn a_task_that_does_not_stop_is_named_at_the_end_of_the_grace() {
        let mut command = service("task-stays");
        command.args(["--shutdown-grace", "50ms"]);
        let (code, lines) = Running::of(command).end("-TERM");
        assert_eq!(code, Some(1));
        let named = "Tasks were still under way at the end of the grace: refresh.";
        let last = lines.last().unwrap();
        assert_eq!(
            (&last["level"], &last["message"]),
            (&"ERROR".into(), &named.into())
        );
    }

    #[test]
    fn a_job_outlives_its_request_and_is_done_before_the_process_ends() {
        let service = Running::of(service("none"));
        assert!(post(&service, "/jobs").starts_with("HTTP/1.1 202"));
        assert!(ask(&service.address, "/draining").ends_with("false"));
        let (code, lines) = service.end("-TERM");
        assert_eq!(code, Some(0));
        let written = lines
            .iter()
            .find(|line| line["message"] == "the report is written");
        // Its lines are the request's.
        assert!(written.unwrap()["request_id"].is_string(), "{lines:?}");
    }

    #[test]
    fn a_job_that_panics_is_an_error_line() {
        let service = Running::of(service("none"));
        assert!(post(&service, "/panics").starts_with("HTTP/1.1 202"));
        let (code, lines) = service.end("-TERM");
        assert_eq!(code, Some(0));
        assert!(
            has(&lines, "ERROR", "a job panicked", ("job", "report")),
            "{lines:?}"
        );
    }
}
