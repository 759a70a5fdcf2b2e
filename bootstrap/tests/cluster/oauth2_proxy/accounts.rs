//! Accounts that need no provider: those of the proxy's htpasswd file, by its form and by HTTP Basic; and bearer tokens.

use std::fs;

use serde_json::Value;

use crate::{
    commands::run,
    front_end::fails_in_shape,
    oauth2_proxy::stage::{CLIENT_ID, CLIENT_SECRET, PROVIDER, Stage},
};

/// `svc` with the password `a word of the service's`, as `htpasswd -s` writes it.
pub const HTPASSWD: &str = "svc:{SHA}Tl3qgF7Z96eL2aNhQRnFDgc4WRM=\n";

const SVC: &str = "svc:a word of the service's";

/// A proxy with an htpasswd file and these settings, and a service that logs in as `login` says.
fn stage(login: &str, more: &[(&str, &str)]) -> Stage {
    let mut stage = Stage::without_service(&[], &[]);
    let file = stage.path("htpasswd");
    fs::write(&file, HTPASSWD).unwrap();
    let mut settings = vec![("HTPASSWD_FILE", file.to_str().unwrap())];
    settings.extend(more);
    stage.start_proxy(&settings);
    stage.start_service(&[("AUTH_LOGIN", login)]);
    stage
}

#[test]
#[ignore = "needs root and Go: run .ci/cluster"]
fn an_account_of_the_proxys_own_logs_in_by_its_form() {
    for more in [
        &[][..],
        &[("SKIP_PROVIDER_BUTTON", "true")],
        &[("DISPLAY_HTPASSWD_FORM", "false")],
        &[("FORCE_JSON_ERRORS", "true")],
    ] {
        let stage = stage("htpasswd", more);
        for _ in 0..2 {
            stage.answers(SVC);
        }
        for _ in 0..2 {
            // Without a form again, nobody says that it was the password.
            match more {
                [("SKIP_PROVIDER_BUTTON", _)] => {
                    names_the_setting(stage.ask("svc:wrong"), "AUTH_LOGIN=htpasswd");
                }
                _ => is_wrong(stage.ask("svc:wrong")),
            }
        }
        let proxy = stage.said("oauth2-proxy");
        let sent = |outcome| proxy.matches(outcome).count();
        assert_eq!(
            sent("Authenticated via HtpasswdFile"),
            1,
            "{more:?}: {proxy}"
        );
        assert_eq!(
            sent("Invalid authentication via HtpasswdFile"),
            1,
            "{more:?}: {proxy}"
        );
        assert_eq!(stage.passwords_sent(), 0);
    }
}

#[test]
#[ignore = "needs root and Go: run .ci/cluster"]
fn two_hundred_first_requests_make_one_login_by_the_proxys_form() {
    let stage = stage("htpasswd", &[]);
    assert_eq!(stage.statuses_of(200, SVC), [200; 200]);
    let proxy = stage.said("oauth2-proxy");
    assert_eq!(proxy.matches("Authenticated via HtpasswdFile").count(), 1);
}

#[test]
#[ignore = "needs root and Go: run .ci/cluster"]
fn a_proxy_without_an_htpasswd_file_is_told() {
    let stage = Stage::with(&[], &[], &[("AUTH_LOGIN", "htpasswd")]);
    let (status, body) = stage.ask(SVC);
    let said = body["error_content"].as_str().unwrap_or_default();
    assert!(said.contains("no form for passwords"), "{body}");
    fails_in_shape((status, body), 502);
}

#[test]
#[ignore = "needs root and Go: run .ci/cluster"]
fn an_account_of_the_proxys_own_needs_no_session_with_http_basic() {
    for more in [
        &[][..],
        &[("SKIP_PROVIDER_BUTTON", "true")],
        &[("FORCE_JSON_ERRORS", "true")],
    ] {
        let stage = stage("basic", more);
        for _ in 0..2 {
            stage.answers(SVC);
        }
        names_the_setting(stage.ask("svc:wrong"), "AUTH_LOGIN=basic");
        assert_eq!(stage.passwords_sent(), 0);
    }
}

#[test]
#[ignore = "needs root and Go: run .ci/cluster"]
fn a_bearer_token_of_the_provider_is_passed_on() {
    for more in [
        &[][..],
        &[("SKIP_PROVIDER_BUTTON", "true")],
        &[("FORCE_JSON_ERRORS", "true")],
        &[("BEARER_TOKEN_LOGIN_FALLBACK", "false")],
    ] {
        let stage = stage(
            "provider",
            &[&[("SKIP_JWT_BEARER_TOKENS", "true")], more].concat(),
        );
        let token = token(&stage);
        stage.answers_with(&["--header", &format!("Authorization: Bearer {token}")]);
        let sent = stage.passwords_sent();

        // Nobody's, and no token at all.
        let (head, _) = token.rsplit_once('.').unwrap();
        for bad in [format!("{head}.c2lnbmVkLWJ5LW5vYm9keQ"), "word".to_owned()] {
            let header = format!("Authorization: Bearer {bad}");
            refuses_credentials(stage.ask_with(&["--header", &header]));
        }
        assert_eq!(stage.passwords_sent(), sent);
        // Other callers log in as ever.
        stage.answers("ada:a word of ada's");
    }
}

#[test]
#[ignore = "needs root and Go: run .ci/cluster"]
fn a_bearer_token_where_the_proxy_takes_none_is_refused() {
    let stage = stage("provider", &[]);
    let header = format!("Authorization: Bearer {}", token(&stage));
    refuses_credentials(stage.ask_with(&["--header", &header]));
}

/// A token that Dex gives to whoever has a password, without a page.
fn token(stage: &Stage) -> String {
    let fields =
        "grant_type=password&scope=openid+email+groups&username=ada&password=a+word+of+ada%27s";
    let client = format!("{CLIENT_ID}:{CLIENT_SECRET}");
    let mut curl = stage.namespace.command("curl");
    curl.args(["--silent", "--fail", "--user", &client, "--data", fields]);
    let said = run(curl.arg(format!("http://{PROVIDER}/token")));
    let tokens: Value = serde_json::from_str(&said).unwrap();
    tokens["id_token"].as_str().unwrap().to_owned()
}

fn is_wrong((status, body): (u16, Value)) {
    let content = "The user name or the password is wrong.";
    assert_eq!(body["error_content"], content);
    fails_in_shape((status, body), 401);
}

fn refuses_credentials((status, body): (u16, Value)) {
    let content = "The OAuth2 proxy does not take these credentials.";
    assert_eq!(body["error_content"], content, "{body}");
    fails_in_shape((status, body), 401);
}

/// It may be the credentials, or a proxy that knows no accounts of its own.
fn names_the_setting((status, body): (u16, Value), setting: &str) {
    let said = body["error_content"].as_str().unwrap_or_default();
    assert!(
        said.contains("no htpasswd file") && said.contains(setting),
        "{body}"
    );
    fails_in_shape((status, body), 401);
}
