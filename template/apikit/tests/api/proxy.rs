//! Callers get sessions through an OAuth2 proxy, each their own, and no secret gets out.

use std::{
    cell::Cell,
    collections::BTreeMap,
    net::Ipv4Addr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use apikit::{
    Auth, Backend, BackendError, Caller, Metrics,
    backend::{BackendSettings, SessionCounts},
};
use axum::{
    Router,
    extract::Request,
    http::{HeaderMap, StatusCode},
    response::IntoResponse,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use clap::Parser;
use tokio::{net::TcpListener, task::JoinSet};
use tracing_subscriber::{
    filter::{DynFilterFn, FilterExt},
    prelude::*,
};

use crate::{
    metrics::{parse, series},
    test_app::settings,
};
use apikit::testing::oauth2::{Accepted, Behaviour, Double, Flavour, Hub, LoginForm};

/// Every way in which a proxy says that it does not know a session.
const FLAVOURS: [Flavour; 8] = [
    Flavour::Bitly,
    Flavour::BitlyOwnPage,
    Flavour::BitlySkip,
    Flavour::V7,
    Flavour::V7Skip,
    Flavour::V7Json,
    Flavour::NginxPage,
    Flavour::NginxRedirect,
];

#[derive(Parser)]
struct Settings {
    #[command(flatten)]
    backend: BackendSettings,
}

/// A double in front of a back-end that answers with the name of who asks, and a service's view of it.
pub struct Setup {
    double: Double,
    backend: Backend,
    asked: Arc<AtomicU64>,
}

impl Setup {
    pub async fn new(behaviour: Behaviour) -> Self {
        Self::with(behaviour, &[]).await
    }

    pub async fn with(behaviour: Behaviour, flags: &[&str]) -> Self {
        let asked = Arc::new(AtomicU64::new(0));
        let count = asked.clone();
        let echo = Router::new().fallback(async move |request: Request| {
            count.fetch_add(1, Ordering::SeqCst);
            echo(request).await
        });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let double = Double::start(listener, echo, behaviour).await;
        let backend = view(&double, flags);
        Self {
            double,
            backend,
            asked,
        }
    }

    pub async fn get(&self, user: &str, password: &str) -> Result<String, BackendError> {
        ask(&self.backend, &basic(user, password)).await
    }

    /// What the back-end answers to Ada's `GET path`.
    pub async fn ask(&self, path: &str) -> Result<String, BackendError> {
        let ada = basic("ada", "right");
        self.backend.get(path).send_as(&ada).await?.text().await
    }

    /// What the back-end answers to Ada's `GET path` with a segment that she sent.
    pub async fn ask_segment(&self, path: &str, segment: &str) -> Result<String, BackendError> {
        let request = self.backend.get(path).segment(segment);
        request.send_as(&basic("ada", "right")).await?.text().await
    }

    /// The requests that the provider was sent, without their bodies.
    pub fn requests(&self) -> Vec<axum::http::Request<()>> {
        self.double.requests()
    }

    /// The provider's host and port.
    pub fn login_host(&self) -> String {
        self.double.login_host()
    }

    /// The forms that the provider was sent.
    pub fn forms(&self) -> Vec<(String, Vec<u8>)> {
        self.double.forms()
    }

    pub fn passwords_sent(&self) -> u64 {
        self.double.passwords_sent()
    }

    /// The answers to as many requests of Ada's, all at once.
    async fn get_at_once(&self, count: usize) -> Vec<Result<String, BackendError>> {
        let mut requests = JoinSet::new();
        for _ in 0..count {
            let backend = self.backend.clone();
            requests.spawn(async move { ask(&backend, &basic("ada", "right")).await });
        }
        requests.join_all().await
    }
}

/// A page of the back-end's own that looks like the proxy's.
const OWN_PAGE: &str =
    "<title>Home</title><form action=\"/oauth2/start\"><button>Log in</button></form>";

/// Says who asks; refuses `/refused` in its own words; says what it was sent.
async fn echo(request: Request) -> axum::response::Response {
    let user = request.headers().get("x-forwarded-user");
    let user = user.map_or_else(String::new, |user| user.to_str().unwrap().to_owned());
    match request.uri().path() {
        "/refused" => (StatusCode::FORBIDDEN, "the back-end's own word").into_response(),
        "/refused-page" => (
            StatusCode::FORBIDDEN,
            axum::response::Html("<title>No</title><form action=\"/else\">"),
        )
            .into_response(),
        "/refused-json" => (
            StatusCode::UNAUTHORIZED,
            [("content-type", "application/json")],
            "{}",
        )
            .into_response(),
        "/own-page" => axum::response::Html(OWN_PAGE).into_response(),
        "/away" => axum::response::Redirect::to("https://git.example/authorize?client_id=x")
            .into_response(),
        _ => {
            let method = request.method().clone();
            let body = axum::body::to_bytes(request.into_body(), 1000)
                .await
                .unwrap();
            let body = String::from_utf8_lossy(&body).into_owned();
            if method == "GET" {
                user.into_response()
            } else {
                format!("{method} {user} {body}").into_response()
            }
        }
    }
}

/// The back-end behind the double, with a login that may take half a minute.
fn view(double: &Double, flags: &[&str]) -> Backend {
    let (url, host) = (double.url(), double.login_host());
    let arguments = ["test", "--backend-url", &url, "--auth-login-hosts", &host].into_iter();
    let settings = Settings::parse_from(arguments.chain(flags.iter().copied()));
    let time_limit = Duration::from_secs(30);
    Backend::new(&settings.backend, Auth::BitlyProxy, "realm", time_limit).unwrap()
}

fn basic(user: &str, password: &str) -> Caller {
    let pair = BASE64_STANDARD.encode(format!("{user}:{password}"));
    caller(&format!("Basic {pair}"))
}

fn caller(authorization: &str) -> Caller {
    let mut headers = HeaderMap::new();
    headers.insert("authorization", authorization.parse().unwrap());
    Caller::from_headers(&headers)
}

async fn ask(backend: &Backend, caller: &Caller) -> Result<String, BackendError> {
    backend.get("/who").send_as(caller).await?.text().await
}

fn status(answer: Result<String, BackendError>) -> u16 {
    answer.expect_err("it should be refused").status().as_u16()
}

#[tokio::test]
async fn a_caller_logs_in_once_and_goes_on_in_the_session() {
    for form in [LoginForm::Modern, LoginForm::Classic] {
        let setup = Setup::new(Behaviour {
            form,
            ..Behaviour::default()
        })
        .await;
        for _ in 0..5 {
            assert_eq!(setup.get("ada", "right").await.unwrap(), "ada", "{form:?}");
        }
        assert_eq!(setup.double.starts(), 1);
        assert_eq!(setup.double.sent("ada", "right"), 1);
    }
}

#[tokio::test]
async fn every_way_back_from_the_provider_ends_in_a_session() {
    for hub in [
        Hub::MetaRefresh,
        Hub::PlainLink,
        Hub::ForgetsReturn,
        Hub::LosesToken,
        Hub::LosesCsrf,
    ] {
        for flavour in [Flavour::Bitly, Flavour::V7] {
            let hub = hub.clone();
            let shown = format!("{hub:?} {flavour:?}");
            let setup = Setup::new(Behaviour {
                hub,
                flavour,
                ..Behaviour::default()
            })
            .await;
            assert_eq!(setup.get("ada", "right").await.unwrap(), "ada", "{shown}");
        }
    }
}

#[tokio::test]
async fn every_end_of_a_login_has_its_status_and_its_sentence() {
    let elsewhere = "http://elsewhere.example/".to_owned();
    let fine = Behaviour::default;
    let cases = [
        (
            Behaviour {
                hub: Hub::TwoFactor,
                ..fine()
            },
            403,
            "two-factor authentication",
        ),
        (
            Behaviour {
                hub: Hub::DeviceVerification,
                ..fine()
            },
            403,
            "verify this device",
        ),
        (
            Behaviour {
                hub: Hub::Consent,
                ..fine()
            },
            403,
            "consent once",
        ),
        (
            Behaviour {
                hub: Hub::LockedOut,
                ..fine()
            },
            429,
            "several failed attempts",
        ),
        (
            Behaviour {
                hub: Hub::Down,
                ..fine()
            },
            502,
            "it answered 503",
        ),
        (
            Behaviour {
                hub: Hub::Loops,
                ..fine()
            },
            502,
            "leads in circles",
        ),
        (
            Behaviour {
                hub: Hub::RedirectsTo(elsewhere.clone()),
                ..fine()
            },
            502,
            "leads to http://elsewhere.example,",
        ),
        (
            Behaviour {
                hub: Hub::PostsTo(elsewhere),
                ..fine()
            },
            502,
            "leads to http://elsewhere.example,",
        ),
        (
            Behaviour {
                form: LoginForm::Missing,
                ..fine()
            },
            502,
            "none that the service knows how to log in by",
        ),
        (
            Behaviour {
                form: LoginForm::ByGet,
                ..fine()
            },
            502,
            "none that the service knows how to log in by",
        ),
        (
            Behaviour {
                form: LoginForm::Huge,
                ..fine()
            },
            502,
            "larger than 1048576 bytes",
        ),
        (
            Behaviour {
                accepted: Accepted::Nowhere,
                ..fine()
            },
            502,
            "does not accept the session",
        ),
        (
            Behaviour {
                accepted: Accepted::ByTheCheckOnly,
                ..fine()
            },
            502,
            "does not accept the session",
        ),
    ];
    for (behaviour, expected, sentence) in cases {
        let shown = format!("{behaviour:?}");
        let setup = Setup::new(behaviour).await;
        let error = setup.get("ada", "right").await.unwrap_err();
        assert_eq!(error.status().as_u16(), expected, "{shown}: {error}");
        assert!(error.to_string().contains(sentence), "{shown}: {error}");
        assert!(setup.double.passwords_sent() <= 2, "{shown}");
    }
}

#[tokio::test]
async fn a_password_goes_to_no_host_that_was_not_named() {
    let stranger = Setup::new(Behaviour::default()).await;
    let page = |path: &str| format!("http://localhost:{}{path}", stranger.double.hub);
    for hub in [
        Hub::PostsTo(page("/session")),
        Hub::RedirectsTo(page("/login")),
    ] {
        let setup = Setup::new(Behaviour {
            hub,
            ..Behaviour::default()
        })
        .await;
        assert_eq!(status(setup.get("ada", "right").await), 502);
        assert_eq!(stranger.double.passwords_sent(), 0);
    }
}

#[tokio::test]
async fn a_providers_form_cannot_send_the_password_to_the_back_end() {
    let behaviour = Behaviour {
        htpasswd: true,
        ..Behaviour::default()
    };
    let setup = Setup::new(behaviour).await;
    let page = format!("{}/oauth2/sign_in", setup.double.url());
    setup
        .double
        .behave(|behaviour| behaviour.hub = Hub::PostsTo(page));
    assert_eq!(status(setup.get("ada", "right").await), 502);
    assert_eq!(setup.double.passwords_sent(), 0);
}

#[tokio::test]
async fn a_wrong_password_is_sent_once_in_the_window_and_a_new_one_works_at_once() {
    let setup = Setup::new(Behaviour::default()).await;
    for _ in 0..20 {
        let error = setup.get("ada", "wrong").await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "401 Unauthorized: The user name or the password is wrong."
        );
    }
    assert_eq!(setup.double.sent("ada", "wrong"), 1);
    assert_eq!(setup.get("ada", "right").await.unwrap(), "ada");
    assert_eq!(status(setup.get("ada", "wrong").await), 401);
    assert_eq!(setup.double.sent("ada", "wrong"), 1);
}

#[tokio::test]
async fn an_account_that_may_not_gets_403() {
    for (flavour, said) in [
        (Flavour::Bitly, "Invalid Account"),
        (Flavour::V7, "You do not have permission"),
        (Flavour::V7Skip, "You do not have permission"),
    ] {
        let setup = Setup::new(Behaviour {
            flavour,
            ..Behaviour::default()
        })
        .await;
        let error = setup.get("denied-dan", "right").await.unwrap_err();
        assert_eq!(error.status().as_u16(), 403);
        assert!(error.to_string().contains(said), "{error}");
    }
}

#[tokio::test]
async fn a_hub_that_hangs_costs_the_time_limit_and_no_more() {
    let behaviour = Behaviour {
        hub: Hub::Hangs,
        ..Behaviour::default()
    };
    let setup = Setup::with(behaviour, &["--backend-timeout", "300ms"]).await;
    let start = Instant::now();
    assert_eq!(status(setup.get("ada", "right").await), 504);
    assert!(start.elapsed() < Duration::from_secs(4));
}

#[tokio::test]
async fn a_thousand_requests_of_a_new_caller_cause_one_login() {
    let behaviour = Behaviour {
        delay: Duration::from_millis(50),
        ..Behaviour::default()
    };
    let setup = Setup::new(behaviour).await;
    for answer in setup.get_at_once(1000).await {
        assert_eq!(answer.unwrap(), "ada");
    }
    assert_eq!(setup.double.starts(), 1);
    assert_eq!(setup.double.sent("ada", "right"), 1);
}

#[tokio::test]
async fn a_hundred_callers_cause_a_hundred_logins() {
    let setup = Setup::new(Behaviour::default()).await;
    let mut requests = JoinSet::new();
    for number in 0..500 {
        let backend = setup.backend.clone();
        let user = format!("user-{}", number % 100);
        requests.spawn(async move { (ask(&backend, &basic(&user, "right")).await, user) });
    }
    for (answer, user) in requests.join_all().await {
        assert_eq!(answer.unwrap(), user);
    }
    assert_eq!(setup.double.starts(), 100);
    assert_eq!(setup.backend.session_counts().logins, 100);
}

#[tokio::test]
async fn nobody_sees_anothers_data_while_sessions_are_revoked() {
    let setup = Setup::new(Behaviour::default()).await;
    let mut requests = JoinSet::new();
    for worker in 0..50_usize {
        let (backend, double) = (setup.backend.clone(), setup.double.clone());
        requests.spawn(async move {
            let mut answered = 0;
            for number in 0..200 {
                let user = format!("user-{}", (worker * 7 + number) % 20);
                if number % 40 == 0 {
                    double.revoke(Some(&user));
                }
                match ask(&backend, &basic(&user, "right")).await {
                    Ok(seen) => {
                        assert_eq!(seen, user);
                        answered += 1;
                    }
                    // Revoked, renewed and revoked again, all during one request.
                    Err(error) => assert_eq!(error.status().as_u16(), 502, "{error}"),
                }
            }
            answered
        });
    }
    let answered: u64 = requests.join_all().await.into_iter().sum();
    // More are revoked during one request where the machine is busy.
    assert!(answered > 5_000, "{answered} of 10,000 were answered");
    assert!(setup.double.starts() > 20, "sessions were revoked");
}

#[tokio::test]
async fn a_caller_who_leaves_does_not_end_the_login_of_the_others() {
    let behaviour = Behaviour {
        delay: Duration::from_millis(100),
        ..Behaviour::default()
    };
    let setup = Setup::new(behaviour).await;
    let first = tokio::time::timeout(Duration::from_millis(50), setup.get("ada", "right")).await;
    assert!(first.is_err());
    assert_eq!(setup.get("ada", "right").await.unwrap(), "ada");
    assert_eq!(setup.double.starts(), 1);
}

#[tokio::test]
async fn a_lost_session_is_opened_once_for_all_who_lost_it() {
    for flavour in FLAVOURS {
        let setup = Setup::new(Behaviour {
            flavour,
            ..Behaviour::default()
        })
        .await;
        setup.get("ada", "right").await.unwrap();
        setup.double.revoke(None);
        for answer in setup.get_at_once(100).await {
            assert_eq!(answer.unwrap(), "ada", "{flavour:?}");
        }
        assert_eq!(setup.double.starts(), 2, "{flavour:?}");
    }
}

#[tokio::test]
async fn what_the_back_end_refuses_itself_costs_no_login() {
    for flavour in [Flavour::Bitly, Flavour::V7, Flavour::V7Json] {
        let setup = Setup::new(Behaviour {
            flavour,
            ..Behaviour::default()
        })
        .await;
        for (path, expected) in [
            ("/refused", 403),
            ("/refused-page", 403),
            ("/refused-json", 401),
        ] {
            let request = setup.backend.get(path);
            let error = request.send_as(&basic("ada", "right")).await.unwrap_err();
            assert_eq!(error.status().as_u16(), expected, "{flavour:?} {path}");
        }
        assert_eq!(setup.double.starts(), 1, "{flavour:?}");
    }
}

#[tokio::test]
async fn a_session_that_the_proxy_refuses_again_ends_in_one_error() {
    let accepted = Accepted::ByTheCheckOnly;
    let setup = Setup::new(Behaviour {
        accepted,
        ..Behaviour::default()
    })
    .await;
    for _ in 0..10 {
        assert_eq!(status(setup.get("ada", "right").await), 502);
    }
    assert_eq!(setup.double.starts(), 2);
    assert_eq!(setup.asked.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_post_is_sent_again_after_a_lost_session_and_only_then() {
    let setup = Setup::new(Behaviour::default()).await;
    let ada = basic("ada", "right");
    for revoked in [false, true] {
        if revoked {
            setup.double.revoke(None);
        }
        let before = setup.asked.load(Ordering::SeqCst);
        let request = setup.backend.post("/thing").body("a body");
        let answer = request.send_as(&ada).await.unwrap().text().await.unwrap();
        assert_eq!(answer, "POST ada a body");
        assert_eq!(setup.asked.load(Ordering::SeqCst), before + 1);
    }
}

#[tokio::test]
async fn a_session_past_its_time_is_not_tried() {
    let lifetime = Some(Duration::from_secs(1));
    let setup = Setup::new(Behaviour {
        lifetime,
        ..Behaviour::default()
    })
    .await;
    setup.get("ada", "right").await.unwrap();
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(setup.get("ada", "right").await.unwrap(), "ada");
    assert_eq!(setup.double.starts(), 2);
    assert_eq!(setup.double.refusals(), 0);
}

#[tokio::test]
async fn refreshed_split_and_renamed_cookies_are_taken() {
    for parts in [1, 3] {
        let behaviour = Behaviour {
            flavour: Flavour::V7,
            cookie: "our_session".to_owned(),
            parts,
            refreshes: true,
            ..Behaviour::default()
        };
        let setup = Setup::with(behaviour, &["--auth-cookie-name", "our_session"]).await;
        for _ in 0..5 {
            assert_eq!(setup.get("ada", "right").await.unwrap(), "ada");
        }
        assert_eq!(setup.double.starts(), 1, "{parts}");
    }
}

#[tokio::test]
async fn an_htpasswd_account_logs_in_by_the_proxys_own_form() {
    for flavour in [
        Flavour::Bitly,
        Flavour::V7,
        Flavour::V7Skip,
        Flavour::NginxPage,
        Flavour::NginxRedirect,
    ] {
        let behaviour = Behaviour {
            flavour,
            htpasswd: true,
            ..Behaviour::default()
        };
        let setup = Setup::with(behaviour, &["--auth-login", "htpasswd"]).await;
        for _ in 0..3 {
            assert_eq!(setup.get("robot", "right").await.unwrap(), "robot");
        }
        assert_eq!(setup.double.sent("robot", "right"), 1);
        assert_eq!(setup.double.starts(), 0);
        for _ in 0..3 {
            assert_eq!(status(setup.get("robot", "wrong").await), 401);
        }
        assert_eq!(setup.double.sent("robot", "wrong"), 1);
    }
}

#[tokio::test]
async fn an_htpasswd_account_needs_no_session_with_http_basic() {
    for flavour in [
        Flavour::Bitly,
        Flavour::V7,
        Flavour::V7Skip,
        Flavour::V7Json,
        Flavour::NginxPage,
        Flavour::NginxRedirect,
    ] {
        let behaviour = Behaviour {
            flavour,
            htpasswd: true,
            ..Behaviour::default()
        };
        let setup = Setup::with(behaviour, &["--auth-login", "basic"]).await;
        assert_eq!(setup.get("robot", "right").await.unwrap(), "robot");
        let refused = setup.get("robot", "wrong").await.unwrap_err();
        assert_eq!(
            refused.to_string(),
            "401 Unauthorized: The OAuth2 proxy does not take these credentials: they are wrong, or it has no htpasswd \
             file, which AUTH_LOGIN=basic needs."
        );
        assert_eq!(setup.backend.session_counts(), SessionCounts::default());
    }
}

/// bitly's proxy and nginx mark no answer as one within a session, and so the proxy is asked.
#[tokio::test]
async fn a_page_of_the_back_ends_own_that_looks_like_a_sign_in_page_is_its_answer() {
    let ada = basic("ada", "right");
    let bearer = caller("Bearer an-example-token");
    for flavour in [Flavour::Bitly, Flavour::NginxPage] {
        for (login, caller) in [
            ("provider", &ada),
            ("htpasswd", &ada),
            ("basic", &ada),
            ("provider", &bearer),
            ("basic", &bearer),
        ] {
            let behaviour = Behaviour {
                flavour,
                htpasswd: true,
                bearer: Some("an-example-token".to_owned()),
                ..Behaviour::default()
            };
            let setup = Setup::with(behaviour, &["--auth-login", login]).await;
            let answer = setup.backend.get("/own-page").send_as(caller).await;
            let page = answer.unwrap().text().await.unwrap();
            assert_eq!(page, OWN_PAGE, "{flavour:?} {login}");
        }
    }
}

#[tokio::test]
async fn a_bearer_token_is_passed_on() {
    let bearer = Some("an-example-token".to_owned());
    let setup = Setup::new(Behaviour {
        bearer,
        flavour: Flavour::V7,
        ..Behaviour::default()
    })
    .await;
    let right = ask(&setup.backend, &caller("Bearer an-example-token")).await;
    assert_eq!(right.unwrap(), "bearer");
    assert_eq!(
        status(ask(&setup.backend, &caller("Bearer another")).await),
        401
    );
    assert_eq!(setup.double.starts(), 0);
}

#[tokio::test]
async fn logins_and_their_failures_are_counted() {
    let setup = Setup::new(Behaviour::default()).await;
    setup.get("ada", "right").await.unwrap();
    setup.get("bob", "right").await.unwrap();
    let _ = setup.get("ada", "wrong").await;
    let counts = setup.backend.session_counts();
    assert_eq!((counts.logins, counts.live), (2, 2));
    assert_eq!(counts.failures, BTreeMap::from([("bad-credentials", 1)]));

    let metrics = Metrics::default();
    setup.backend.clone().counted_in(&metrics);
    let samples = parse(&metrics.to_text());
    let logins = |outcome| samples[&series("backend_logins_total", &[("outcome", outcome)])];
    assert_eq!(logins("success"), counts.logins as f64);
    for (reason, count) in counts.failures {
        assert_eq!(logins(reason), count as f64);
    }
    assert_eq!(samples["backend_sessions"], counts.live as f64);
}

#[tokio::test]
async fn a_session_that_is_refused_under_load_does_not_log_in_again_and_again() {
    let setup = Setup::new(Behaviour::default()).await;
    setup.get("ada", "right").await.unwrap();
    setup
        .double
        .behave(|behaviour| behaviour.accepted = Accepted::ByTheCheckOnly);
    // Everybody asks again and again, so that some are always on the way when a login has failed.
    let mut asking = JoinSet::new();
    for number in 0..40_u64 {
        let backend = setup.backend.clone();
        asking.spawn(async move {
            tokio::time::sleep(Duration::from_millis(number)).await;
            for _ in 0..20 {
                assert_eq!(status(ask(&backend, &basic("ada", "right")).await), 502);
            }
        });
    }
    asking.join_all().await;
    assert!(
        setup.double.starts() <= 3,
        "{} logins",
        setup.double.starts()
    );
}

#[tokio::test]
async fn a_redirect_of_the_back_ends_own_is_not_sent_twice() {
    let setup = Setup::new(Behaviour::default()).await;
    let request = setup.backend.post("/away").body("once");
    let error = request.send_as(&basic("ada", "right")).await.unwrap_err();
    assert_eq!(error.status().as_u16(), 502);
    assert_eq!(setup.asked.load(Ordering::SeqCst), 1);
    assert_eq!(setup.get("ada", "right").await.unwrap(), "ada");
    assert_eq!(setup.double.starts(), 1);
}

#[tokio::test]
async fn a_lost_session_is_noticed_without_a_body_as_well() {
    for flavour in FLAVOURS {
        let setup = Setup::new(Behaviour {
            flavour,
            ..Behaviour::default()
        })
        .await;
        setup.get("ada", "right").await.unwrap();
        setup.double.revoke(None);
        let head = setup.backend.request(axum::http::Method::HEAD, "/who");
        let answer = head.send_as(&basic("ada", "right")).await;
        assert!(answer.is_ok(), "{flavour:?}: {answer:?}");
        assert_eq!(setup.double.starts(), 2, "{flavour:?}");
    }
}

#[tokio::test]
async fn the_sessions_cookie_goes_no_further_than_the_service() {
    let setup = Setup::new(Behaviour {
        refreshes: true,
        ..Behaviour::default()
    })
    .await;
    let request = setup.backend.get("/who");
    let answer = request.send_as(&basic("ada", "right")).await.unwrap();
    assert!(!answer.headers().contains_key("set-cookie"));
    assert_eq!(format!("{answer:?}"), "BackendResponse(200 OK)");
}

#[tokio::test]
async fn a_small_cache_keeps_the_newest() {
    let setup = Setup::with(Behaviour::default(), &["--session-capacity", "3"]).await;
    for round in 0..3 {
        for user in ["ada", "bob", "cid"] {
            assert_eq!(setup.get(user, "right").await.unwrap(), user, "{round}");
        }
    }
    for _ in 0..5 {
        assert_eq!(status(setup.get("eve", "wrong").await), 401);
    }
    assert_eq!(setup.double.sent("eve", "wrong"), 1);
}

#[tokio::test]
async fn many_new_callers_at_once_leave_no_more_sessions_than_the_capacity() {
    let setup = Setup::with(Behaviour::default(), &["--session-capacity", "5"]).await;
    let mut callers = JoinSet::new();
    for number in 0..40 {
        let backend = setup.backend.clone();
        let user = format!("user-{number}");
        callers.spawn(async move { ask(&backend, &basic(&user, "right")).await });
    }
    while let Some(answer) = callers.join_next().await {
        answer.unwrap().unwrap();
        let live = setup.backend.session_counts().live;
        assert!(live <= 5, "{live}");
    }
}

/// A proxy that takes each session cookie once, and renews it with every answer, redirects included.
async fn renewing(request: Request) -> axum::response::Response {
    let (path, headers) = (request.uri().path().to_owned(), request.headers());
    let session = |number: u64| {
        [(
            "set-cookie",
            format!("_oauth2_proxy={number}; Path=/; HttpOnly"),
        )]
    };
    let sent = headers.get("cookie").and_then(|cookie| {
        let cookie = cookie.to_str().ok()?;
        cookie.strip_prefix("_oauth2_proxy=")?.parse().ok()
    });
    match (path.as_str(), sent) {
        ("/oauth2/sign_in", _) => {
            (session(1), axum::response::Redirect::to("/oauth2/auth")).into_response()
        }
        ("/oauth2/auth", Some(1)) => StatusCode::ACCEPTED.into_response(),
        (path, Some(number)) if !path.starts_with("/oauth2/") => {
            // What was renewed is no session any more.
            static LAST: AtomicU64 = AtomicU64::new(1);
            if LAST.swap(number + 1, Ordering::SeqCst) != number {
                return StatusCode::UNAUTHORIZED.into_response();
            }
            let next = session(number + 1);
            match path.strip_prefix("/hop/").map(str::parse::<u32>) {
                Some(Ok(left)) if left > 0 => {
                    let to = axum::response::Redirect::to(&format!("/hop/{}", left - 1));
                    (next, to).into_response()
                }
                _ => (next, "arrived").into_response(),
            }
        }
        _ => StatusCode::UNAUTHORIZED.into_response(),
    }
}

#[tokio::test]
async fn a_session_that_is_renewed_at_each_redirect_goes_on_there_and_later() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async { axum::serve(listener, Router::new().fallback(renewing)).await });
    let arguments = ["test", "--backend-url", &url, "--auth-login", "htpasswd"];
    let settings = Settings::parse_from(arguments);
    let limit = Duration::from_secs(30);
    let backend = Backend::new(&settings.backend, Auth::BitlyProxy, "realm", limit).unwrap();
    for path in ["/hop/4", "/hop/0", "/hop/1", "/x"] {
        let answer = backend.get(path).send_as(&basic("ada", "right")).await;
        assert_eq!(answer.unwrap().text().await.unwrap(), "arrived", "{path}");
    }
    assert_eq!(backend.session_counts().logins, 1);
}

#[tokio::test]
async fn settings_that_cannot_work_say_which_one_it_is() {
    let setup = Setup::new(Behaviour::default()).await;
    let elsewhere = format!("--auth-endpoint={}/", setup.double.url());
    for (flag, sentence) in [
        (elsewhere.as_str(), "AUTH_ENDPOINT is wrong"),
        (
            "--auth-cookie-name=other",
            "no cookie named other: AUTH_COOKIE_NAME is wrong",
        ),
    ] {
        let error = ask(&view(&setup.double, &[flag]), &basic("ada", "right"))
            .await
            .unwrap_err();
        assert_eq!(error.status().as_u16(), 502);
        assert!(error.to_string().contains(sentence), "{error}");
    }

    let flags = [
        "test",
        "--backend-url",
        "http://proxy.example",
        "--auth-login",
        "htpasswd",
    ];
    let settings = Settings::parse_from(flags);
    let time_limit = Duration::from_secs(5);
    let refused =
        Backend::new(&settings.backend, Auth::BitlyProxy, "realm", time_limit).unwrap_err();
    assert!(
        refused.starts_with("AUTH_LOGIN=htpasswd would send passwords to http://proxy.example/"),
        "{refused}"
    );
}

#[test]
fn login_hosts_are_hosts_with_or_without_a_port() {
    let parse = |hosts: &str| Settings::try_parse_from(["test", "--auth-login-hosts", hosts]);
    for hosts in [
        "github.com",
        "GitHub.com:8443",
        "a.example, b.example:1",
        "127.0.0.1:8082",
        "[::1]:8082",
    ] {
        assert!(parse(hosts).is_ok(), "{hosts}");
    }
    for hosts in [
        "",
        "https://github.com",
        "github.com/",
        "*.github.com",
        "github.com.",
        "github.com:0",
        "a b",
        "u@h",
    ] {
        assert!(parse(hosts).is_err(), "{hosts}");
    }
    assert!(Settings::try_parse_from(["test", "--auth-endpoint", "http://a:b@c/start"]).is_err());
}

/// Everything that is logged at any level, by any library.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

thread_local! {
    /// Whether this thread's log is kept: the tests run in one process, and log to one place.
    static KEPT: Cell<bool> = const { Cell::new(false) };
}

#[tokio::test]
async fn no_secret_is_in_any_log_error_or_debug_output() {
    let log = Log::default();
    let writer = log.clone();
    let all = settings(&["--log-level", "trace"]).logs.filter().unwrap();
    let mine = all.and(DynFilterFn::new(|_, _| KEPT.get()));
    let layer = tracing_subscriber::fmt::layer().with_writer(move || writer.clone());
    tracing_subscriber::registry()
        .with(layer.with_filter(mine))
        .init();
    KEPT.set(true);

    let setup = Setup::new(Behaviour::default()).await;
    setup.get("ada", "right-hidden-word").await.unwrap();
    let secrets = setup.double.secrets();
    let mut shown = format!(
        "{:?} {:?}",
        setup.backend,
        basic("ada", "right-hidden-word")
    );
    for hub in [
        Hub::Down,
        Hub::TwoFactor,
        Hub::Consent,
        Hub::ForgetsReturn,
        Hub::Loops,
    ] {
        setup.double.behave(|behaviour| behaviour.hub = hub);
        setup.double.revoke(None);
        let answer = setup.get("bob", "right-hidden-word").await;
        shown += &format!(
            "{answer:?} {:?}",
            answer.as_ref().err().map(ToString::to_string)
        );
    }
    shown += &String::from_utf8_lossy(&log.0.lock().unwrap());

    assert!(shown.contains("a caller was logged in"), "the log is read");
    let encoded = BASE64_STANDARD.encode("ada:right-hidden-word");
    let mut hidden = vec!["hidden-word".to_owned(), encoded];
    for secret in secrets {
        hidden.extend(
            secret
                .split('|')
                .map(|part| part.trim_end_matches('=').to_owned()),
        );
    }
    hidden.extend(["code=", "state=", "authenticity_token", "_csrf="].map(str::to_owned));
    for secret in hidden {
        let at = shown.find(&secret);
        let around = at.map(|at| &shown[at.saturating_sub(80)..(at + 80).min(shown.len())]);
        assert_eq!(around, None, "{secret}");
    }
}
