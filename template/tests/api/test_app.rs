//! House: the whole service on a port of its own, in front of a mock back-end.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, extract::State, routing::get};
use clap::{CommandFactory, FromArgMatches, builder::Resettable};
use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinHandle,
    time::timeout,
};
use tracing::{
    Dispatch, Subscriber,
    subscriber::{DefaultGuard, set_default},
};
use uservice::{
    apikit::{Backend, Caller, Metrics, Readiness, Result as ApiResult, Vitals, serve},
    app,
    config::Config,
    identity::{AUTH, METADATA, NAME, ROUTE},
};
use utoipa_axum::router::OpenApiRouter;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers};

/// Flags that every test starts the service with: for settings of yours that have no default.
const FLAGS: &[&str] = &[];

/// Who asks, where a test does not care.
pub const ADA: (&str, &str) = ("ada", "a token for tests");

/// A running service. It ends with the test.
pub struct TestApp {
    /// Where the service listens.
    pub address: SocketAddr,
    /// The back-end it asks.
    pub backend: MockServer,
    /// What `/readyz` tells.
    pub readiness: Readiness,
    /// What `/metrics` tells.
    pub metrics: Metrics,
    stop: Arc<Notify>,
    served: JoinHandle<Result<(), String>>,
}

impl TestApp {
    /// The service as it is, with its default configuration.
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// The service as it is, with flags such as `["--max-metrics", "3"]`.
    pub async fn with(flags: &[&str]) -> Self {
        Self::run(flags, app::router).await
    }

    /// The house without the author's routes: `GET /probe` asks the back-end for `/api` as the
    /// caller and answers the text, `GET /spawned` does so in a task of its own, and `GET /moved` goes on in one.
    /// `flags` are such as `["--request-timeout", "100ms"]`.
    pub async fn house(flags: &[&str]) -> Self {
        Self::run(flags, |config, backend, vitals| {
            let routes = Router::new()
                .route("/probe", get(probe))
                .route("/spawned", get(spawned))
                .route("/moved", get(moved))
                .route("/panic", get(panics))
                .route("/forever", get(std::future::pending::<()>))
                .with_state(backend);
            app::house(&config.house, vitals, routes.into(), OpenApiRouter::new())
        })
        .await
    }

    async fn run(flags: &[&str], app: fn(&Config, Backend, &Vitals) -> Router) -> Self {
        let backend = MockServer::start().await;
        let mut arguments = way_to(&backend).await;
        arguments.extend(flags.iter().map(ToString::to_string));
        let (config, asked) = parts(arguments);
        let settings = &config.house;
        let metrics = Metrics::new(&METADATA, ROUTE);
        let asked = asked.counted_in(&metrics);
        let readiness = settings.readiness(&asked);
        let vitals = Vitals { readiness, metrics };
        let app = app(&config, asked, &vitals);
        let Vitals { readiness, metrics } = vitals;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = Arc::new(Notify::new());
        let served = tokio::spawn(serve::serve(
            listener,
            app,
            readiness.clone(),
            settings.stopping(),
            stop.clone().notified_owned(),
        ));
        Self {
            address,
            backend,
            readiness,
            metrics,
            stop,
            served,
        }
    }

    /// Lets the back-end answer `method` on `path` with `answer`.
    pub async fn backend_answers(&self, method: &str, path: &str, answer: ResponseTemplate) {
        Mock::given(matchers::method(method))
            .and(matchers::path(path))
            .respond_with(answer)
            .mount(&self.backend)
            .await;
    }

    /// Asks for `path` with the credentials of [`ADA`].
    pub async fn get(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::GET, path)).await
    }

    /// A request with the credentials of [`ADA`], to be given a body, a query or headers.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let (user, password) = ADA;
        let request = client().request(method, self.url(path));
        request.basic_auth(user, Some(password))
    }

    /// Asks for `path` without credentials.
    pub async fn get_anonymously(&self, path: &str) -> Answer {
        Answer::of(client().get(self.url(path))).await
    }

    /// Sends `bytes` on a connection of their own and returns what comes back until it closes.
    pub async fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect().await;
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// A bare connection to the service.
    pub async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// The URL of `path`.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Tells the service to stop, as SIGTERM does.
    pub fn stop(&self) {
        self.stop.notify_one();
    }

    /// Waits for the service to have stopped.
    pub async fn stopped(self) -> Result<(), String> {
        self.served.await.unwrap()
    }
}

