//! House: the story of the process: configuration, logs, back-end, app, serve until told to stop.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use uservice::{
    apikit::{
        Backend, Metrics, Traces, Vitals, health, serve,
        settings::{self, Command, MISCONFIGURED},
    },
    app,
    config::Config,
    identity::{AUTH, METADATA, NAME, ROUTE},
};

#[tokio::main]
async fn main() -> ExitCode {
    let config: Config = settings::parse();
    let ended = match config.house.command {
        Some(Command::Metadata) => print(&METADATA.to_json()),
        Some(Command::Openapi) => {
            backend(&config).and_then(|backend| print(&app::document(&config, backend)))
        }
        Some(Command::Healthcheck) => health::ask(config.house.listen)
            .await
            .map_err(Failure::Running),
        None => run(&config).await,
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

async fn run(config: &Config) -> Result<(), Failure> {
    let settings = &config.house;
    let metrics = Metrics::new(&METADATA, ROUTE);
    let backend = backend(config)?.counted_in(&metrics);
    let readiness = settings.readiness(&backend);
    let vitals = Vitals { readiness, metrics };
    // Routes that contradict each other panic here, where the author sees it.
    let app = app::router(config, backend, &vitals);
    let traces = Traces::from_environment(&METADATA).map_err(Failure::Configuration)?;
    let dropped = vitals.metrics.dropped_lines();
    let _writing = settings
        .logs
        .start(NAME, dropped, traces.watcher())
        .map_err(Failure::Configuration)?;
    if settings.check_config {
        return Ok(());
    }

    let stop = serve::told_to_stop();
    let listener = serve::bind(settings.listen)
        .await
        .map_err(Failure::Running)?;
    let listen = listener.local_addr().unwrap_or(settings.listen);
    tracing::info!(
        %listen,
        route = ROUTE,
        backend = %settings.backend.backend_url,
        version = METADATA.version,
        "{NAME} is listening"
    );
    traces.announce();
    let served = serve::serve(listener, app, vitals.readiness, settings.stopping(), stop).await;
    traces.end().await;
    served.map_err(Failure::Running)?;
    tracing::info!("{NAME} has stopped");
    Ok(())
}

fn print(text: &str) -> Result<(), Failure> {
    let sentence = |error| format!("Standard output cannot be written: {error}.");
    writeln!(io::stdout(), "{text}").map_err(|error| Failure::Running(sentence(error)))
}

fn backend(config: &Config) -> Result<Backend, Failure> {
    let settings = &config.house;
    Backend::new(&settings.backend, AUTH, NAME, settings.request_timeout)
        .map_err(Failure::Configuration)
}

/// Why the process ends with an error, in one sentence.
enum Failure {
    /// A wrong flag or variable: exit code 2.
    Configuration(String),
    /// Anything later: exit code 1.
    Running(String),
}

impl Failure {
    fn report(self) -> ExitCode {
        let (sentence, code) = match self {
            Self::Configuration(sentence) => (sentence, MISCONFIGURED),
            Self::Running(sentence) => (sentence, 1),
        };
        eprintln!("{NAME}: {sentence}");
        ExitCode::from(code)
    }
}
