//! A back-end beside the first one, with an address, an account and a name of its own.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use apikit::{
    App, Backend, BackendError, Caller, Result, Setup, StartError,
    backend::{BackendName, NamedBackend},
    testing,
};
use axum::{
    Router,
    extract::{FromRef, State},
    http::{HeaderMap, StatusCode},
    routing::get,
};
use clap::Args;
use secrecy::SecretString;
use serde_json::json;
use tokio::{net::TcpListener, task::JoinSet};
use utoipa_axum::router::OpenApiRouter;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers};

use crate::{
    probe::IDENTITY,
    test_app::{ADA, Answer, client},
};

#[derive(Clone, Copy, Debug)]
struct Keeper;

impl BackendName for Keeper {
    const NAME: &'static str = "keeper";
}

#[derive(Args, Clone, Debug)]
struct Config {
    #[command(flatten)]
    keeper: NamedBackend<Keeper>,
}

#[derive(Clone, FromRef)]
struct AppState {
    keeper: Backend,
}

async fn start(config: &Config, setup: &mut Setup) -> Result<AppState, StartError> {
    Ok(AppState {
        keeper: setup.backend(&config.keeper)?,
    })
}

fn routes() -> OpenApiRouter<AppState> {
    async fn own(State(keeper): State<Backend>, caller: Caller) -> Result<String> {
        keeper.get("/x").send_for(&caller).await?.text().await
    }
    async fn theirs(State(keeper): State<Backend>, caller: Caller) -> Result<String> {
        keeper.get("/x").send_as(&caller).await?.text().await
    }
    async fn json(State(keeper): State<Backend>) -> Result<String> {
        keeper.get("/x").send().await?.json().await
    }
    let routes = Router::new()
        .route("/own", get(own))
        .route("/theirs", get(theirs))
        .route("/json", get(json));
    OpenApiRouter::from(routes)
}

/// The service in front of a keeper, with more flags.
async fn started(keeper: &str, flags: &[&str]) -> Result<testing::TestApp, String> {
    let url = format!("--keeper-url={keeper}");
    let flags = [&[url.as_str()], flags].concat();
    testing::TestApp::start(App::new(IDENTITY, routes, start), &flags).await
}

async fn keeper(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(matchers::any())
        .respond_with(answer)
        .mount(&server)
        .await;
    server
}

async fn ask(app: &testing::TestApp, path: &str) -> Answer {
    let (user, password) = ADA;
    let request = client().get(app.url(path)).header("x-request-id", "mine-1");
    Answer::of(request.basic_auth(user, Some(password))).await
}

/// The `Authorization` headers that arrived.
async fn arrived(keeper: &MockServer) -> Vec<Option<String>> {
    let requests = keeper.received_requests().await.unwrap();
    let header =
        |headers: &HeaderMap| Some(headers.get("authorization")?.to_str().unwrap().to_owned());
    requests
        .iter()
        .map(|request| header(&request.headers))
        .collect()
}

#[tokio::test]
async fn the_callers_credentials_go_to_it_only_where_the_author_says_so() {
    for (flags, sent) in [
        (vec![], None),
        (vec!["--keeper-token=a-token"], Some("Bearer a-token")),
        (
            vec!["--keeper-username=robot", "--keeper-password=pw"],
            Some("Basic cm9ib3Q6cHc="),
        ),
    ] {
        let keeper = keeper(ResponseTemplate::new(200).set_body_string("kept")).await;
        let app = started(&keeper.uri(), &flags).await.unwrap();
        assert_eq!(ask(&app, "/own").await.body, "kept");
        assert_eq!(
            arrived(&keeper).await,
            [sent.map(str::to_owned)],
            "{flags:?}"
        );
        let requests = keeper.received_requests().await.unwrap();
        assert_eq!(requests[0].headers["x-request-id"], "mine-1");

        assert_eq!(ask(&app, "/theirs").await.body, "kept");
        let as_caller = arrived(&keeper).await.pop().unwrap().unwrap();
        assert!(as_caller.starts_with("Basic YWRhO"), "{as_caller}");
    }
}

