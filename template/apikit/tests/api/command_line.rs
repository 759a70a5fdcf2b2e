//! The program as an operator meets it: flags, variables, exit codes, signals.

use crate::probe::{LISTEN, METADATA, NAME};
use serde_json::Value;

#[cfg(unix)]
use crate::running::{NOWHERE, program};
use crate::{
    running::{Running, run},
    test_app::settings,
};

#[test]
fn metadata_prints_what_the_route_answers() {
    let output = run(&["metadata"], &[]);
    assert!(output.status.success());
    let printed: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(printed, serde_json::to_value(METADATA).unwrap());
}

#[test]
fn openapi_prints_what_the_route_answers() {
    let output = run(&["openapi"], &[]);
    assert!(output.status.success());
    let service = Running::start(&[]);
    let answer = service.ask("/openapi.json");
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        format!("{body}\n")
    );
}

#[cfg(unix)]
#[test]
fn a_closed_standard_output_is_one_sentence() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = program(&["openapi"], &[]).stdout(writer).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    let sentence = format!("{NAME}: Standard output cannot be written: ");
    assert!(
        text.starts_with(&sentence) && text.lines().count() == 1,
        "{text}"
    );
}

#[test]
fn the_service_listens_where_its_identity_says() {
    assert_eq!(settings(&[]).listen, LISTEN.parse().unwrap());
    let help = String::from_utf8(run(&["--help"], &[]).stdout).unwrap();
    assert!(help.contains(&format!("[default: {LISTEN}]")), "{help}");
}

#[test]
fn a_wrong_setting_is_one_sentence_with_the_value_and_the_rule_and_exit_code_2() {
    for (variable, flag, value, rule) in [
        (
            "LISTEN",
            "--listen",
            "8080",
            "it must be ADDRESS:PORT, such as 0.0.0.0:8080",
        ),
        (
            "BACKEND_URL",
            "--backend-url",
            "ftp://x",
            "it must be http:// or https://",
        ),
        (
            "BACKEND_URL",
            "--backend-url",
            "http://u:p@x",
            "it must be http:// or https://",
        ),
        (
            "BACKEND_TIMEOUT",
            "--backend-timeout",
            "0s",
            "it must be more than zero",
        ),
        (
            "REQUEST_TIMEOUT",
            "--request-timeout",
            "soon",
            "it must be a time such as",
        ),
        (
            "MAX_IN_FLIGHT",
            "--max-in-flight",
            "0",
            "it must be a whole number of at least 1",
        ),
        (
            "DRAIN_DELAY",
            "--drain-delay",
            "-1s",
            "it must be a time such as",
        ),
        (
            "LOGLEVEL",
            "--log-level",
            "loud",
            "it must be error, warn, info, debug or trace",
        ),
        (
            "LOGHOST",
            "--log-host",
            "loghost:syslog",
            "it must be HOST or HOST:PORT",
        ),
    ] {
        let assigned = format!("{flag}={value}");
        for output in [run(&[&assigned], &[]), run(&[], &[(variable, value)])] {
            assert_eq!(output.status.code(), Some(2), "{variable}={value}");
            let text = String::from_utf8(output.stderr).unwrap();
            let sentence = text.lines().next().unwrap();
            assert!(sentence.contains(&format!("'{value}'")), "{sentence}");
            assert!(sentence.contains(rule), "{sentence}");
        }
    }
}

#[test]
fn settings_that_contradict_each_other_are_one_sentence_and_exit_code_2() {
    for (variables, sentence) in [
        (
            [("AUTH_USERNAME", "robot")],
            r#"AUTH_USERNAME is "robot", but neither AUTH_PASSWORD nor AUTH_PASSWORD_FILE is set."#,
        ),
        (
            [("LOGFILE", "/nonexistent/log")],
            r#"The log file "/nonexistent/log" cannot be written: No such file or directory (os error 2)."#,
        ),
        (
            [("RUST_LOG", "a=b=c")],
            r#"RUST_LOG="a=b=c" is no log filter such as info,hyper=debug."#,
        ),
        (
            [("BACKEND_CA_FILE", "/nonexistent/ca.pem")],
            r#"BACKEND_CA_FILE "/nonexistent/ca.pem" cannot be read: No such file or directory (os error 2)."#,
        ),
        (
            [("BACKEND_CA_FILE", "/dev/null")],
            r#"BACKEND_CA_FILE "/dev/null" has no certificate in PEM."#,
        ),
        (
            [("SSL_CERT_FILE", "/nonexistent/ca.pem")],
            r#"SSL_CERT_FILE "/nonexistent/ca.pem" cannot be read: No such file or directory (os error 2)."#,
        ),
        (
            [("SSL_CERT_FILE", "/dev/null")],
            r#"SSL_CERT_FILE "/dev/null" has no certificate in PEM."#,
        ),
        (
            [("BACKEND_PROXY", "proxy.example.org:3128")],
            r#"BACKEND_PROXY is "proxy.example.org:3128", but must be http:// or https:// with a host and perhaps a port, a user name and a password, such as http://proxy.example.org:3128."#,
        ),
    ] {
        let output = run(&["--check-config"], &variables);
        assert_eq!(output.status.code(), Some(2));
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(text, format!("{NAME}: {sentence}\n"));
    }
    assert!(run(&["--check-config"], &[]).status.success());
}

