//! The life of a service's process: configuration, logs, the start, the port, requests, the end.

use std::{
    any::Any,
    ffi::OsString,
    io::{self, Write},
    panic::{self, AssertUnwindSafe},
    process::ExitCode,
};

use clap::Args;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use tokio::time::Instant;

use crate::{
    app::{App, Served, Started},
    backend::Network,
    configuration::{self, Environment, Invocation, MISCONFIGURED, Refusal},
    file_descriptors, health,
    identity::Identity,
    metrics::Metrics,
    serve::{self, Connections},
    settings::{Command, Settings},
    setup::StartError,
    tasks::Tasks,
    traces::Traces,
};

impl<C: Args + 'static, S: Clone + Send + Sync + 'static> App<C, S> {
    /// Runs the program: reads the command line and the environment, and serves until it is told to stop, or does
    /// what a subcommand asks for. See `--help`.
    ///
    /// The exit code is 0, 2 where a setting is wrong, and 1 where something else is; one sentence on standard
    /// error says what.
    pub fn run(self) -> ExitCode {
        self.run_from(std::env::args_os())
    }

    /// As [`run`](Self::run), with a command line of another's: for a program of which the service is one subcommand. The
    /// first of `arguments` is the program, as `--help` is to show it.
    pub fn run_from(
        self,
        arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    ) -> ExitCode {
        let name = self.identity.metadata.name;
        let read = configuration::read(&self.identity, arguments, Environment::OfProcess);
        let ended = match read {
            Ok(invocation) => run(self, invocation),
            Err(Refusal::Clap(error)) => error.exit(),
            Err(Refusal::Sentence(sentence)) => Err(Failure::Configuration(sentence)),
        };
        match ended {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => failure.report(name),
        }
    }
}

#[tokio::main]
async fn run<C, S>(app: App<C, S>, invocation: Invocation<C>) -> Result<(), Failure>
where
    C: 'static,
    S: Clone + Send + Sync + 'static,
{
    match invocation {
        Invocation::Serve(settings, config) => serve_until_stopped(app, &settings, &config).await,
        Invocation::Other(settings) => match settings.command {
            Some(Command::Metadata) => print(&app.identity.metadata.to_json()),
            Some(Command::Openapi) => print(&app.document()),
            Some(Command::Healthcheck) | None => {
                health::ask(settings.listen).await.map_err(Failure::Running)
            }
        },
    }
}

async fn serve_until_stopped<C, S>(
    app: App<C, S>,
    settings: &Settings,
    config: &C,
) -> Result<(), Failure>
where
    C: 'static,
    S: Clone + Send + Sync + 'static,
{
    let Identity {
        metadata, route, ..
    } = app.identity;
    let name = metadata.name;
    file_descriptors::raise_limit();
    let metrics = Metrics::new(&metadata, route);
    let traces = Traces::from_environment(&metadata).map_err(Failure::Configuration)?;
    let _writing = settings
        .logs
        .start(name, metrics.dropped_lines(), traces.layer())
        .map_err(Failure::Configuration)?;
    let started = app.start(settings, config, metrics, Network::Everywhere);
    let served = assembled(started.await?)?;
    if settings.check_config {
        return Ok(());
    }

    let stop = serve::shutdown_signal();
    let listener = serve::bind(settings.listen)
        .await
        .map_err(Failure::Running)?;
    let listen = listener.local_addr().unwrap_or(settings.listen);
    tracing::info!(
        %listen,
        route,
        backend = %settings.backend.backend_url,
        version = metadata.version,
        "{name} is listening"
    );
    traces.log_start();
    let ended = serve_with_tasks(listener, served, settings, stop).await;
    traces.end().await;
    ended.map_err(Failure::Running)?;
    tracing::info!("{name} has stopped");
    Ok(())
}

/// Puts the routes together. Where they contradict each other, axum panics; that becomes a sentence.
fn assembled<S>(started: Started<S>) -> Result<Served, Failure>
where
    S: Clone + Send + Sync + 'static,
{
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let served = panic::catch_unwind(AssertUnwindSafe(|| started.assemble()));
    panic::set_hook(hook);
    served.map_err(|panic| {
        let why = message(&*panic);
        Failure::Configuration(format!("The routes of the service cannot be served: {why}"))
    })
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("they contradict each other.")
}

/// Serves a service and runs its tasks until `stop` completes or an essential task ends; then lets requests, tasks
/// and jobs finish within one grace period.
pub(crate) async fn serve_with_tasks(
    listener: tokio::net::TcpListener,
    served: Served,
    settings: &Settings,
    stop: impl Future<Output = ()>,
) -> Result<(), String> {
    let Served {
        routers,
        metrics,
        shutdown,
        jobs,
        tasks: authors,
    } = served;
    let tasks = Tasks::default();
    for task in authors {
        tasks.start(task, &shutdown);
    }
    let stop = async {
        tokio::select! {
            () = stop => {}
            () = tasks.ended() => {}
        }
    };
    let stopping = settings.stopping();
    let most = settings.max_connections();
    let count = show_connections(&metrics, most);
    let connections = Connections::new(routers, &shutdown, most, count);
    let open = connections.take(listener, stopping, stop).await;
    let cut_short = tasks.have_ended();
    let deadline = Instant::now() + stopping.grace;
    let requests_and_jobs = async {
        let requests = open.finish(deadline).await;
        (requests, jobs.finish(deadline).await)
    };
    let ((requests, jobs), tasks) = tokio::join!(requests_and_jobs, tasks.finish(deadline));
    let needed = match cut_short {
        true => Err("A task has ended that the service needs.".to_owned()),
        false => Ok(()),
    };
    let faults = [needed, requests, jobs, tasks];
    let faults: Vec<_> = faults.into_iter().filter_map(Result::err).collect();
    for fault in &faults {
        tracing::error!("{fault}");
    }
    match faults.is_empty() {
        true => Ok(()),
        false => Err(faults.join(" ")),
    }
}

/// Puts the connections among the metrics: how many are open, by the gauge that is returned, and how many may be.
fn show_connections(metrics: &Metrics, most: usize) -> Gauge {
    let (name, count) = ("http_server_connections", Gauge::default());
    metrics.register(name, "Connections that are open", count.clone());
    let help = "Connections that may be open, while any of them is idle";
    let most = ConstGauge::new(i64::try_from(most).unwrap_or(i64::MAX));
    metrics.register("http_server_connections_limit", help, most);
    count
}

fn print(text: &str) -> Result<(), Failure> {
    let sentence = |error| format!("Standard output cannot be written: {error}.");
    writeln!(io::stdout(), "{text}").map_err(|error| Failure::Running(sentence(error)))
}

/// Why the process ends with an error, in one sentence.
enum Failure {
    /// A wrong flag or variable: exit code 2.
    Configuration(String),
    /// Anything later: exit code 1.
    Running(String),
}

impl Failure {
    fn report(self, name: &str) -> ExitCode {
        let (sentence, code) = match self {
            Self::Configuration(sentence) => (sentence, MISCONFIGURED),
            Self::Running(sentence) => (sentence, 1),
        };
        eprintln!("{name}: {sentence}");
        ExitCode::from(code)
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        let sentence = error.sentence();
        match error.exit_code() {
            MISCONFIGURED => Self::Configuration(sentence),
            _ => Self::Running(sentence),
        }
    }
}
