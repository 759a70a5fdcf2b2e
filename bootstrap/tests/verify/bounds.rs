//! A service may be hostile, absent or silent: `verify` ends soon, and its terminal is left alone.

use std::{
    net::TcpListener,
    time::{Duration, Instant},
};

use super::{
    double::{Double, ROUTE, Reply, json_reply, metadata},
    text, verify,
};

#[test]
fn what_cannot_be_reached_is_bad_input() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = closed.local_addr().unwrap();
    drop(closed);
    let silent = Double::start(vec![("*", "*".into(), Reply::Silence)]);
    let no_http = Double::start(vec![(
        "*",
        "*".into(),
        Reply::Raw("220 mail\r\n\r\n".into()),
    )]);
    for (url, sentence) in [
        (
            format!("http://{address}/x"),
            "error: nothing answers in HTTP at http://",
        ),
        (silent.url(ROUTE), "no end within 1 s"),
        (
            no_http.url(ROUTE),
            "error: nothing answers in HTTP at http://",
        ),
        (
            format!("https://{}", silent.address),
            "error: nothing answers in HTTP at https://",
        ),
        ("nowhere".to_owned(), "error: URL \"nowhere\" is none"),
        (
            "http://ada:demo@127.0.0.1/x".to_owned(),
            "must have no user name or password",
        ),
    ] {
        let output = verify(&url, &[]);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{url}: {said}");
        assert!(said.contains(sentence), "{url}: {said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
    for timeout in ["0", "-1", "x", "inf", "601"] {
        let output = verify("http://127.0.0.1:1/x", &["--timeout", timeout]);
        assert_eq!(output.status.code(), Some(2), "{timeout}");
    }
}

/// Some thirty requests would each wait a second.
#[test]
fn a_service_that_only_says_ok_is_not_waited_for_forever() {
    let double = Double::start(vec![
        (
            "GET",
            "/".into(),
            super::double::reply(200, "text/plain", "OK"),
        ),
        ("*", "*".into(), Reply::Silence),
    ]);
    let begun = Instant::now();
    let output = verify(&double.url(ROUTE), &["--direct"]);
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "{:?}",
        begun.elapsed()
    );
    let report = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{report}");
    assert!(
        report.contains("not asked any more, after 5 requests without an answer"),
        "{report}"
    );
}

#[test]
fn what_a_service_says_does_not_reach_the_terminal_raw() {
    let mut hostile = metadata();
    hostile["name"] = "\u{1b}]0;owned\u{7}\u{202e}\nFAIL".into();
    hostile["version"] = "\u{9b}2J".into();
    let double = Double::start(vec![("GET", "*".into(), json_reply(200, &hostile))]);
    for arguments in [&[][..], &["--json"]] {
        let shown = text(&verify(&double.url(ROUTE), arguments).stdout);
        let odd = |character: char| character.is_control() && character != '\n';
        assert!(
            !shown.contains(odd) && !shown.contains('\u{202e}'),
            "{shown:?}"
        );
        assert!(shown.contains("u{1b}]0;owned"), "{shown}");
    }
}
