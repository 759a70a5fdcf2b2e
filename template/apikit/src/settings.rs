//! The flags and variables that every service has.

use std::{net::SocketAddr, time::Duration};

use clap::{Args, Subcommand, builder::FalseyValueParser};

use crate::{
    backend::BackendSettings,
    body_memory::BodyMemory,
    cors::AllowOrigin,
    logs::LogSettings,
    open_connections,
    serve::Stopping,
    value_parsers::{count, size, time, time_or_none},
};

/// The settings that every service has. Each is a flag, and a variable of the environment.
#[derive(Args, Clone, Debug)]
pub struct Settings {
    /// What to do instead of serving
    #[command(subcommand)]
    pub command: Option<Command>,

    /// Check the configuration, the start of the service included, and exit before the port opens
    #[arg(long)]
    pub check_config: bool,

    /// Where the service listens, as ADDRESS:PORT, such as 127.0.0.1:8080
    #[arg(long, env, default_value = "0.0.0.0:8080", value_parser = address, value_name = "ADDRESS")]
    pub listen: SocketAddr,

    /// How long a request may take, retries included; an upload that is passed on may take longer, as long as 64 KiB of it come
    /// within this time
    #[arg(long, env, default_value = "30s", value_parser = time, value_name = "TIME")]
    pub request_timeout: Duration,

    /// How many requests may run at once; more get 503 and Retry-After
    #[arg(long, env, default_value_t = 1024, value_parser = count, value_name = "COUNT")]
    pub max_in_flight: usize,

    /// How many connections may be open at once; for one more, the one that has been idle for longest is closed [default: as
    /// many as a third of the container's memory limit holds at 16KiB each, or 32768 where there is none; and no more than half of
    /// the file descriptors]
    #[arg(long, env, value_parser = count, value_name = "COUNT")]
    pub max_connections: Option<usize>,

    /// How much memory the bodies of requests and of back-ends' answers may take together, such as 64MiB; more get 503
    /// and Retry-After [default: a third of the container's memory limit, or 512MiB where there is none]
    #[arg(long, env, value_parser = size, value_name = "SIZE")]
    pub body_memory: Option<usize>,

    /// How long the service goes on taking requests after SIGTERM, until load balancers have noticed
    #[arg(long, env, default_value = "0s", value_parser = time_or_none, value_name = "TIME")]
    pub drain_delay: Duration,

    /// How long requests in flight may take to finish after that
    #[arg(long, env, default_value = "25s", value_parser = time, value_name = "TIME")]
    pub shutdown_grace: Duration,

    /// Let /readyz answer 503 while the back-end does not answer, as seen every 5s at most
    ///
    /// Any answer below 500 will do. An outage of the back-end then takes all replicas out of service, and callers
    /// get the load balancer's error.
    #[arg(long, env, value_parser = FalseyValueParser::new())]
    pub ready_check_backend: bool,

    /// Which pages of other origins may read answers in a browser: * for all, or origins such as `https://app.example.org`
    /// with commas between them, which may send credentials, too [default: none]
    #[arg(long, env, value_name = "ORIGINS")]
    pub cors_allow_origin: Option<AllowOrigin>,

    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would print it as the help of a flag")]
    pub backend: BackendSettings,

    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would print it as the help of a flag")]
    pub logs: LogSettings,
}

impl Settings {
    /// The memory for bodies.
    pub fn body_memory(&self) -> BodyMemory {
        self.body_memory
            .map_or_else(BodyMemory::of_process, BodyMemory::new)
    }

    /// How many connections may be open at once.
    pub fn max_connections(&self) -> usize {
        self.max_connections.unwrap_or_else(open_connections::most)
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