/// Certificates that are none, each with its sentence.
#[test]
fn a_file_without_usable_certificates_is_one_sentence() {
    const BROKEN: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let file = std::env::temp_dir().join(format!("apikit-ca-{}.pem", std::process::id()));
    for (text, fault) in [
        ("", "has no certificate in PEM."),
        ("no PEM at all\n", "has no certificate in PEM."),
        (
            "-----BEGIN CERTIFICATE-----\n%\n-----END CERTIFICATE-----\n",
            "is no PEM: ",
        ),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n", "is no PEM: "),
        (
            BROKEN,
            "has no certificate of an authority that can be used.",
        ),
    ] {
        std::fs::write(&file, text).unwrap();
        for variable in ["BACKEND_CA_FILE", "SSL_CERT_FILE"] {
            let output = run(&["--check-config"], &[(variable, file.to_str().unwrap())]);
            assert_eq!(output.status.code(), Some(2), "{text}");
            let said = String::from_utf8(output.stderr).unwrap();
            let expected = format!("{NAME}: {variable} {file:?} {fault}");
            assert!(said.starts_with(&expected), "{said}");
            assert_eq!(said.lines().count(), 1, "{said}");
        }
    }
    std::fs::remove_file(&file).unwrap();
}

#[test]
fn help_names_every_setting_and_shows_no_secret() {
    let output = run(&["--help"], &[("AUTH_PASSWORD", "hidden-word")]);
    let help = String::from_utf8(output.stdout).unwrap();
    for flag in [
        "--listen",
        "--backend-url",
        "--backend-timeout",
        "--request-timeout",
        "--max-in-flight",
        "--drain-delay",
        "--shutdown-grace",
        "--auth-username",
        "--auth-password",
        "--auth-password-file",
        "--log-level",
        "--log-format",
        "--log-file",
        "--log-to-syslog",
        "--log-host",
        "--ready-check-backend",
        "--check-config",
    ] {
        assert!(help.contains(flag), "{flag}");
    }
    assert!(!help.contains("hidden-word"));
}

#[test]
fn healthcheck_tells_a_living_service_from_none() {
    let service = Running::start(&[]);
    let address = service.address.clone();
    assert!(
        run(&["--listen", &address, "healthcheck"], &[])
            .status
            .success()
    );
    drop(service);
    let output = run(&["--listen", &address, "healthcheck"], &[]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(
        text.starts_with(&format!(
            "{NAME}: The service does not answer at {address}: "
        )),
        "{text}"
    );
}

#[test]
fn a_port_that_is_taken_is_one_sentence_and_exit_code_1() {
    let service = Running::start(&[]);
    let output = run(&["--listen", &service.address], &[("LOGLEVEL", "error")]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    let sentence = format!("{NAME}: The service cannot listen on {}: ", service.address);
    assert!(text.starts_with(&sentence), "{text}");
}

#[cfg(unix)]
#[test]
fn both_signals_drain_and_exit_with_0() {
    for signal in ["-TERM", "-INT"] {
        let service = Running::start(&[]);
        assert!(service.ask("/").starts_with("HTTP/1.1 200"));
        let (code, log) = service.end(signal);
        assert_eq!(code, Some(0), "{signal}");
        assert_eq!(
            log.last().unwrap()["message"],
            format!("{NAME} has stopped")
        );
    }
}

#[cfg(unix)]
#[test]
fn each_request_is_one_line_without_its_query_and_health_checks_are_none() {
    let service = Running::start(&[]);
    for path in ["/", "/healthz", "/readyz", "/metadata", NOWHERE] {
        service.ask(path);
    }
    let (_, log) = service.end("-TERM");
    let access = log.iter().filter(|line| line["target"] == "access");
    let told: Vec<_> = access
        .map(|line| (line["path"].as_str(), line["status"].as_u64()))
        .collect();
    assert_eq!(
        told,
        [(Some("/metadata"), Some(200)), (Some(NOWHERE), Some(404))]
    );
    assert!(!format!("{log:?}").contains("hidden-word"));
}

#[test]
fn readiness_depends_on_the_back_end_where_an_operator_wants_it() {
    let away = ("BACKEND_URL", "http://127.0.0.1:9");
    for (wanted, status) in [("yes", "503"), ("no", "200")] {
        let service = Running::start(&[away, ("READY_CHECK_BACKEND", wanted)]);
        let head = |path| service.ask(path)[.."HTTP/1.1 200".len()].to_owned();
        assert_eq!(head("/readyz"), format!("HTTP/1.1 {status}"));
        assert_eq!(head("/healthz"), "HTTP/1.1 200");
    }
}

#[test]
fn a_variable_that_is_set_to_nothing_counts_as_unset() {
    let empty = [
        "LISTEN",
        "BACKEND_URL",
        "LOGFILE",
        "LOG_FORMAT",
        "LOG_TO_SYSLOG",
        "LOGHOST",
        "READY_CHECK_BACKEND",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "AUTH_USERNAME",
        "AUTH_PASSWORD",
    ];
    let output = run(&["--check-config"], &empty.map(|name| (name, "")));
    assert!(output.status.success(), "{output:?}");
    assert!(
        run(&["--check-config"], &[("LOG_FORMAT", "JSON")])
            .status
            .success()
    );
}
