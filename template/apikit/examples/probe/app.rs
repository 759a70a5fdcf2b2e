//! The service that apikit's own tests are held against: it asks the back-end, and misbehaves where it is told to.

//!
//! `GET /probe` asks the back-end for `/api` as the caller and answers the text, `GET /spawned` does so in a task of
//! its own, and `GET /moved` goes on in one.

use std::time::Duration;

use apikit::{App, Auth, Backend, Caller, Identity, Metadata, Result, Setup, StartError};
use axum::{
    Router,
    extract::{FromRef, State},
    routing::get,
};
use tokio::time::timeout;
use utoipa_axum::{router::OpenApiRouter, routes};

/// How callers are authenticated: `basic`, unless `APIKIT_TEST_AUTH` says otherwise at compile time.
pub const AUTH: Auth = Auth::named(match option_env!("APIKIT_TEST_AUTH") {
    Some(name) => name,
    None => "basic",
});

pub const NAME: &str = "probe";
pub const ROUTE: &str = "/probes";
pub const LISTEN: &str = "0.0.0.0:8089";
pub const HEADER: (&str, &str) = ("x-probe", "a, b");

pub const METADATA: Metadata = Metadata {
    name: NAME,
    description: "A service for tests.",
    repository: "https://example.org/probe",
    version: "1.2.3",
    api_version: "1.0",
    auth: AUTH,
};

pub const IDENTITY: Identity = Identity {
    metadata: METADATA,
    route: ROUTE,
    listen: LISTEN,
    header: HEADER,
};

/// No settings of its own.
#[derive(Clone, Debug, clap::Args)]
pub struct Config {}

#[derive(Clone, FromRef)]
pub struct AppState {
    backend: Backend,
}

pub fn app() -> App<Config, AppState> {
    App::new(IDENTITY, routes, start).index(index)
}

async fn start(_: &Config, setup: &mut Setup) -> Result<AppState, StartError> {
    Ok(AppState {
        backend: setup.default_backend(),
    })
}

fn routes() -> OpenApiRouter<AppState> {
    let undescribed = Router::new()
        .route("/spawned", get(spawned))
        .route("/moved", get(moved))
        .route("/panic", get(panics))
        .route("/forever", get(std::future::pending::<()>));
    OpenApiRouter::from(undescribed).routes(routes!(probe))
}

fn index() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(nothing))
}

/// Asks the back-end.
#[utoipa::path(get, path = "/probe", responses((status = 200, body = String)))]
async fn probe(State(backend): State<Backend>, caller: Caller) -> Result<String> {
    backend.get("/api").send_as(&caller).await?.text().await
}

/// Says where to look.
#[utoipa::path(get, path = "/", responses((status = 200, body = String)), security(()))]
async fn nothing() -> &'static str {
    "Ask for probe."
}

async fn spawned(backend: State<Backend>, caller: Caller) -> Result<String> {
    tokio::spawn(probe(backend, caller))
        .await
        .expect("asking does not panic")
}

async fn moved(backend: State<Backend>, caller: Caller) -> Result<String> {
    let mut asking = Box::pin(probe(backend, caller));
    match timeout(Duration::ZERO, &mut asking).await {
        Ok(answer) => answer,
        Err(_) => tokio::spawn(asking).await.expect("asking does not panic"),
    }
}

async fn panics() -> &'static str {
    panic!("a fault of the author's")
}
