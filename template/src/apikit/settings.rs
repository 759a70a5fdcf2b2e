//! House: the flags and variables that every service has.

use std::{net::SocketAddr, time::Duration};

use clap::{Args, Subcommand};

use super::{backend::BackendSettings, serve::Stopping, telemetry::LogSettings};

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

    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would print it as the help of a flag")]
    pub backend: BackendSettings,

    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would print it as the help of a flag")]
    pub logs: LogSettings,
}

impl Settings {
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
    /// Ask the running service on the listen address whether it lives: exit code 0 or 1
    Healthcheck,
}

fn address(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse()
        .map_err(|_| "it must be ADDRESS:PORT, such as 0.0.0.0:8080")
}

fn count(text: &str) -> Result<usize, &'static str> {
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
