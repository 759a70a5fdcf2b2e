//! Yours: the routes and logic of this service. Replace the sample.

use axum::{
    Json, Router,
    extract::{Path, State},
    routing::get,
};
use serde::Serialize;

use crate::{
    apikit::{Backend, BackendError, Caller, Result},
    config::Config,
};

/// The routes of this service, served below `/` and below `/<route>` alike.
///
/// `/`, `/healthz`, `/readyz` and the metadata routes are taken. `_config` has your own settings.
pub fn router(backend: Backend, _config: &Config) -> Router {
    Router::new()
        .route("/{jobname}/{metric}", get(job_metric))
        .with_state(backend)
}

/// What is served below `/<route>` alone, where `/` is free; `Router::new()` if there is nothing.
pub fn index() -> Router {
    Router::new()
        .route("/", get(incomplete))
        .route("/{jobname}", get(incomplete))
}

/// One metric of one job.
#[derive(Serialize)]
struct JobMetric {
    jobname: String,
    metric: String,
    value: String,
}

/// Asks the back-end for one metric of one job.
///
/// The back-end takes its arguments as a query and answers plain text; callers get JSON.
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

/// Tells a caller who named no job or no metric what is missing.
async fn incomplete() -> BackendError {
    BackendError::bad_request("Must specify metric and jobname.")
}
