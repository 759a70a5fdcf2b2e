//! An axum program as somebody had it, given metadata, the error shape, logs and one more prefix, piece by piece.

use std::net::SocketAddr;

use apikit::{
    Auth, BackendError, ErrorLayer, Metadata, Metrics, Observability, below, logs::LogSettings,
    metadata, metrics,
};
use axum::{Json, Router, extract::Path, routing::get};
use clap::Parser;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// Who the program is, for the front end that it moves behind.
const METADATA: Metadata = Metadata {
    name: env!("CARGO_PKG_NAME"),
    description: env!("CARGO_PKG_DESCRIPTION"),
    repository: env!("CARGO_PKG_REPOSITORY"),
    version: env!("CARGO_PKG_VERSION"),
    api_version: "1.0",
    auth: Auth::None,
};

#[derive(Parser)]
struct Settings {
    /// Where the program listens
    #[arg(long, env, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    // apikit's logs, with LOGLEVEL, LOGFILE and their kin.
    #[command(flatten)]
    logs: LogSettings,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let settings = Settings::parse();
    // What was there before.
    let hours = Router::new().route("/hours/{site}", get(hours));

    // Metadata beside it, and both below the path by which the front end comes.
    let routes = hours.merge(metadata::router(&METADATA));
    let app = routes.clone().merge(below("/hours-program", routes));

    // Errors in the one shape; a line in the log and a count at /metrics for each request.
    let counted = Metrics::new(&METADATA, "/hours-program");
    let app = app
        .merge(metrics::router(counted.clone()))
        .layer((Observability::new(&counted), ErrorLayer));
    let _writing = settings
        .logs
        .start(METADATA.name, counted.dropped_lines(), None)?;

    let listener = TcpListener::bind(settings.listen).await?;
    println!("listening on {}", listener.local_addr()?);
    Ok(axum::serve(listener, app).await?)
}

async fn hours(Path(site): Path<String>) -> apikit::Result<Json<Value>> {
    match site.as_str() {
        "pachon" => Ok(Json(
            json!({"site": site, "opens": "18:00", "closes": "06:30"}),
        )),
        _ => Err(BackendError::not_found(format!("There is no site {site}."))),
    }
}
