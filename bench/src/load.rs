//! Requests from the other core, by wrk.

use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::server::{OTHER_CORE, Server};

/// What each contest is held over.
pub const CONNECTIONS: usize = 64;

/// `ada:demo`
pub const ADA: &str = "Authorization: Basic YWRhOmRlbW8=";

/// A load of requests for one path.
#[derive(Clone, Copy, Debug)]
pub struct Load<'a> {
    pub path: &'a str,
    pub connections: usize,
    pub seconds: u32,
    /// A Lua script for wrk that varies the requests, or nothing.
    pub script: &'a str,
}

/// What came of a load.
#[derive(Clone, Copy, Debug)]
pub struct Answers {
    /// Requests in each second.
    pub rate: f64,
    /// CPU time of the server for each request, in µs.
    pub cpu: f64,
    /// Half of the requests, and all but one in a hundred, took no longer, in ms.
    pub p50: f64,
    pub p99: f64,
}

impl Load<'_> {
    /// Puts the load on a server.
    ///
    /// # Errors
    /// When a request failed.
    pub fn on(&self, server: &Server) -> Result<Answers> {
        let before = server.cpu_time()?;
        let mut wrk = Command::new("taskset");
        wrk.args([
            "-c",
            OTHER_CORE,
            "wrk",
            "-t1",
            "--latency",
            "--timeout",
            "10s",
        ])
        .args(["-c", &self.connections.to_string()])
        .args(["-d", &format!("{}s", self.seconds)])
        .args(["-H", ADA]);
        let script = tempfile::NamedTempFile::new()?;
        if !self.script.is_empty() {
            std::fs::write(&script, self.script)?;
            wrk.arg("-s").arg(script.path());
        }
        let output = wrk.arg(format!("{}{}", server.url(), self.path)).output();
        let output = output.context("wrk cannot be run: it is Debian's package of that name")?;
        let said = String::from_utf8_lossy(&output.stdout);
        let failed = said.contains("Non-2xx") || said.contains("Socket errors");
        ensure!(
            output.status.success() && !failed,
            "{self:?} on {}: {said}",
            server.url()
        );

        let cpu = server.cpu_time()? - before;
        let first = |label: &str| {
            let line = said
                .lines()
                .find_map(|line| line.trim().strip_prefix(label));
            let word = line.and_then(|line| line.split_whitespace().next());
            word.with_context(|| format!("wrk says no {label}: {said}"))
        };
        let requests = said.lines().find(|line| line.contains(" requests in "));
        let requests = requests.and_then(|line| line.split_whitespace().next());
        let requests: f64 = requests.context("wrk counts the requests")?.parse()?;
        Ok(Answers {
            rate: first("Requests/sec:")?.parse()?,
            cpu: cpu.as_secs_f64() * 1e6 / requests,
            p50: milliseconds(first("50%")?)?,
            p99: milliseconds(first("99%")?)?,
        })
    }
}

/// A time as wrk writes it, such as `617.00us`.
fn milliseconds(time: &str) -> Result<f64> {
    for (unit, factor) in [("us", 1e-3), ("ms", 1.0), ("s", 1e3)] {
        if let Some(number) = time.strip_suffix(unit) {
            return Ok(number.parse::<f64>()? * factor);
        }
    }
    anyhow::bail!("{time} is no time")
}
