//! A login by the provider's form: once for each caller, and told as what it is when it fails.

use serde_json::json;

use crate::{
    front_end::fails_in_shape,
    oauth2_proxy::stage::{PROVIDER, Stage},
};

const ADA: &str = "ada:a word of ada's";

#[test]
#[ignore = "needs root and Go: run .ci/cluster"]
fn a_caller_logs_in_once_by_the_providers_form() {
    let stage = Stage::new(&[]);
    for _ in 0..3 {
        stage.answers(ADA);
    }
    assert_eq!(stage.passwords_sent(), 1);
    // The proxy knows whose requests those were.
    assert_eq!(
        stage.requests_of("ada"),
        3,
        "{}",
        stage.said("oauth2-proxy")
    );
}

#[test]
#[ignore = "needs root and Go: run .ci/cluster"]
fn two_hundred_first_requests_of_a_caller_make_one_login() {
    let stage = Stage::new(&[]);
    let statuses = stage.statuses_of(200, ADA);
    assert_eq!(statuses, [200; 200], "{}", stage.said("service"));
    assert_eq!(stage.passwords_sent(), 1);
}

#[test]
#[ignore = "needs root and Go: run .ci/cluster"]
fn callers_do_not_share_a_session() {
    let stage = Stage::new(&[]);
    stage.people(json!({
        "ada": {"password": "a word of ada's"},
        "bob": {"password": "a word of bob's"},
    }));
    stage.answers(ADA);
    stage.answers("bob:a word of bob's");
    fails_in_shape(stage.ask("bob:a word of ada's"), 401);
    assert_eq!(stage.passwords_sent(), 3);
    assert_eq!((stage.requests_of("ada"), stage.requests_of("bob")), (1, 1));
}

#[test]
#[ignore = "needs root and Go: run .ci/cluster"]
fn a_wrong_password_is_told_and_sent_once() {
    let stage = Stage::new(&[]);
    for _ in 0..2 {
        let (status, body) = stage.ask("ada:wrong");
        let content = "The user name or the password is wrong.";
        assert_eq!(body["error_content"], content, "{}", stage.said("service"));
        fails_in_shape((status, body), 401);
    }
    assert_eq!(stage.passwords_sent(), 1);
}

#[test]
#[ignore = "needs root and Go: run .ci/cluster"]
fn a_page_that_asks_for_consent_is_told() {
    // Dex shows it when it is told to, and when the proxy asks for it, which is the proxy's own default.
    for (proxy, dex) in [
        (&[][..], &["--approval"][..]),
        (&[("APPROVAL_PROMPT", "force")], &[]),
    ] {
        let stage = Stage::with(proxy, dex, &[]);
        let (status, body) = stage.ask(ADA);
        let said = body["error_content"].as_str().unwrap_or_default();
        assert!(said.contains("whether you allow the application"), "{body}");
        assert!(said.contains("approval_prompt"), "{body}");
        fails_in_shape((status, body), 403);
    }
}

#[test]
#[ignore = "needs root and Go: run .ci/cluster"]
fn a_login_follows_whatever_settings_its_proxy_has() {
    for (proxy, service) in [
        (&[("SKIP_PROVIDER_BUTTON", "true")][..], &[][..]),
        (&[("FORCE_JSON_ERRORS", "true")], &[]),
        (&[("COOKIE_CSRF_PER_REQUEST", "true")], &[]),
        (
            &[("CODE_CHALLENGE_METHOD", "S256"), ("ENCODE_STATE", "true")],
            &[],
        ),
        (&[("COOKIE_SAMESITE", "strict"), ("COOKIE_PATH", "/")], &[]),
        (&[("SESSION_COOKIE_MINIMAL", "true")], &[]),
        (
            &[("COOKIE_NAME", "_session")],
            &[("AUTH_COOKIE_NAME", "_session")],
        ),
        (
            &[
                ("PROXY_PREFIX", "/sign"),
                ("REDIRECT_URL", "http://127.0.0.1:4180/sign/callback"),
            ],
            &[("AUTH_ENDPOINT", "http://127.0.0.1:4180/sign/start")],
        ),
    ] {
        println!("{proxy:?}");
        let callbacks = "http://127.0.0.1:4180/oauth2/callback,http://127.0.0.1:4180/sign/callback";
        let mut stage = Stage::with(proxy, &["--callbacks", callbacks], service);
        stage.answers(ADA);
        stage.answers(ADA);
        assert_eq!(stage.passwords_sent(), 1);

        // The session is lost, however this proxy says so.
        let other = ("COOKIE_SECRET", "another thirty-two bytes, unused");
        let changed: Vec<_> = proxy.iter().copied().chain([other]).collect();
        stage.start_proxy(&changed);
        stage.answers(ADA);
        stage.answers(ADA);
        assert_eq!(stage.passwords_sent(), 2, "{}", stage.said("service"));
    }
}

#[test]
#[ignore = "needs root and Go: run .ci/cluster"]
fn a_cookie_of_another_name_is_told() {
    let stage = Stage::new(&[("COOKIE_NAME", "_other")]);
    let (status, body) = stage.ask(ADA);
    let said = body["error_content"].as_str().unwrap_or_default();
    assert!(said.contains("AUTH_COOKIE_NAME"), "{body}");
    fails_in_shape((status, body), 502);
}

#[test]
#[ignore = "needs root and Go: run .ci/cluster"]
fn a_provider_that_was_not_named_gets_no_password() {
    let stage = Stage::with(&[], &[], &[("AUTH_LOGIN_HOSTS", "github.com")]);
    let (status, body) = stage.ask(ADA);
    let said = body["error_content"].as_str().unwrap_or_default();
    assert!(
        said.contains(PROVIDER) && said.contains("AUTH_LOGIN_HOSTS"),
        "{body}"
    );
    fails_in_shape((status, body), 502);
    assert_eq!(stage.passwords_sent(), 0);
}

#[test]
#[ignore = "needs root and Go: run .ci/cluster"]
fn a_provider_that_is_away_is_told() {
    let mut stage = Stage::new(&[]);
    stage.stop_provider();
    let (status, body) = stage.ask(ADA);
    let content = "The login provider cannot be reached.";
    assert_eq!(body["error_content"], content);
    fails_in_shape((status, body), 502);
}

#[test]
#[ignore = "needs root and Go: run .ci/cluster"]
fn a_back_end_that_is_away_is_told_and_costs_no_login() {
    let stage = Stage::new(&[("UPSTREAMS", "http://127.0.0.1:9/")]);
    for _ in 0..2 {
        fails_in_shape(stage.ask(ADA), 502);
    }
    assert_eq!(stage.passwords_sent(), 1);
}
