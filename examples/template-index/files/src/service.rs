//! The routes of this service, which lists project templates at its own route and begins projects from them.

mod templates;

use apikit::{Backend, BackendError, Caller, Result, Setup, StartError};
use axum::{
    Json,
    extract::{FromRef, Path, State},
    http::StatusCode,
};
use serde_json::Value;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::config::Config;
use templates::Templates;

/// What handlers share.
#[derive(Clone, FromRef)]
pub struct AppState {
    github: Backend,
    templates: Templates,
}

/// Makes what handlers share: once, when the logs have begun and before the port opens. Without a list, the service
/// does not start: a replica that has none would answer in the place of one that has.
pub async fn start(config: &Config, setup: &mut Setup) -> Result<AppState, StartError> {
    let github = setup.default_backend();
    let templates = Templates::fetched(github.clone()).await;
    let templates = templates.map_err(|error| StartError::from(error).context("the first list"))?;
    let (keeping, pause) = (templates.clone(), config.refresh());
    setup.spawn("refresh", async move |stop| {
        keeping.refresh(pause, stop).await
    });
    Ok(AppState { github, templates })
}

/// The routes of this service, served below `/` and below `/<route>` alike.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(template, begin))
}

/// What is served at `/<route>` itself, where `/` is free.
pub fn index() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list))
}

/// Lists all templates, to anybody.
#[utoipa::path(get, path = "/", security(()), responses((status = 200, body = [String])))]
async fn list(State(templates): State<Templates>) -> Json<Vec<String>> {
    Json(templates.names())
}

/// Tells what a template asks for, to anybody.
#[utoipa::path(get, path = "/{name}", security(()), responses((status = 200, body = Value)))]
async fn template(
    State(templates): State<Templates>,
    Path(name): Path<String>,
) -> Result<Json<Value>> {
    let questions = templates.questions(&name);
    questions.map(Json).ok_or_else(|| unknown(&name))
}

/// Begins a project, as the caller.
#[utoipa::path(
    post,
    path = "/{name}",
    request_body = Value,
    responses((status = 201, description = "The project is begun", body = Value)),
)]
async fn begin(
    State(templates): State<Templates>,
    State(github): State<Backend>,
    caller: Caller,
    Path(name): Path<String>,
    Json(answers): Json<Value>,
) -> Result<(StatusCode, Json<Value>)> {
    if templates.questions(&name).is_none() {
        return Err(unknown(&name));
    }
    let request = github.post("/projects").segment(&name).json(&answers);
    let project = request.send_as(&caller).await?.json().await?;
    Ok((StatusCode::CREATED, Json(project)))
}

fn unknown(name: &str) -> BackendError {
    BackendError::not_found(format!("There is no template {name}."))
}
