//! Yours: the routes and logic of this service. Replace the sample.

use axum::{
    Json,
    extract::{Path, State},
};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    apikit::{Backend, BackendError, Caller, Result},
    config::Config,
};

/// The routes of this service, served below `/` and below `/<route>` alike.
///
/// `/`, `/healthz`, `/readyz`, `/metrics`, `/docs`, `/openapi.json` and the metadata routes are taken, and so is
/// the fallback: one of your own keeps the service from starting. `_config` has your own settings.
pub fn router(backend: Backend, _config: &Config) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(job_metric))
        .with_state(backend)
}

/// What is served below `/<route>` alone, where `/` is free; `OpenApiRouter::new()` if there is nothing.
pub fn index() -> OpenApiRouter {
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