#[tokio::test]
async fn a_caller_without_credentials_is_not_taken_for_the_service() {
    let keeper = keeper(ResponseTemplate::new(200)).await;
    let account = ["--keeper-username=robot", "--keeper-password=pw"];
    let app = started(&keeper.uri(), &account).await.unwrap();
    let answer = Answer::of(client().get(app.url("/theirs"))).await;
    assert_eq!(answer.status, 401);
    assert!(answer.header("www-authenticate").is_some());
    assert!(arrived(&keeper).await.is_empty());
}

#[tokio::test]
async fn a_refusal_of_the_services_account_is_not_the_callers() {
    let refusal = ResponseTemplate::new(401).insert_header("www-authenticate", "Bearer");
    let keeper = keeper(refusal).await;
    let app = started(&keeper.uri(), &["--keeper-token=old"])
        .await
        .unwrap();
    let answer = ask(&app, "/own").await;
    assert_eq!(
        answer.json(),
        json!({
            "reason": "Bad Gateway",
            "status_code": 502,
            "error_content": "The back-end keeper does not accept the service's own account.",
        })
    );
    assert!(answer.header("www-authenticate").is_none());
    assert_eq!(ask(&app, "/theirs").await.status, 401);
}

#[tokio::test]
async fn it_is_named_in_errors_and_metrics() {
    let text = keeper(ResponseTemplate::new(200).set_body_string("no JSON")).await;
    let app = started(&text.uri(), &[]).await.unwrap();
    let content = |answer: Answer| answer.json()["error_content"].as_str().unwrap().to_owned();
    assert_eq!(
        content(ask(&app, "/json").await),
        "The back-end keeper's answer is not the JSON it should be."
    );
    let series = r#"backend_calls_total{backend="keeper",outcome="success"} 1"#;
    assert!(
        app.metrics.to_text().contains(series),
        "{}",
        app.metrics.to_text()
    );
    let app = started("http://127.0.0.1:9", &[]).await.unwrap();
    assert_eq!(
        content(ask(&app, "/own").await),
        "The back-end keeper cannot be reached."
    );
}

#[tokio::test]
async fn what_an_operator_sets_wrongly_is_one_sentence_that_names_it() {
    let url = "http://127.0.0.1:9";
    for (flags, sentence) in [
        (
            vec![
                "--keeper-token=a",
                "--keeper-username=b",
                "--keeper-password=c",
            ],
            "KEEPER_TOKEN and KEEPER_USERNAME are both set: the service has one account there.",
        ),
        (
            vec!["--keeper-username=b"],
            "KEEPER_USERNAME is \"b\", but neither KEEPER_PASSWORD nor KEEPER_PASSWORD_FILE is set.",
        ),
        (
            vec!["--keeper-password=b"],
            "KEEPER_PASSWORD is set, but KEEPER_USERNAME is not.",
        ),
        (vec!["--keeper-token="], "KEEPER_TOKEN is empty."),
        (
            vec!["--keeper-token-file=/nowhere/token"],
            "KEEPER_TOKEN_FILE \"/nowhere/token\" cannot be read: No such file or directory (os error 2).",
        ),
        (
            vec!["--keeper-timeout=soon"],
            "invalid value 'soon' for '--keeper-timeout <TIME>': it must be a time such as 500ms, 10s or 2m",
        ),
    ] {
        let refused = started(url, &flags).await.unwrap_err();
        assert_eq!(refused, sentence);
        assert!(!refused.contains("=c"));
    }
    let none: [&str; 0] = [];
    let app = App::new(IDENTITY, routes, start);
    let refused = testing::TestApp::start(app, &none).await.unwrap_err();
    assert_eq!(
        refused,
        "--keeper-url or KEEPER_URL must be set: see --help."
    );
    let refused = started("ftp://x", &[]).await.unwrap_err();
    assert!(
        refused.contains("'--keeper-url <URL>': it must be http:// or https://"),
        "{refused}"
    );
}

#[tokio::test]
async fn two_of_one_name_are_refused() {
    let start = async |config: &Config, setup: &mut Setup| {
        setup.backend(&config.keeper)?;
        start(config, setup).await
    };
    let app = App::new(IDENTITY, routes, start);
    let refused = testing::TestApp::start(app, &["--keeper-url=http://127.0.0.1:9"]).await;
    assert_eq!(
        refused.unwrap_err(),
        "Two back-ends are named \"keeper\": each needs a name of its own."
    );
}

