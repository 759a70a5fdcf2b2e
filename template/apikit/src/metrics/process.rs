//! The metrics of the process: CPU, memory and file descriptors on Linux; elsewhere, its start alone.

use std::{
    fmt, fs,
    time::{SystemTime, UNIX_EPOCH},
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{counter::ConstCounter, gauge::ConstGauge},
    registry::{Registry, Unit},
};

use crate::file_descriptors;

/// How many ticks a second has when Linux counts CPU time, on all common architectures.
const TICKS: f64 = 100.0;

pub(super) fn register(registry: &mut Registry) {
    let start = SystemTime::now().duration_since(UNIX_EPOCH);
    registry.register_with_unit(
        "process_start_time",
        "When the process started, since the epoch",
        Unit::Seconds,
        ConstGauge::new(start.unwrap_or_default().as_secs_f64()),
    );
    registry.register_collector(Box::new(Process));
}

/// Reads `/proc` when the metrics are collected.
#[derive(Debug)]
struct Process;

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let mut show = |name, help, unit: Option<&Unit>, metric: &dyn EncodeMetric| {
            let kind = metric.metric_type();
            metric.encode(encoder.encode_descriptor(name, help, unit, kind)?)
        };
        if let Some(seconds) = cpu_seconds() {
            let help = "CPU time of the process, in user and system.";
            let metric = ConstCounter::new(seconds);
            show("process_cpu", help, Some(&Unit::Seconds), &metric)?;
        }
        if let Some(bytes) = resident_bytes() {
            let help = "Memory that the process holds.";
            let metric = ConstGauge::new(bytes);
            show("process_resident_memory", help, Some(&Unit::Bytes), &metric)?;
        }
        if let Some(count) = open_fds() {
            let help = "File descriptors that are open.";
            show("process_open_fds", help, None, &ConstGauge::new(count))?;
        }
        if let Some(limit) = max_fds() {
            let help = "File descriptors that may be open.";
            show("process_max_fds", help, None, &ConstGauge::new(limit))?;
        }
        Ok(())
    }
}

fn cpu_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the process may hold anything; the fields behind it are numbers.
    let mut fields = stat.rsplit(')').next()?.split_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / TICKS)
}

fn resident_bytes() -> Option<i64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: i64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024)
}

fn max_fds() -> Option<i64> {
    i64::try_from(file_descriptors::limit()?).ok()
}

fn open_fds() -> Option<i64> {
    i64::try_from(fs::read_dir("/proc/self/fd").ok()?.count()).ok()
}
