//! House: the story of the process: configuration, logs, back-end, app, serve until told to stop.

use std::process::ExitCode;

use uservice::{
    apikit::{
        Backend, Readiness, health, serve,
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
        Some(Command::Metadata) => {
            println!("{}", METADATA.to_json());
            Ok(())
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
    let backend = Backend::new(&settings.backend, AUTH, NAME, settings.request_timeout)
        .map_err(Failure::Configuration)?;
    let readiness = Readiness::default();
    // Routes that contradict each other panic here, where the author sees it.
    let app = app::router(config, backend, readiness.clone());
    settings.logs.start().map_err(Failure::Configuration)?;
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
    serve::serve(listener, app, readiness, settings.stopping(), stop)
        .await
        .map_err(Failure::Running)?;
    tracing::info!("{NAME} has stopped");
    Ok(())
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
