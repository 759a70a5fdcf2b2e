//! The metrics that Prometheus collects at `/metrics`.
//!
//! - `requests`: requests of callers;
//! - `calls`: calls to back-ends;
//! - `process`: CPU, memory and file descriptors of the process.

pub mod calls;
mod process;
pub mod requests;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard},
};

use axum::{Router, extract::State, http::header, response::IntoResponse, routing::get};
use prometheus_client::{
    collector::Collector,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Metric, Registry, Unit},
};

use crate::metadata::Metadata;
use calls::{CallFamilies, Calls};
use requests::Requests;

/// The path of the metrics. It is served at the root alone, so that no Ingress publishes it.
pub(super) const PATH: &str = "/metrics";

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The metrics of one service, apikit's and the author's. Clones share them.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Mutex<Registry>,
    requests: Requests,
    calls: CallFamilies,
    dropped_lines: Counter,
}

impl Metrics {
    /// apikit's own metrics for the service with this metadata. `route` is the path below which it is served as
    /// well as at the root: both count as one.
    pub fn new(metadata: &Metadata, route: &str) -> Self {
        let metrics = Self::with_route(route);
        // A gauge that is always 1: not every reader knows the type `info` of OpenMetrics.
        let build = Family::<Vec<(&str, &str)>, Gauge>::default();
        let labels = vec![("name", metadata.name), ("version", metadata.version)];
        build.get_or_create(&labels).set(1);
        metrics.register("uservice_build_info", "Which service this is", build);
        metrics
    }

    fn with_route(route: &str) -> Self {
        let metrics = Self(Arc::new(Inner {
            registry: Mutex::default(),
            requests: Requests::new(route),
            calls: CallFamilies::default(),
            dropped_lines: Counter::default(),
        }));
        {
            let mut registry = metrics.registry();
            metrics.0.requests.register(&mut registry);
            metrics.0.calls.register(&mut registry);
            registry.register(
                "log_lines_dropped",
                "Log lines that could not be written",
                metrics.0.dropped_lines.clone(),
            );
            process::register(&mut registry);
        }
        metrics
    }

    /// Adds a metric to `/metrics`: keep a clone of it, and count.
    ///
    /// ```
    /// # use apikit::Metrics;
    /// use prometheus_client::metrics::counter::Counter;
    ///
    /// # let metrics = Metrics::default();
    /// let jobs = Counter::<u64>::default();
    /// metrics.register("jobs_asked", "Jobs that callers asked for", jobs.clone());
    /// jobs.inc();
    /// assert!(metrics.to_text().contains("jobs_asked_total 1"));
    /// ```
    pub fn register(&self, name: &str, help: &str, metric: impl Metric) {
        self.registry().register(name, help, metric);
    }

    /// Adds metrics whose values are read when they are collected.
    pub fn collect(&self, collector: impl Collector) {
        self.registry().register_collector(Box::new(collector));
    }

    /// All metrics, in the text format of OpenMetrics.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry())
            .expect("a string takes whatever is written");
        text
    }

    /// The requests that callers send.
    pub fn requests(&self) -> &Requests {
        &self.0.requests
    }

    /// The calls to the back-end of that name.
    pub(super) fn calls_to(&self, backend: &'static str) -> Calls {
        self.0.calls.of(backend)
    }

    /// The log lines that could not be written.
    pub fn dropped_lines(&self) -> &Counter {
        &self.0.dropped_lines
    }

    fn registry(&self) -> MutexGuard<'_, Registry> {
        let registry = self.0.registry.lock();
        registry.expect("nobody panics while holding it")
    }
}

impl Default for Metrics {
    /// Metrics without a service's name and route: for tests, and for pieces that are used alone.
    fn default() -> Self {
        Self::with_route("")
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

/// `GET /metrics`, in the text format of OpenMetrics, which Prometheus prefers.
pub fn router(metrics: Metrics) -> Router {
    let answer = |State(metrics): State<Metrics>| async move {
        ([(header::CONTENT_TYPE, OPEN_METRICS)], metrics.to_text()).into_response()
    };
    Router::new().route(PATH, get(answer)).with_state(metrics)
}

/// A histogram of times, from a millisecond to beyond the default time limit of a request.
fn times() -> Histogram {
    Histogram::new([
        0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
    ])
}

/// The unit of times.
const SECONDS: Unit = Unit::Seconds;
