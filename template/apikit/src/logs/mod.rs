//! Log lines, as JSON for machines or in colour for a terminal. No request waits for them to be written.
//!
//! - `line`: formats a line;
//! - `json`: writes its values;
//! - `sink`: the queue of lines, and the thread that writes them;
//! - `syslog`: lines for a syslog server.

mod json;
mod line;
mod sink;
mod syslog;

use std::{
    fs::{File, OpenOptions},
    io::{self, IsTerminal, Write},
    panic,
    path::PathBuf,
};

use clap::{Args, ValueEnum, builder::FalseyValueParser};
use prometheus_client::metrics::counter::Counter;
use tracing_subscriber::{
    Layer,
    filter::{LevelFilter, Targets},
    fmt,
    layer::SubscriberExt,
    registry,
    util::SubscriberInitExt,
};

use crate::subscriber::{SubscriberLayer, UNLOGGED};
use line::Lines;
use sink::{Output, Sink};
use syslog::{Header, Syslog};

pub use sink::Writing;
pub use syslog::LogHost;

/// What is logged, in which form, and where to.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Logs")]
pub struct LogSettings {
    /// The least level that is logged: error, warn, info, debug or trace
    ///
    /// DEBUG, when set to anything but 0, no, off, false or nothing, makes it debug. RUST_LOG, when set, decides
    /// instead, module by module: RUST_LOG=info,hyper=debug
    #[arg(long, env = "LOGLEVEL", default_value = "info", value_parser = level, value_name = "LEVEL")]
    pub log_level: tracing::Level,

    /// One JSON object per line, or text for people [default: pretty on a terminal, else json]
    #[arg(long, env, value_enum, ignore_case = true, value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,

    /// A file to append to, instead of standard output
    #[arg(long, env = "LOGFILE", value_name = "FILE")]
    pub log_file: Option<PathBuf>,

    /// Send JSON lines to the syslog server on LOGHOST, instead of to a file or standard output
    #[arg(long, env, value_parser = FalseyValueParser::new())]
    pub log_to_syslog: bool,

    /// The syslog server, asked by UDP: HOST or HOST:PORT
    #[arg(
        long,
        env = "LOGHOST",
        default_value = "localhost:514",
        value_name = "HOST"
    )]
    pub log_host: LogHost,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One JSON object
    Json,
    /// Text, coloured on a terminal
    Pretty,
}

impl LogSettings {
    /// Starts logging for the whole process, panics included. `name` is the service's, `dropped`
    /// counts the lines that cannot be written, and `traces` is a layer that gets all spans, whatever the level.
    ///
    /// The guard that is returned writes the last lines when it is dropped.
    ///
    /// # Errors
    /// As [`filter`](Self::filter) and [`layer`](Self::layer).
    pub fn start(
        &self,
        name: &str,
        dropped: &Counter,
        traces: Option<SubscriberLayer>,
    ) -> Result<Writing, String> {
        let filter = self.filter()?;
        let (lines, writing) = self.layer(name, dropped)?;
        match traces {
            // One filter for all: a filter for each layer would look at each span again and again.
            None => registry().with(lines).with(filter).init(),
            Some(traces) => {
                let lines = lines.with_filter(filter).boxed();
                registry().with(vec![traces, lines]).init();
            }
        }
        panic::set_hook(Box::new(|panic| {
            tracing::error!(panic = %panic, "the program panicked");
        }));
        Ok(writing)
    }

    /// The layer that writes log lines as these settings say, without a filter, and its guard.
    ///
    /// # Errors
    /// One sentence, when the log file cannot be opened.
    pub fn layer(
        &self,
        name: &str,
        dropped: &Counter,
    ) -> Result<(SubscriberLayer, Writing), String> {
        let (sink, writing) = Sink::start(self.output()?, dropped.clone());
        let terminal = self.is_terminal();
        let lines: SubscriberLayer = match self.format() {
            LogFormat::Pretty => fmt::layer()
                .with_writer(move || sink.clone())
                .with_ansi(terminal)
                .boxed(),
            LogFormat::Json => {
                let syslog = self.log_to_syslog.then(|| Header::new(name));
                Lines::new(sink, syslog).boxed()
            }
        };
        Ok((lines, writing))
    }

    fn format(&self) -> LogFormat {
        match self.log_format {
            _ if self.log_to_syslog => LogFormat::Json,
            Some(format) => format,
            None if self.is_terminal() => LogFormat::Pretty,
            None => LogFormat::Json,
        }
    }

    fn is_terminal(&self) -> bool {
        !self.log_to_syslog && self.log_file.is_none() && io::stdout().is_terminal()
    }

    fn output(&self) -> Result<Output, String> {
        if self.log_to_syslog {
            return Ok(Output::Syslog(Syslog::new(&self.log_host)));
        }
        let stream: Box<dyn Write + Send> = match self.open()? {
            Some(file) => Box::new(file),
            None => Box::new(io::stdout()),
        };
        Ok(Output::Stream(stream))
    }
    /// Opens the log file, when there is one: a wrong name fails before the port opens.
    ///
    /// # Errors
    /// One sentence, when it cannot be opened for appending.
    pub fn open(&self) -> Result<Option<File>, String> {
        let Some(path) = &self.log_file else {
            return Ok(None);
        };
        let opened = OpenOptions::new().create(true).append(true).open(path);
        opened
            .map(Some)
            .map_err(|error| format!("The log file {path:?} cannot be written: {error}."))
    }

    /// The filter: which levels are logged, by module.
    ///
    /// # Errors
    /// One sentence, when RUST_LOG cannot be read.
    pub fn filter(&self) -> Result<Targets, String> {
        let rules = self.rules();
        let filter: Targets = rules.parse().map_err(|_| {
            format!("RUST_LOG={rules:?} is no log filter such as info,hyper=debug.")
        })?;
        // These would log whole pages, with the tokens, codes and states of a login, or what a collector of
        // traces answers to its credentials.
        Ok(filter
            .with_target("html5ever", LevelFilter::OFF)
            .with_target("markup5ever", LevelFilter::OFF)
            .with_target("selectors", LevelFilter::OFF)
            .with_target("cookie_store", LevelFilter::OFF)
            .with_target("opentelemetry-otlp", LevelFilter::INFO)
            .with_target(UNLOGGED, LevelFilter::OFF))
    }

    fn rules(&self) -> String {
        let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        if let Some(rules) = set("RUST_LOG") {
            return rules;
        }
        let no = ["0", "false", "no", "off"];
        let debug = set("DEBUG").is_some_and(|value| !no.contains(&value.to_lowercase().as_str()));
        let level = match debug {
            true => self.log_level.max(tracing::Level::DEBUG),
            false => self.log_level,
        };
        level.to_string().to_lowercase()
    }
}

/// A level, in Rust's words or in Python's, which the predecessors of this service used.
fn level(text: &str) -> Result<tracing::Level, &'static str> {
    match text.to_ascii_lowercase().as_str() {
        "critical" | "error" => Ok(tracing::Level::ERROR),
        "warning" | "warn" => Ok(tracing::Level::WARN),
        "info" => Ok(tracing::Level::INFO),
        "debug" => Ok(tracing::Level::DEBUG),
        "trace" => Ok(tracing::Level::TRACE),
        _ => Err("it must be error, warn, info, debug or trace"),
    }
}
