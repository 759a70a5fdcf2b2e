//! The back-end `keeper` of a service for tests, with the settings that a test gives it.

use apikit::{
    App, Auth, Backend, Caller, Identity, Metadata, Metrics, Settings, Setup, StartError,
    backend::{BackendName, NamedBackend},
    testing,
};
use axum::{
    Router,
    extract::Request,
    http::{HeaderMap, HeaderValue, StatusCode, header::AUTHORIZATION},
    response::IntoResponse,
};
use clap::Args;
use tokio::net::TcpListener;
use utoipa_axum::router::OpenApiRouter;

/// Where reports are kept.
pub struct Keeper;

impl BackendName for Keeper {
    const NAME: &'static str = "keeper";
}

#[derive(Args, Clone, Debug)]
pub struct Config {
    #[command(flatten)]
    pub keeper: NamedBackend<Keeper>,
}

pub const IDENTITY: Identity = Identity {
    metadata: Metadata {
        name: "reports",
        description: "A service for tests.",
        repository: "https://example.org/reports",
        version: "1.2.3",
        api_version: "1.0",
        auth: Auth::None,
    },
    route: "/reports",
    listen: "0.0.0.0:8089",
    header: ("", ""),
};

/// The settings by these flags.
pub fn parsed(flags: &[&str]) -> Result<(Settings, Config), String> {
    testing::parsed(&IDENTITY, flags)
}

/// The keeper at `url`, counted in `metrics`, with these flags besides.
pub fn counted(url: &str, flags: &[&str], metrics: &Metrics) -> Result<Backend, String> {
    let url = format!("--keeper-url={url}");
    let flags: Vec<_> = [url.as_str()]
        .into_iter()
        .chain(flags.iter().copied())
        .collect();
    let (settings, config) = parsed(&flags)?;
    let backend = Backend::new(
        &settings.backend,
        Auth::None,
        "reports",
        settings.request_timeout,
    )?;
    backend.counted_in(metrics).beside(&config.keeper)
}

/// The keeper at `url`, with these flags besides.
pub fn keeper(url: &str, flags: &[&str]) -> Backend {
    counted(url, flags, &Metrics::default()).unwrap()
}

/// Serves `answers` on this machine, until the test ends, and says where.
pub async fn served(answers: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async { axum::serve(listener, answers).await });
    format!("http://{address}")
}

/// A back-end that answers with the path and the query that it was asked for.
pub async fn echoing() -> String {
    served(Router::new().fallback(async |request: Request| request.uri().to_string())).await
}

/// A back-end that answers with the `Authorization` header that it was sent, and with this status.
pub async fn asking_for_credentials(status: StatusCode) -> String {
    let answer = async move |headers: HeaderMap| {
        let sent = headers.get(AUTHORIZATION).cloned();
        let sent = sent.unwrap_or(HeaderValue::from_static("nothing"));
        let challenge = [("www-authenticate", r#"Basic realm="keeper""#)];
        (status, challenge, sent.to_str().unwrap().to_owned()).into_response()
    };
    served(Router::new().fallback(answer)).await
}

/// A caller with a user name and a password.
pub fn ada() -> Caller {
    let credentials = apikit::backend::Credentials {
        username: "ada".to_owned(),
        password: "a word".into(),
    };
    Caller::from_headers(&HeaderMap::from_iter([(
        AUTHORIZATION,
        credentials.to_header(),
    )]))
}

/// A service without routes that starts by `start`, and why it does not, if it does not.
pub async fn started<C: Args + 'static>(
    start: impl AsyncFnOnce(&C, &mut Setup) -> Result<(), StartError> + 'static,
    flags: &[&str],
) -> Result<(), String> {
    let app = App::new(IDENTITY, OpenApiRouter::new, start);
    testing::router(app, flags).await.map(|_| ())
}
