//! The routes of this service, which tell whether a metric has changed since it was last measured.

mod dashboard;
mod deviation;

use apikit::{BackendError, Caller, Result, Setup, StartError};
use axum::{
    Json,
    extract::{FromRef, Path, State},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::config::Config;
use dashboard::Dashboard;
use deviation::{Deviation, Threshold};

/// What handlers share.
#[derive(Clone, FromRef)]
pub struct AppState {
    dashboard: Dashboard,
}

/// Makes what handlers share: once, when the logs have begun and before the port opens.
pub async fn start(config: &Config, setup: &mut Setup) -> Result<AppState, StartError> {
    Ok(AppState {
        dashboard: Dashboard::new(setup.default_backend(), &config.dataset),
    })
}

/// The routes of this service, served below `/` and below `/<route>` alike.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(any_deviation))
        .routes(routes!(deviation))
}

/// What is served below `/<route>` alone, where `/` is free.
pub fn index() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(no_metric))
}

/// Tells whether a metric has changed at all.
#[utoipa::path(get, path = "/{metric}", responses((status = 200, body = Deviation)))]
async fn any_deviation(
    dashboard: State<Dashboard>,
    caller: Caller,
    Path(metric): Path<String>,
) -> Result<Json<Deviation>> {
    deviation(dashboard, caller, Path((metric, Threshold::default()))).await
}

/// Tells whether a metric has changed by more than a percentage.
///
/// The last measurement is compared with the one before. Both values are rounded to three digits first, and the
/// percentage to two. A change from 0 has no percentage and is above every threshold.
#[utoipa::path(
    get,
    path = "/{metric}/{threshold}",
    params(("threshold" = f64, Path, minimum = 0.0, description = "In percent", example = 0.5)),
    responses(
        (status = 200, body = Deviation),
        (status = 400, description = "The threshold is no percentage"),
        (status = 404, description = "There are no two measurements to compare"),
    ),
)]
async fn deviation(
    State(dashboard): State<Dashboard>,
    caller: Caller,
    Path((metric, threshold)): Path<(String, Threshold)>,
) -> Result<Json<Deviation>> {
    let [previous, current] = dashboard.last_two(&metric, &caller).await?;
    Ok(Json(Deviation::between(previous, current, threshold)))
}

/// Tells a caller who named no metric what is missing.
#[utoipa::path(get, path = "/", security(()))]
async fn no_metric() -> BackendError {
    BackendError::bad_request("Must specify a metric, and perhaps a threshold in percent.")
}
