//! House: the flags and variables that every service has.

use std::{env, ffi::OsStr, net::SocketAddr, process, time::Duration};

use clap::{
    Args, Parser, Subcommand,
    builder::{FalseyValueParser, Resettable},
    error::ErrorKind,
};

use super::{Backend, Readiness, backend::BackendSettings, logs::LogSettings, serve::Stopping};

/// Reads the command line and the environment, as [`Parser::parse`] does, but for two things: a
/// variable that is set to nothing counts as unset, as manifests often have it, and a wrong value is
/// one sentence.
pub fn parse<C: Parser>() -> C {
    let is_empty = |name: &OsStr| env::var_os(name).is_some_and(|value| value.is_empty());
    let command = C::command().mut_args(|argument| match argument.get_env() {
        Some(name) if is_empty(name) => argument.env(Resettable::Reset),
        _ => argument,
    });
    let name = command.get_name().to_owned();
    let parsed = command
        .try_get_matches()
        .and_then(|matches| C::from_arg_matches(&matches));
    parsed.unwrap_or_else(|error| match error.kind() {
        ErrorKind::ValueValidation | ErrorKind::InvalidValue => {
            let text = error.to_string();
            let sentence = text.lines().next().unwrap_or_default();
            eprintln!("{name}: {}", sentence.trim_start_matches("error: "));
            process::exit(MISCONFIGURED.into())
        }
        _ => error.exit(),
    })
}

/// The exit code for a wrong flag or variable, as clap has it too.
pub const MISCONFIGURED: u8 = 2;

/// The settings of the house. Each is a flag, and a variable of the environment.
#[derive(Args, Clone, Debug)]
pub struct Settings {
    /// What to do instead of serving
    #[command(subcommand)]
    pub command: Option<Command>,

    /// Check the configuration and exit
    #[arg(long)]
    pub check_config: bool,

    /// Where the service listens, as ADDRESS:PORT, such as 127.0.0.1:8080
    #[arg(long, env, default_value = "0.0.0.0:8080", value_parser = address, value_name = "ADDRESS")]
    pub listen: SocketAddr,

    /// How long a request may take, retries included
    #[arg(long, env, default_value = "30s", value_parser = time, value_name = "TIME")]
    pub request_timeout: Duration,

    /// How many requests may run at once; more are told 503 and Retry-After
    #[arg(long, env, default_value_t = 1024, value_parser = count, value_name = "COUNT")]
    pub max_in_flight: usize,

    /// How long the service goes on taking requests after SIGTERM, until load balancers have noticed
    #[arg(long, env, default_value = "0s", value_parser = time_or_none, value_name = "TIME")]
    pub drain_delay: Duration,

    /// How long requests in flight may take to finish after that
    #[arg(long, env, default_value = "25s", value_parser = time, value_name = "TIME")]
    pub shutdown_grace: Duration,

    /// Let /readyz answer 503 while the back-end does not answer, as seen every 5s at most
    ///
    /// Any answer below 500 will do. Where all replicas have one back-end, its outage then takes all of
    /// them out of service, and callers get the load balancer's words for it.
    #[arg(long, env, value_parser = FalseyValueParser::new())]
    pub ready_check_backend: bool,

    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would print it as the help of a flag")]
    pub backend: BackendSettings,

    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would print it as the help of a flag")]
    pub logs: LogSettings,
}

impl Settings {
    /// When the service wants requests.
    pub fn readiness(&self, backend: &Backend) -> Readiness {
        match self.ready_check_backend {
            true => Readiness::checking(backend.clone()),
            false => Readiness::default(),
        }
    }

    /// How the service stops.
    pub fn stopping(&self) -> Stopping {
        Stopping {
            drain_delay: self.drain_delay,
            grace: self.shutdown_grace,
        }
    }
}

/// What the program can do besides serving.
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum Command {
    /// Print the metadata as JSON
    Metadata,
    /// Print what the service answers, in OpenAPI 3.1 as JSON
    Openapi,
    /// Ask the running service on the listen address whether it lives: exit code 0 or 1
    Healthcheck,
}

fn address(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse()
        .map_err(|_| "it must be ADDRESS:PORT, such as 0.0.0.0:8080")
}

/// A whole number greater than zero.
pub(super) fn count(text: &str) -> Result<usize, &'static str> {
    match text.parse() {
        Ok(count) if count > 0 => Ok(count),
        _ => Err("it must be a whole number of at least 1"),
    }
}

fn time_or_none(text: &str) -> Result<Duration, &'static str> {
    humantime::parse_duration(text).map_err(|_| "it must be a time such as 500ms, 10s or 2m")
}

/// A time span greater than zero, such as `500ms` or `10s`.
pub(super) fn time(text: &str) -> Result<Duration, &'static str> {
    match time_or_none(text)? {
        Duration::ZERO => Err("it must be more than zero, such as 500ms or 10s"),
        time => Ok(time),
    }
}
