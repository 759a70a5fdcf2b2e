//! The caller is authenticated to the back-end, and to nobody else.

use crate::probe::{AUTH, NAME};
use apikit::{Auth, Backend, Caller, Result, backend::BackendSettings};
use axum::{Router, extract::State, routing::get};
use base64::{Engine, prelude::BASE64_STANDARD};
use clap::Parser;
use serde_json::json;
use tower::ServiceExt;
use wiremock::{Mock, MockServer, Request, ResponseTemplate, matchers};

use crate::test_app::{ADA, TestApp};

fn basic(user: &str, password: &str) -> String {
    format!(
        "Basic {}",
        BASE64_STANDARD.encode(format!("{user}:{password}"))
    )
}

/// The `Authorization` headers that reached the back-end, in order.
async fn arrived(backend: &MockServer) -> Vec<Option<String>> {
    let header = |request: &Request| {
        let value = request.headers.get("authorization")?;
        Some(value.to_str().unwrap().to_owned())
    };
    let requests = backend.received_requests().await.unwrap();
    requests.iter().map(header).collect()
}

#[derive(Parser)]
struct Settings {
    #[command(flatten)]
    backend: BackendSettings,
}

fn asked(uri: &str, auth: Auth, flags: &[&str]) -> Result<Backend, String> {
    let arguments = ["test", "--backend-url", uri].into_iter();
    let settings = Settings::parse_from(arguments.chain(flags.iter().copied()));
    Backend::new(
        &settings.backend,
        auth,
        "the-realm",
        settings.backend.backend_timeout,
    )
}

/// One request through a handler that asks `backend`, and its status and challenge.
async fn through(backend: Backend, authorization: Option<&str>) -> (u16, Option<String>) {
    async fn handler(State(backend): State<Backend>, caller: Caller) -> Result<String> {
        backend.get("/").send_as(&caller).await?.text().await
    }
    let app = Router::new().route("/", get(handler)).with_state(backend);
    let request = axum::http::Request::get("/");
    let request = match authorization {
        Some(value) => request.header("authorization", value),
        None => request,
    };
    let answer = app
        .oneshot(request.body(axum::body::Body::empty()).unwrap())
        .await
        .unwrap();
    let challenge = answer.headers().get("www-authenticate");
    let challenge = challenge.map(|value| value.to_str().unwrap().to_owned());
    (answer.status().as_u16(), challenge)
}

async fn welcoming() -> MockServer {
    let backend = MockServer::start().await;
    Mock::given(matchers::any())
        .respond_with(ResponseTemplate::new(200))
        .mount(&backend)
        .await;
    backend
}

