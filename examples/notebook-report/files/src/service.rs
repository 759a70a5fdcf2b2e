//! The routes of this service, which takes notebooks, makes reports of them, and tells where they are kept.

mod notebooks;
mod reports;

use apikit::{Backend, BackendError, Caller, Result, Setup, StartError};
use axum::{
    Json,
    body::Body,
    extract::{DefaultBodyLimit, FromRef, Path, State},
    http::{StatusCode, header},
    response::IntoResponse,
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::config::Config;
use notebooks::Notebooks;
use reports::{Order, Reports, Standing};

/// What handlers share.
#[derive(Clone, FromRef)]
pub struct AppState {
    notebooks: Notebooks,
    reports: Reports,
}

/// Makes what handlers share: once, when the logs have begun and before the port opens.
pub async fn start(config: &Config, setup: &mut Setup) -> Result<AppState, StartError> {
    if config.max_notebook == 0 {
        return Err(StartError::configuration(
            "MAX_NOTEBOOK is 0, and must be at least 1.",
        ));
    }
    let keeper = renewing(setup.backend(&config.keeper)?);
    Ok(AppState {
        notebooks: Notebooks::new(setup.default_backend(), keeper.clone(), config.max_notebook),
        reports: Reports::new(keeper, setup.jobs()),
    })
}

/// The keeper's tokens last for an hour: its own account fetches one, and another when that is refused.
fn renewing(keeper: Backend) -> Backend {
    let account = keeper.clone();
    keeper.with_token(move || reports::fetch_token(account.clone()))
}

/// The routes of this service, served below `/` and below `/<route>` alike.
pub fn routes() -> OpenApiRouter<AppState> {
    // How large a notebook may be is counted while it is passed on.
    let uploads = OpenApiRouter::new()
        .routes(routes!(upload))
        .layer(DefaultBodyLimit::disable());
    OpenApiRouter::new()
        .routes(routes!(notebooks_of))
        .routes(routes!(order))
        .routes(routes!(report))
        .merge(uploads)
}

/// What is served below `/<route>` alone, where `/` is free.
pub fn index() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(overview))
}

/// Tells how many reports are being made.
#[utoipa::path(get, path = "/", security(()), responses((status = 200, body = reports::Overview)))]
async fn overview(State(reports): State<Reports>) -> Json<reports::Overview> {
    Json(reports.overview())
}

/// Lists the notebooks of a group, as GitHub has them, page after page.
#[utoipa::path(get, path = "/notebooks/{group}", responses((status = 200, body = [String])))]
async fn notebooks_of(
    State(notebooks): State<Notebooks>,
    caller: Caller,
    Path(group): Path<String>,
) -> Result<Json<Vec<String>>> {
    Ok(Json(notebooks.of(&group, &caller).await?))
}

/// Keeps a notebook, which is passed on as it comes.
#[utoipa::path(
    put,
    path = "/notebooks/{group}/{name}",
    request_body(content = String, content_type = "application/x-ipynb+json"),
    responses((status = 201), (status = 413, description = "The notebook is too large")),
)]
async fn upload(
    State(notebooks): State<Notebooks>,
    caller: Caller,
    Path((group, name)): Path<(String, String)>,
    notebook: Body,
) -> Result<StatusCode> {
    notebooks.keep(&group, &name, notebook, &caller).await?;
    Ok(StatusCode::CREATED)
}

/// Accepts the order of a report, which is made after the answer.
#[utoipa::path(
    post,
    path = "/reports",
    request_body = Order,
    responses((status = 202, description = "Location says where the report will be")),
)]
async fn order(
    State(reports): State<Reports>,
    Json(order): Json<Order>,
) -> Result<impl IntoResponse> {
    if order.notebook.is_empty() {
        return Err(BackendError::bad_request("notebook is empty: name one."));
    }
    let place = format!("reports/{}", reports.begin(order));
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, place)]))
}

/// Tells how far a report has come.
#[utoipa::path(get, path = "/reports/{number}", security(()), responses((status = 200, body = Standing)))]
async fn report(State(reports): State<Reports>, Path(number): Path<u64>) -> Result<Json<Standing>> {
    let standing = reports.standing(number);
    let unknown = || BackendError::not_found(format!("There is no report {number}."));
    standing.map(Json).ok_or_else(unknown)
}
