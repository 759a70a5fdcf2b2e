//! House: log lines, as JSON for machines or in colour for a terminal.

use std::{
    fs::{File, OpenOptions},
    io::{self, IsTerminal},
    panic,
    path::PathBuf,
    sync::Arc,
};

use clap::{Args, ValueEnum};
use tracing_subscriber::{EnvFilter, fmt::writer::BoxMakeWriter};

/// What is logged, in which form, and where to.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Logs")]
pub struct LogSettings {
    /// The least level that is logged: error, warn, info, debug or trace
    ///
    /// DEBUG, when set to anything but 0 or nothing, makes it debug. RUST_LOG, when set, decides
    /// instead, module by module: RUST_LOG=info,hyper=debug
    #[arg(long, env = "LOGLEVEL", default_value = "info", value_parser = level, value_name = "LEVEL")]
    pub log_level: tracing::Level,

    /// One JSON object per line, or text for people [default: pretty on a terminal, else json]
    #[arg(long, env, value_enum, ignore_case = true, value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,

    /// A file to append to, instead of standard output
    #[arg(long, env = "LOGFILE", value_name = "FILE")]
    pub log_file: Option<PathBuf>,
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
    /// Starts logging for the whole process, panics included.
    ///
    /// # Errors
    /// One sentence, when the log file cannot be opened or RUST_LOG cannot be read.
    pub fn start(&self) -> Result<(), String> {
        let filter = self.filter()?;
        let file = self.open()?;
        let terminal = file.is_none() && io::stdout().is_terminal();
        let format = self.log_format.unwrap_or(match terminal {
            true => LogFormat::Pretty,
            false => LogFormat::Json,
        });
        let writer = match file {
            Some(file) => BoxMakeWriter::new(Arc::new(file)),
            None => BoxMakeWriter::new(io::stdout),
        };

        let builder = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(writer)
            .with_ansi(terminal);
        match format {
            LogFormat::Pretty => builder.init(),
            LogFormat::Json => builder
                .json()
                .flatten_event(true)
                .with_span_list(false)
                .init(),
        }
        panic::set_hook(Box::new(|panic| {
            tracing::error!(panic = %panic, "the program panicked");
        }));
        Ok(())
    }

    /// Opens the log file, when there is one, so that a wrong name is known before the port opens.
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

    /// What is logged at all.
    ///
    /// # Errors
    /// One sentence, when RUST_LOG cannot be read.
    pub fn filter(&self) -> Result<EnvFilter, String> {
        let rules = self.rules();
        let filter = EnvFilter::try_new(&rules).map_err(|_| {
            format!("RUST_LOG={rules:?} is no log filter such as info,hyper=debug.")
        })?;
        // These would write down whole pages, and what they hold: a login's tokens, codes and states.
        Ok([
            "html5ever=off",
            "markup5ever=off",
            "selectors=off",
            "cookie_store=off",
        ]
        .into_iter()
        .map(|silent| silent.parse().expect("it is a directive"))
        .fold(filter, EnvFilter::add_directive))
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