#[tokio::test]
async fn this_service_treats_its_callers_as_its_auth_type_says() {
    let app = TestApp::start().await;
    app.backend_answers("GET", "/api", ResponseTemplate::new(200))
        .await;
    assert_eq!(app.get("/probe").await.status, 200);
    let anonymous = app.get_anonymously("/probe").await;

    let (user, password) = ADA;
    match AUTH {
        Auth::None => {
            assert_eq!(anonymous.status, 200);
            assert_eq!(arrived(&app.backend).await, [None, None]);
        }
        Auth::Basic => {
            assert_eq!(anonymous.status, 401);
            assert_eq!(
                anonymous.json(),
                json!({
                    "reason": "Unauthorized",
                    "status_code": 401,
                    "error_content": "No authorization provided.",
                })
            );
            assert_eq!(
                anonymous.header("www-authenticate"),
                Some(format!(r#"Basic realm="{NAME}", charset="UTF-8""#).as_str())
            );
            assert_eq!(arrived(&app.backend).await, [Some(basic(user, password))]);
        }
        #[cfg(feature = "bitly-proxy")]
        Auth::BitlyProxy => {
            assert_eq!(anonymous.status, 401);
            assert_eq!(arrived(&app.backend).await, [None]);
        }
    }
}

#[tokio::test]
async fn none_reads_and_sends_no_credentials() {
    let backend = welcoming().await;
    for sent in [None, Some("Basic !!!"), Some("Bearer token")] {
        let (status, _) = through(asked(&backend.uri(), Auth::None, &[]).unwrap(), sent).await;
        assert_eq!(status, 200, "{sent:?}");
    }
    assert_eq!(arrived(&backend).await, [None, None, None]);
}

#[tokio::test]
async fn basic_sends_each_caller_as_themselves() {
    let backend = welcoming().await;
    let service = asked(&backend.uri(), Auth::Basic, &[]).unwrap();
    let callers = [
        basic("ada", "one"),
        basic("bob", "two:with:colons"),
        basic("zoë", "pä€ß"),
    ];
    for caller in &callers {
        assert_eq!(through(service.clone(), Some(caller)).await, (200, None));
    }
    assert_eq!(arrived(&backend).await, callers.map(Some));
}

#[tokio::test]
async fn basic_in_an_odd_spelling_arrives_in_the_usual_one() {
    let backend = welcoming().await;
    let service = asked(&backend.uri(), Auth::Basic, &[]).unwrap();
    let usual = basic("ada", "one");
    let (_, encoded) = usual.split_once(' ').unwrap();
    for odd in [
        format!("bASIC {encoded}"),
        format!("Basic   {encoded}"),
        format!("Basic {encoded} "),
        format!("Basic \t{encoded}"),
    ] {
        assert_eq!(through(service.clone(), Some(&odd)).await.0, 200, "{odd:?}");
    }
    assert_eq!(
        arrived(&backend).await,
        [(); 4].map(|()| Some(usual.clone()))
    );
}

#[tokio::test]
async fn basic_refuses_what_is_no_basic_with_a_challenge() {
    let backend = welcoming().await;
    let service = asked(&backend.uri(), Auth::Basic, &[]).unwrap();
    let no_colon = format!("Basic {}", BASE64_STANDARD.encode("ada"));
    let no_utf8 = format!("Basic {}", BASE64_STANDARD.encode(b"ada:\xff"));
    for sent in [
        None,
        Some("Bearer x"),
        Some("Basic !!!"),
        Some(&no_colon),
        Some(&no_utf8),
    ] {
        let (status, challenge) = through(service.clone(), sent).await;
        assert_eq!(status, 401, "{sent:?}");
        assert_eq!(
            challenge.as_deref(),
            Some(r#"Basic realm="the-realm", charset="UTF-8""#)
        );
    }
    assert_eq!(arrived(&backend).await, []);
}

#[tokio::test]
async fn a_back_end_that_refuses_the_password_makes_the_client_ask_again() {
    let backend = MockServer::start().await;
    Mock::given(matchers::any())
        .respond_with(ResponseTemplate::new(401))
        .mount(&backend)
        .await;
    let service = asked(&backend.uri(), Auth::Basic, &[]).unwrap();
    let (status, challenge) = through(service, Some(&basic("ada", "wrong"))).await;
    assert_eq!(status, 401);
    assert!(challenge.unwrap().contains("the-realm"));
}

#[tokio::test]
async fn credentials_do_not_follow_a_redirect_to_another_origin() {
    let (backend, elsewhere) = (MockServer::start().await, welcoming().await);
    let redirect = ResponseTemplate::new(302).insert_header("location", elsewhere.uri());
    Mock::given(matchers::any())
        .respond_with(redirect)
        .mount(&backend)
        .await;
    let service = asked(&backend.uri(), Auth::Basic, &[]).unwrap();
    let (status, _) = through(service, Some(&basic("ada", "one"))).await;
    assert_eq!(status, 502);
    assert!(elsewhere.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn the_own_account_serves_callers_who_send_none_and_no_others() {
    let backend = welcoming().await;
    let flags = ["--auth-username", "robot", "--auth-password", "example"];
    let service = asked(&backend.uri(), Auth::Basic, &flags).unwrap();
    through(service.clone(), None).await;
    through(service, Some(&basic("ada", "one"))).await;
    assert_eq!(
        arrived(&backend).await,
        [Some(basic("robot", "example")), Some(basic("ada", "one"))]
    );
}

#[tokio::test]
async fn half_an_account_is_refused_in_one_sentence() {
    let both = |name: &str, word: &str| {
        [
            format!("--auth-username={name}"),
            format!("--auth-password={word}"),
        ]
    };
    for (flags, sentence) in [
        (
            both("a:b", "word"),
            r#"AUTH_USERNAME is "a:b", but must be a name without a colon."#,
        ),
        (both("robot", ""), "The password to AUTH_USERNAME is empty."),
    ] {
        let flags: Vec<_> = flags.iter().map(String::as_str).collect();
        let refused = asked("http://127.0.0.1:1", Auth::Basic, &flags).unwrap_err();
        assert_eq!(refused, sentence);
    }
    for (flags, sentence) in [
        (
            ["--auth-username", "robot"],
            r#"AUTH_USERNAME is "robot", but neither AUTH_PASSWORD nor AUTH_PASSWORD_FILE is set."#,
        ),
        (
            ["--auth-password", "example"],
            "A password is set, but AUTH_USERNAME is not.",
        ),
    ] {
        let refused = asked("http://127.0.0.1:1", Auth::Basic, &flags).unwrap_err();
        assert_eq!(refused, sentence);
    }
}

#[test]
fn no_debug_output_holds_a_password() {
    let flags = ["--auth-username", "robot", "--auth-password", "hidden-word"];
    let settings = Settings::parse_from(["test"].into_iter().chain(flags));
    let backend = asked("http://127.0.0.1:1", Auth::Basic, &flags).unwrap();
    let account = settings.backend.account().unwrap();
    let shown = format!("{:?} {account:?} {backend:?}", settings.backend);
    assert!(!shown.contains("hidden-word"), "{shown}");
    assert!(
        !shown.contains(&BASE64_STANDARD.encode("robot:hidden-word")),
        "{shown}"
    );
}
