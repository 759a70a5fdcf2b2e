//! The probe on a port of its own, in front of a mock back-end.

use apikit::{
    App, Metrics, Settings, Setup, Shutdown,
    testing::{self, way_to},
};
use axum::Router;
use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tracing::{
    Dispatch, Subscriber,
    subscriber::{DefaultGuard, set_default},
};
use utoipa_axum::router::OpenApiRouter;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers};

pub use apikit::testing::client;

use crate::probe;

/// Who asks, where a test does not care.
pub const ADA: (&str, &str) = ("ada", "a token for tests");

/// The running probe. It ends with the test.
pub struct TestApp {
    /// The back-end it asks.
    pub backend: MockServer,
    /// What `/metrics` tells.
    pub metrics: Metrics,
    /// How far it has come in stopping.
    pub shutdown: Shutdown,
    app: testing::TestApp,
}

impl TestApp {
    /// The probe with its default configuration.
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// The probe with flags such as `["--request-timeout", "100ms"]`.
    pub async fn with(flags: &[&str]) -> Self {
        let backend = MockServer::start().await;
        let mut all = way_to(&backend.uri(), probe::AUTH).await;
        all.extend(flags.iter().map(ToString::to_string));
        let app = testing::TestApp::start(probe::app(), &all).await.unwrap();
        Self {
            backend,
            metrics: app.metrics.clone(),
            shutdown: app.shutdown.clone(),
            app,
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
        TcpStream::connect(self.app.address).await.unwrap()
    }

    /// The URL of `path`.
    pub fn url(&self, path: &str) -> String {
        self.app.url(path)
    }

    /// Tells the service to stop, as SIGTERM does.
    pub fn stop(&self) {
        self.app.stop();
    }

    /// Waits for the service to have stopped.
    pub async fn stopped(self) -> Result<(), String> {
        self.app.stopped().await
    }
}

/// The settings by these flags and nothing from outside: no variable of the environment.
pub fn settings(flags: &[&str]) -> Settings {
    let (settings, _) = testing::parsed::<probe::Config>(&probe::IDENTITY, flags).unwrap();
    settings
}

/// A service of these routes and this index, which are not described, without a port.
pub async fn router(routes: fn() -> OpenApiRouter<()>, index: fn() -> OpenApiRouter<()>) -> Router {
    let start = async |_: &probe::Config, _: &mut Setup| Ok(());
    let app = App::new(probe::IDENTITY, routes, start).index(index);
    testing::router(app, &[] as &[&str]).await.unwrap()
}

/// Lets `subscriber` hear what the thread of a test has to say, until what is returned is dropped.
///
/// With it comes a second one that nobody speaks to. Where there is only one, a span that another thread
/// is the first to meet is switched off for all.
pub fn heard_by<S: Subscriber + Send + Sync>(subscriber: S) -> (DefaultGuard, Dispatch) {
    let second = Dispatch::new(tracing_subscriber::registry());
    (set_default(subscriber), second)
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
