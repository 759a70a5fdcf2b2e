//! For the tests of a service: runs all of it on a port of its own, with stand-ins for its back-ends.

mod example_backend;
#[cfg(feature = "bitly-proxy")]
pub mod oauth2;
mod served;

use std::{net::SocketAddr, sync::Arc};

use axum::Router;
use clap::Args;
use tokio::{net::TcpListener, sync::Notify, task::JoinHandle};

use crate::{
    app::App,
    auth::Auth,
    backend::{Backend, BackendName, NamedBackend, Network},
    configuration::{self, Environment, Invocation, Refusal},
    identity::Identity,
    metrics::Metrics,
    process::serve_with_tasks,
    settings::Settings,
    shutdown::Shutdown,
};

pub use example_backend::example_backend;
pub use served::{Served, served, undescribed};

/// A service that runs on a port of its own, with its tasks. It ends with the test.
///
/// It reads no variable of the environment, and reaches nothing beyond this machine, whatever its settings say.
#[derive(Debug)]
pub struct TestApp {
    /// Where the service listens.
    pub address: SocketAddr,
    /// The metrics that `/metrics` answers.
    pub metrics: Metrics,
    /// Whether it is stopping.
    pub shutdown: Shutdown,
    stop: Arc<Notify>,
    served: JoinHandle<Result<(), String>>,
}

impl TestApp {
    /// Starts `app` with these flags, such as `["--max-metrics=3"]`.
    ///
    /// # Errors
    /// One sentence, when a flag is wrong or the service does not start.
    pub async fn start<C, S>(app: App<C, S>, flags: &[impl AsRef<str>]) -> Result<Self, String>
    where
        C: Args + 'static,
        S: Clone + Send + Sync + 'static,
    {
        let (settings, config) = parsed(&app.identity, flags)?;
        let Identity {
            metadata, route, ..
        } = app.identity;
        let metrics = Metrics::new(&metadata, route);
        let started = app.start(&settings, &config, metrics, Network::Loopback);
        let served = started.await.map_err(|error| error.sentence())?.assemble();
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .map_err(|error| format!("No port is to be had: {error}."))?;
        let address = listener
            .local_addr()
            .map_err(|error| format!("The port has no address: {error}."))?;
        let stop = Arc::new(Notify::new());
        let stopped = stop.clone().notified_owned();
        let metrics = served.metrics.clone();
        let shutdown = served.shutdown.clone();
        let serving = async move { serve_with_tasks(listener, served, &settings, stopped).await };
        Ok(Self {
            address,
            metrics,
            shutdown,
            stop,
            served: tokio::spawn(serving),
        })
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
    ///
    /// # Errors
    /// One sentence, when requests, jobs or tasks were cut off, or a task had ended that the service needs.
    ///
    /// # Panics
    /// When the service panicked.
    pub async fn stopped(self) -> Result<(), String> {
        self.served.await.expect("the service does not panic")
    }
}

/// The router of a service that has started, for tests without a port.
///
/// # Errors
/// As [`TestApp::start`].
pub async fn router<C, S>(app: App<C, S>, flags: &[impl AsRef<str>]) -> Result<Router, String>
where
    C: Args + 'static,
    S: Clone + Send + Sync + 'static,
{
    let (settings, config) = parsed(&app.identity, flags)?;
    let metrics = Metrics::new(&app.identity.metadata, app.identity.route);
    let started = app.start(&settings, &config, metrics, Network::Loopback);
    let started = started.await.map_err(|error| error.sentence())?;
    Ok(started.assemble().routers.into_router())
}

/// The settings that these flags give, without any variable of the environment.
///
/// # Errors
/// One sentence, or clap's words, when a flag is wrong.
pub fn parsed<C: Args>(
    identity: &Identity,
    flags: &[impl AsRef<str>],
) -> Result<(Settings, C), String> {
    let name = [identity.metadata.name];
    let arguments = name
        .into_iter()
        .chain(flags.iter().map(|flag| flag.as_ref()));
    match configuration::read(identity, arguments, Environment::None) {
        Ok(Invocation::Serve(settings, config)) => Ok((settings, config)),
        Ok(Invocation::Other(_)) => Err("A subcommand serves nothing.".to_owned()),
        Err(Refusal::Sentence(sentence)) => Err(sentence),
        Err(Refusal::Clap(error)) => Err(error.to_string()),
    }
}

/// A back-end beside the first one, for tests that ask it without a service. It must be on this machine.
///
/// # Errors
/// As [`Setup::backend`](crate::Setup::backend).
pub fn backend<N: BackendName>(
    settings: &Settings,
    named: &NamedBackend<N>,
) -> Result<Backend, String> {
    let (first, limit) = (&settings.backend, settings.request_timeout);
    let first = Backend::within(Network::Loopback, first, Auth::None, "test", limit)?;
    first.beside(named)
}

/// The flags with which a service of this auth type reaches the back-end at `url`: directly, or through a stand-in for
/// an OAuth2 proxy, which runs until the process ends.
///
/// # Panics
/// When no port is to be had.
pub async fn way_to(url: &str, auth: Auth) -> Vec<String> {
    #[cfg(feature = "bitly-proxy")]
    if auth == Auth::BitlyProxy {
        let listener = TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("a port is to be had");
        let behaviour = oauth2::Behaviour::default();
        let double =
            oauth2::Double::start(listener, passing_on_to(url.to_owned()), behaviour).await;
        return vec![
            format!("--backend-url={}", double.url()),
            format!("--auth-login-hosts={}", double.login_host()),
        ];
    }
    let _ = auth;
    vec![format!("--backend-url={url}")]
}

/// A back-end for the proxy that passes every request on to the one at `url`.
#[cfg(feature = "bitly-proxy")]
fn passing_on_to(url: String) -> Router {
    use axum::{extract::Request, http::StatusCode, response::IntoResponse};
    let client = client();
    Router::new().fallback(async move |request: Request| {
        let target = format!("{url}{}", request.uri());
        let mut headers = request.headers().clone();
        headers.remove("host");
        let sent = client.request(request.method().clone(), target);
        let body = reqwest::Body::wrap_stream(request.into_body().into_data_stream());
        match sent.headers(headers).body(body).send().await {
            Ok(answer) => {
                axum::http::Response::<reqwest::Body>::from(answer).map(axum::body::Body::new)
            }
            Err(_) => StatusCode::BAD_GATEWAY.into_response(),
        }
    })
}

/// A client that follows no redirects, goes through no proxy, and keeps no connection for the next test.
///
/// # Panics
/// When the system has no random numbers.
pub fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .expect("a client for HTTP can be made")
}
