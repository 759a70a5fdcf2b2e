//! Sessions of the proxy: they expire, are renewed, come in parts, and are revoked.

use std::{thread, time::Duration};

use serde_json::{Value, json};

use crate::{front_end::fails_in_shape, oauth2_proxy::stage::Stage};

const ADA: &str = "ada:a word of ada's";

/// A proxy's session is renewed, with the provider, when it is older than this.
const REFRESH: (&str, &str) = ("COOKIE_REFRESH", "1s");

const OTHER_SECRET: (&str, &str) = ("COOKIE_SECRET", "another thirty-two bytes, unused");

#[test]
#[ignore = "needs root and Go: run .ci/cluster"]
fn an_expired_session_is_opened_again() {
    let stage = Stage::new(&[("COOKIE_EXPIRE", "2s")]);
    stage.namespace.wait_until("there is a third login", || {
        stage.answers(ADA);
        stage.passwords_sent() == 3
    });
}

#[test]
#[ignore = "needs root and Go: run .ci/cluster"]
fn a_session_that_the_proxy_renews_goes_on() {
    let stage = Stage::new(&[REFRESH]);
    // Each renewal ends the token of the one before, so that only the newest cookie has a next one.
    stage.namespace.wait_until("there are three renewals", || {
        stage.answers(ADA);
        renewals(&stage) == 3
    });
    assert_eq!(stage.passwords_sent(), 1, "{}", stage.said("oauth2-proxy"));
}

#[test]
#[ignore = "needs root and Go: run .ci/cluster"]
fn a_session_ends_with_the_account_at_the_provider() {
    // The proxy keeps a session that it cannot renew for as long as its token is valid.
    let stage = Stage::with(&[REFRESH], &["--tokens", "3s"], &[]);
    stage.answers(ADA);
    stage.people(json!({}));
    stage.namespace.wait_until("the session has ended", || {
        let answer = stage.ask(ADA);
        if answer.0 == 200 {
            return false;
        }
        fails_in_shape(answer, 401);
        true
    });
    assert!(stage.said("dex").contains("granted=false"));
    assert_eq!(stage.passwords_sent(), 2);
}

#[test]
#[ignore = "needs root and Go: run .ci/cluster"]
fn requests_that_come_while_a_session_is_renewed_are_all_answered() {
    let stage = Stage::new(&[REFRESH]);
    stage.answers(ADA);
    for _ in 0..3 {
        // The proxy counts in whole seconds.
        thread::sleep(Duration::from_millis(2100));
        let statuses = stage.statuses_of(100, ADA);
        assert_eq!(statuses, [200; 100], "{}", stage.said("service"));
    }
    // The provider refuses a token that has been used, but the proxy keeps the session of whoever came second.
    assert!(renewals(&stage) >= 3, "{}", stage.said("dex"));
    assert_eq!(stage.passwords_sent(), 1);
}

#[test]
#[ignore = "needs root and Go: run .ci/cluster"]
fn a_session_in_parts_goes_on() {
    let stage = Stage::new(&[]);
    stage.people(ada_in(300));
    for _ in 0..3 {
        stage.answers(ADA);
    }
    assert_eq!(stage.passwords_sent(), 1);
    assert!(is_in_parts(&stage));
    assert_eq!(stage.statuses_of(50, ADA), [200; 50]);
    assert_eq!(stage.passwords_sent(), 1);
}

#[test]
#[ignore = "needs root and Go: run .ci/cluster"]
fn a_session_grows_into_parts_and_back() {
    let stage = Stage::new(&[REFRESH]);
    for groups in [1, 300, 1, 700, 300, 1] {
        stage.people(ada_in(groups));
        let before = renewals(&stage);
        stage.namespace.wait_until("it is renewed twice", || {
            stage.answers(ADA);
            renewals(&stage) == before + 2
        });
        assert_eq!(
            stage.passwords_sent(),
            1,
            "{groups}: {}",
            stage.said("oauth2-proxy")
        );
    }
    assert!(is_in_parts(&stage));
}

#[test]
#[ignore = "needs root and Go: run .ci/cluster"]
fn revoked_sessions_are_opened_again_once_for_all_who_lost_them() {
    let mut stage = Stage::new(&[]);
    stage.answers(ADA);
    // Whoever changes the secret ends all sessions.
    stage.start_proxy(&[OTHER_SECRET]);
    let statuses = stage.statuses_of(200, ADA);
    assert_eq!(statuses, [200; 200], "{}", stage.said("service"));
    assert_eq!(stage.passwords_sent(), 2);
}

#[test]
#[ignore = "needs root and Go: run .ci/cluster"]
fn revoked_sessions_in_parts_are_opened_again() {
    let mut stage = Stage::new(&[]);
    stage.people(ada_in(300));
    stage.answers(ADA);
    stage.start_proxy(&[OTHER_SECRET]);
    stage.answers(ADA);
    stage.answers(ADA);
    assert_eq!(stage.passwords_sent(), 2);
}

#[test]
#[ignore = "needs root and Go: run .ci/cluster"]
fn a_caller_outside_the_group_is_refused_with_a_reason() {
    let stage = Stage::new(&[("ALLOWED_GROUPS", "observers")]);
    stage.people(json!({
        "ada": {"password": "a word of ada's", "groups": ["observers"]},
        "eve": {"password": "a word of eve's", "groups": ["others"]},
    }));
    stage.answers(ADA);
    for _ in 0..2 {
        is_denied(stage.ask("eve:a word of eve's"));
    }
    assert_eq!(stage.passwords_sent(), 2);
}

#[test]
#[ignore = "needs root and Go: run .ci/cluster"]
fn a_caller_who_leaves_the_group_is_refused_with_a_reason() {
    let stage = Stage::new(&[REFRESH, ("ALLOWED_GROUPS", "observers")]);
    stage.answers(ADA);
    stage.people(json!({"ada": {"password": "a word of ada's", "groups": ["others"]}}));
    stage.namespace.wait_until("she is refused", || {
        let answer = stage.ask(ADA);
        if answer.0 == 200 {
            return false;
        }
        is_denied(answer);
        true
    });
}

fn is_denied((status, body): (u16, Value)) {
    let said = body["error_content"].as_str().unwrap_or_default();
    assert!(
        said.contains("is not allowed to use the back-end"),
        "{body}"
    );
    assert!(said.contains("You do not have permission"), "{body}");
    fails_in_shape((status, body), 403);
}

fn renewals(stage: &Stage) -> usize {
    stage.said("dex").matches("granted=true").count()
}

/// Ada, in so many groups that her session fits into one cookie, or does not.
fn ada_in(groups: usize) -> Value {
    let groups: Vec<_> = (0..groups)
        .map(|number| format!("group-{:x}", number * 7919))
        .collect();
    json!({"ada": {"password": "a word of ada's", "groups": groups}})
}

fn is_in_parts(stage: &Stage) -> bool {
    let said = stage.said("oauth2-proxy");
    said.contains("Multiple cookies are required for this session")
}