#[tokio::test]
async fn tests_ask_nobody_beyond_this_machine() {
    let refused = started("http://192.0.2.1", &[]).await.unwrap_err();
    assert!(refused.contains("it is not on this machine"), "{refused}");
    let app = started("http://keeper.example.org", &[]).await.unwrap();
    assert_eq!(ask(&app, "/own").await.status, 502);
}

#[test]
fn secrets_are_in_no_debug_output() {
    let flags = [
        "--keeper-url=http://127.0.0.1:9",
        "--keeper-token=a-secret-word",
    ];
    let (_, config) = testing::parsed::<Config>(&IDENTITY, &flags).unwrap();
    let shown = format!("{config:?}");
    assert!(
        shown.contains("keeper") && !shown.contains("a-secret-word"),
        "{shown}"
    );
}

/// A back-end that takes one token after another, and counts what it refuses.
async fn with_tokens(valid: Arc<AtomicUsize>) -> String {
    let answer = async move |headers: HeaderMap| {
        let token = format!("Bearer token-{}", valid.load(Ordering::SeqCst));
        match headers
            .get("authorization")
            .is_some_and(|sent| *sent == token)
        {
            true => Ok("kept"),
            false => Err(StatusCode::UNAUTHORIZED),
        }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let app = Router::new().route("/x", get(answer.clone()).post(answer));
    tokio::spawn(async { axum::serve(listener, app).await });
    url
}

/// A back-end whose tokens are made by counting, and how many were made.
fn renewing(url: &str) -> (Backend, Arc<AtomicUsize>) {
    let made = Arc::new(AtomicUsize::new(0));
    let count = made.clone();
    let flags = [format!("--keeper-url={url}")];
    let (settings, config) = testing::parsed::<Config>(&IDENTITY, &flags).unwrap();
    let keeper = testing::backend(&settings, &config.keeper).unwrap();
    let keeper = keeper.with_token(move || {
        let number = count.fetch_add(1, Ordering::SeqCst);
        async move { Ok(SecretString::from(format!("token-{number}"))) }
    });
    (keeper, made)
}

#[tokio::test]
async fn an_expired_token_is_renewed_once_for_all_who_ask_at_the_same_time() {
    let valid = Arc::new(AtomicUsize::new(0));
    let (keeper, made) = renewing(&with_tokens(valid.clone()).await);
    let ask_fifty = async || {
        let mut asking = JoinSet::new();
        for _ in 0..50 {
            let keeper = keeper.clone();
            asking.spawn(async move { keeper.get("/x").send().await?.text().await });
        }
        for answer in asking.join_all().await {
            assert_eq!(answer.unwrap(), "kept");
        }
    };
    ask_fifty().await;
    assert_eq!(made.load(Ordering::SeqCst), 1);
    valid.store(1, Ordering::SeqCst);
    ask_fifty().await;
    assert_eq!(made.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_token_that_is_refused_when_it_is_new_is_the_services_fault() {
    let valid = Arc::new(AtomicUsize::new(99));
    let (keeper, made) = renewing(&with_tokens(valid).await);
    let refused = keeper.get("/x").send().await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "502 Bad Gateway: The back-end keeper does not accept the service's own account."
    );
    assert_eq!(made.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_stream_is_not_sent_twice_with_a_new_token() {
    let valid = Arc::new(AtomicUsize::new(1));
    let (keeper, _) = renewing(&with_tokens(valid).await);
    let stream = || {
        let pieces = futures_util::stream::iter([Ok::<_, std::io::Error>("a")]);
        keeper.post("/x").body(reqwest::Body::wrap_stream(pieces))
    };
    let refused = stream().send().await.unwrap_err();
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(stream().send().await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn a_token_that_cannot_be_made_is_a_502() {
    let keeper = keeper(ResponseTemplate::new(200)).await;
    let (backend, _) = renewing(&keeper.uri());
    let backend =
        backend.with_token(async || Err::<SecretString, _>(BackendError::not_found("no such key")));
    let refused = backend.get("/x").send().await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "502 Bad Gateway: No token for the back-end keeper was to be had."
    );
    assert!(arrived(&keeper).await.is_empty());
}
