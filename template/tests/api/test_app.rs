//! House: the whole service on a port of its own, in front of a mock back-end.

use std::{net::SocketAddr, sync::Arc};

use axum::{Router, extract::State, routing::get};
use clap::Parser;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinHandle,
};
use uservice::{
    apikit::{Backend, Caller, Readiness, Result as ApiResult, Settings, serve},
    app,
    config::Config,
    identity::{AUTH, NAME},
};
use wiremock::{Mock, MockServer, ResponseTemplate, matchers};

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
        Self::run(&[], app::router).await
    }

    /// The house without the author's routes: `GET /probe` asks the back-end for `/api` as the
    /// caller and answers the text. `flags` are such as `["--request-timeout", "100ms"]`.
    pub async fn house(flags: &[&str]) -> Self {
        Self::run(flags, |settings, backend, readiness| {
            let routes = Router::new()
                .route("/probe", get(probe))
                .with_state(backend);
            app::house(settings, readiness, routes, Router::new())
        })
        .await
    }

    async fn run(flags: &[&str], app: fn(&Settings, Backend, Readiness) -> Router) -> Self {
        let backend = MockServer::start().await;
        let uri = backend.uri();
        let arguments = [NAME, "--backend-url", &uri].into_iter();
        let config = Config::parse_from(arguments.chain(flags.iter().copied()));
        let settings = config.house;

        let asked = Backend::new(&settings.backend, AUTH, NAME, settings.request_timeout).unwrap();
        let readiness = Readiness::default();
        let app = app(&settings, asked, readiness.clone());
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

    /// Lets the back-end answer `GET /api` with `answer`.
    pub async fn backend_answers(&self, answer: ResponseTemplate) {
        Mock::given(matchers::method("GET"))
            .and(matchers::path("/api"))
            .respond_with(answer)
            .mount(&self.backend)
            .await;
    }

    /// Asks for `path` with the credentials of [`ADA`].
    pub async fn get(&self, path: &str) -> Answer {
        let (user, password) = ADA;
        let request = client().get(self.url(path));
        Answer::of(request.basic_auth(user, Some(password))).await
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

async fn probe(State(backend): State<Backend>, caller: Caller) -> ApiResult<String> {
    backend.get("/api").send_as(&caller).await?.text().await
}

/// A client that follows no redirects and keeps no connection for the next test.
pub fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
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
    pub async fn of(request: reqwest::RequestBuilder) -> Self {
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
