//! A service whose start goes wrong as its settings say, for apikit's own tests.

use std::{io, process::ExitCode, time::Duration};

use apikit::{App, Auth, Identity, Jobs, Metadata, Setup, Shutdown, StartError, tasks::pause};
use axum::{
    Router,
    extract::{FromRef, State},
    http::StatusCode,
    routing::{get, post},
};
use clap::{Args, ValueEnum};
use utoipa_axum::router::OpenApiRouter;

const IDENTITY: Identity = Identity {
    metadata: Metadata {
        name: "start",
        description: "A service for tests.",
        repository: "https://example.org/start",
        version: "0.1.0",
        api_version: "1.0",
        auth: Auth::None,
    },
    route: "/start",
    listen: "127.0.0.1:8089",
    header: ("", ""),
};

#[derive(Args)]
struct Config {
    /// Whom to greet
    #[arg(long, env)]
    whom: String,

    /// What goes wrong
    #[arg(long, env, value_enum, default_value_t = Fault::None)]
    fault: Fault,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Fault {
    None,
    Configuration,
    Failed,
    Panic,
    SameTask,
    TaskEnds,
    TaskPanics,
    NeededTaskEnds,
    NeededTaskPanics,
    TaskStays,
}

#[derive(Clone, FromRef)]
struct AppState {
    jobs: Jobs,
    shutdown: Shutdown,
}

fn main() -> ExitCode {
    let routes = match std::env::var_os("TAKEN_ROUTE") {
        None => routes,
        Some(_) => taken,
    };
    App::new(IDENTITY, routes, start).run()
}

async fn start(config: &Config, setup: &mut Setup) -> Result<AppState, StartError> {
    tracing::info!(whom = config.whom, "the start runs");
    match config.fault {
        Fault::None => {}
        Fault::Configuration => {
            return Err(StartError::configuration("WHOM is \"x\", which is nobody."));
        }
        Fault::Failed => Err(io::Error::other("the list is away"))?,
        Fault::Panic => panic!("a fault of the author's"),
        Fault::SameTask => {
            setup.spawn("refresh", async |_| {});
            setup.spawn("refresh", async |_| {});
        }
        Fault::TaskEnds => setup.spawn("refresh", async |_| {}),
        Fault::TaskPanics => setup.spawn("refresh", async |_| panic!("a fault of a task")),
        Fault::NeededTaskEnds => setup.spawn_essential("refresh", async |_| {}),
        Fault::NeededTaskPanics => {
            setup.spawn_essential("refresh", async |_| panic!("a fault of a task"));
        }
        Fault::TaskStays => setup.spawn("refresh", |_| std::future::pending()),
    }
    if config.fault == Fault::None {
        setup.spawn("refresh", async |stop| {
            while pause(&stop, Duration::from_secs(3600)).await.is_some() {}
            tracing::info!("the task tidies up");
        });
    }
    Ok(AppState {
        jobs: setup.jobs(),
        shutdown: setup.shutdown(),
    })
}

fn routes() -> OpenApiRouter<AppState> {
    let routes = Router::new()
        .route("/jobs", post(begin_job))
        .route("/panics", post(begin_panic))
        .route("/draining", get(draining));
    OpenApiRouter::from(routes)
}

fn taken() -> OpenApiRouter<AppState> {
    OpenApiRouter::from(Router::new().route("/metadata", get(async || "mine")))
}

/// Accepts a job that is done once the process closes, and so lives only if it outlives its request.
async fn begin_job(State(jobs): State<Jobs>, State(shutdown): State<Shutdown>) -> StatusCode {
    jobs.spawn("report", async move {
        shutdown.closing().await;
        tracing::info!("the report is written");
    });
    StatusCode::ACCEPTED
}

async fn begin_panic(State(jobs): State<Jobs>) -> StatusCode {
    jobs.spawn("report", async { panic!("a fault of a job") });
    StatusCode::ACCEPTED
}

async fn draining(State(shutdown): State<Shutdown>) -> String {
    shutdown.is_draining().to_string()
}
