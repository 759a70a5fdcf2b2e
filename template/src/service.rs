//! The routes and logic of this service. Replace the sample.

use apikit::{Backend, BackendError, Caller, Result, Setup, StartError};
use axum::{
    Json,
    extract::{FromRef, Path, State},
};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::config::Config;

/// What handlers share.
#[derive(Clone, FromRef)]
pub struct AppState {
    backend: Backend,
}

/// Makes what handlers share: once, when the logs have begun and before the port opens.
pub async fn start(_config: &Config, setup: &mut Setup) -> Result<AppState, StartError> {
    Ok(AppState {
        backend: setup.default_backend(),
    })
}

/// The routes of this service, served below `/` and below `/<route>` alike.
///
/// `/`, `/healthz`, `/readyz`, `/metrics`, `/docs`, `/openapi.json` and the metadata routes are taken, and so is
/// the fallback: one of your own keeps the service from starting.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(job_metric))
}

/// What is served below `/<route>` alone, where `/` is free; `OpenApiRouter::new()` if there is nothing.
pub fn index() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(no_job))
        .routes(routes!(no_metric))
}

/// One metric of one job.
#[derive(Serialize, ToSchema)]
struct JobMetric {
    jobname: String,
    metric: String,
    value: String,
}

/// Asks the back-end for one metric of one job.
///
/// The back-end takes its arguments as a query and answers plain text; callers get JSON.
// If the compiler says that `Handler` is not implemented for a function, `#[axum::debug_handler]` above it shows which
// argument or answer is wrong.
#[utoipa::path(get, path = "/{jobname}/{metric}", responses((status = 200, body = JobMetric)))]
async fn job_metric(
    State(backend): State<Backend>,
    caller: Caller,
    Path((jobname, metric)): Path<(String, String)>,
) -> Result<Json<JobMetric>> {
    let value = backend
        .get("/api")
        .query(&[("metric", &metric), ("job", &jobname)])
        .send_as(&caller)
        .await?
        .text()
        .await?;
    Ok(Json(JobMetric {
        jobname,
        metric,
        value,
    }))
}

/// Tells a caller who named no job what is missing.
#[utoipa::path(get, path = "/", security(()))]
async fn no_job() -> BackendError {
    BackendError::bad_request("Must specify metric and jobname.")
}

/// Tells a caller who named no metric what is missing.
#[utoipa::path(get, path = "/{jobname}", security(()))]
async fn no_metric() -> BackendError {
    no_job().await
}
