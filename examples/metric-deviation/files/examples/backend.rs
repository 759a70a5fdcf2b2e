//! A back-end to try the service with, on 127.0.0.1:8081: `cargo run --example backend`. It is a dashboard with
//! three metrics.
//!
//! ```text
//! $ curl 'http://127.0.0.1:8081/dashboard/api/measurements/?job__ci_dataset=cfht&metric=AM1&page=last'
//! {"results":[{"changed_packages":[],"units":"mmag","value":5.0},…]}
//! ```

use std::process::ExitCode;

use apikit::testing::example_backend;
use axum::{Json, Router, extract::Query, routing::get};
use serde::Deserialize;
use serde_json::{Value, json};

fn main() -> ExitCode {
    example_backend(Router::new().route("/dashboard/api/measurements/", get(measurements)))
}

#[derive(Deserialize)]
struct Wanted {
    metric: String,
}

/// The last page of measurements: empty for a metric that nobody knows.
async fn measurements(Query(wanted): Query<Wanted>) -> Json<Value> {
    let results = match wanted.metric.as_str() {
        "AM1" => json!([
            measured(5.0, "mmag", &[]),
            measured(5.1, "mmag", &["afw", "meas_base"])
        ]),
        "AM2" => json!([
            measured(0.0, "mmag", &[]),
            measured(0.25, "mmag", &["obs_cfht"])
        ]),
        "PA1" => json!([measured(12.5, "mmag", &[])]),
        _ => json!([]),
    };
    Json(json!({ "results": results }))
}

fn measured(value: f64, units: &str, changed_packages: &[&str]) -> Value {
    json!({"value": value, "units": units, "changed_packages": changed_packages})
}