/// What the author's router is made from, with these flags.
pub fn parts(flags: Vec<String>) -> (Config, Backend) {
    let own = FLAGS.iter().map(ToString::to_string);
    let arguments = [NAME.to_owned()].into_iter().chain(flags).chain(own);
    let config = configured(arguments.collect());
    let settings = &config.house;
    let backend = Backend::new(&settings.backend, AUTH, NAME, settings.request_timeout).unwrap();
    (config, backend)
}

/// The configuration by these flags and nothing from outside: no variable of the environment.
pub fn configured(arguments: Vec<String>) -> Config {
    let command = Config::command().mut_args(|argument| argument.env(Resettable::Reset));
    let matches = command.get_matches_from(arguments);
    Config::from_arg_matches(&matches).unwrap()
}

/// Lets `subscriber` hear what the thread of a test has to say, until what is returned is dropped.
///
/// With it comes a second one that nobody speaks to. Where there is only one, a span that another thread
/// is the first to meet is switched off for all.
pub fn heard_by<S: Subscriber + Send + Sync>(subscriber: S) -> (DefaultGuard, Dispatch) {
    let second = Dispatch::new(tracing_subscriber::registry());
    (set_default(subscriber), second)
}

async fn panics() -> &'static str {
    panic!("a fault of the author's")
}

async fn probe(State(backend): State<Backend>, caller: Caller) -> ApiResult<String> {
    backend.get("/api").send_as(&caller).await?.text().await
}

async fn spawned(backend: State<Backend>, caller: Caller) -> ApiResult<String> {
    tokio::spawn(probe(backend, caller)).await.unwrap()
}

async fn moved(backend: State<Backend>, caller: Caller) -> ApiResult<String> {
    let mut asking = Box::pin(probe(backend, caller));
    match timeout(Duration::ZERO, &mut asking).await {
        Ok(answer) => answer,
        Err(_) => tokio::spawn(asking).await.unwrap(),
    }
}

/// The flags with which the service reaches the back-end.
async fn way_to(backend: &MockServer) -> Vec<String> {
    #[cfg(feature = "bitly-proxy")]
    if AUTH == uservice::apikit::Auth::BitlyProxy {
        use crate::oauth2::{Behaviour, Double};
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let behind = passing_on_to(backend.uri());
        let double = Double::start(listener, behind, Behaviour::default()).await;
        return vec![
            format!("--backend-url={}", double.url()),
            format!("--auth-login-hosts={}", double.login_host()),
        ];
    }
    vec![format!("--backend-url={}", backend.uri())]
}

/// A back-end for the proxy that passes every request on to the mock.
#[cfg(feature = "bitly-proxy")]
fn passing_on_to(uri: String) -> Router {
    use axum::extract::Request;
    Router::new().fallback(async move |request: Request| {
        let target = format!("{uri}{}", request.uri());
        let mut headers = request.headers().clone();
        headers.remove("host");
        let sent = client().request(request.method().clone(), target);
        let answer = sent.headers(headers).send();
        let answer: axum::http::Response<reqwest::Body> = answer.await.unwrap().into();
        answer.map(axum::body::Body::new)
    })
}

/// A client that follows no redirects and keeps no connection for the next test.
pub fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .unwrap()
}

/// An answer, read to its end.
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: String,
}

impl Answer {
    pub async fn of(request: RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        Self {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: String::from_utf8(response.bytes().await.unwrap().into()).unwrap(),
        }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub fn json(&self) -> Value {
        assert_eq!(self.header("content-type"), Some("application/json"));
        serde_json::from_str(&self.body).unwrap()
    }
}
