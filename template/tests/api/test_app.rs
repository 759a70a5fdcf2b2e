//! House: the whole service on a port of its own, in front of a mock back-end.

use std::{net::SocketAddr, sync::Arc};

use axum::{Router, extract::State, routing::get};
use clap::{CommandFactory, FromArgMatches, builder::Resettable};
use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinHandle,
};
use uservice::{
    apikit::{Backend, Caller, Readiness, Result as ApiResult, serve},
    app,
    config::Config,
    identity::{AUTH, NAME},
};
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
    /// caller and answers the text. `flags` are such as `["--request-timeout", "100ms"]`.
    pub async fn house(flags: &[&str]) -> Self {
        Self::run(flags, |config, backend, readiness| {
            let routes = Router::new()
                .route("/probe", get(probe))
                .route("/panic", get(panics))
                .route("/forever", get(std::future::pending::<()>))
                .with_state(backend);
            app::house(&config.house, readiness, routes, Router::new())
        })
        .await
    }

    async fn run(flags: &[&str], app: fn(&Config, Backend, Readiness) -> Router) -> Self {
        let backend = MockServer::start().await;
        let mut arguments = vec![NAME.to_owned()];
        arguments.extend(way_to(&backend).await);
        arguments.extend(flags.iter().map(ToString::to_string));
        arguments.extend(FLAGS.iter().map(ToString::to_string));
        let config = configured(arguments);
        let settings = &config.house;

        let asked = Backend::new(&settings.backend, AUTH, NAME, settings.request_timeout).unwrap();
        let readiness = Readiness::default();
        let app = app(&config, asked, readiness.clone());
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

/// The configuration by these flags and nothing from outside: no variable of the environment.
pub fn configured(arguments: Vec<String>) -> Config {
    let command = Config::command().mut_args(|argument| argument.env(Resettable::Reset));
    let matches = command.get_matches_from(arguments);
    Config::from_arg_matches(&matches).unwrap()
}

async fn panics() -> &'static str {
    panic!("a fault of the author's")
}

async fn probe(State(backend): State<Backend>, caller: Caller) -> ApiResult<String> {
    backend.get("/api").send_as(&caller).await?.text().await
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
        let answer = client().request(request.method().clone(), target).send();
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
