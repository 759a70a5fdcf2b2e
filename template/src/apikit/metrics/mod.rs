//! House: the figures that Prometheus collects at `/metrics`.
//!
//! - `requests`: what callers asked and how it was answered;
//! - `calls`: what the back-end was asked and what came of it;
//! - `process`: what the process takes of the machine.

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

use super::metadata::Metadata;
use calls::Calls;
use requests::Requests;

/// Where the figures are served: at the root alone, so that no Ingress publishes them.
pub(super) const PATH: &str = "/metrics";

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The figures of one service, the house's and the author's. Clones share them.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Mutex<Registry>,
    requests: Requests,
    calls: Calls,
    dropped_lines: Counter,
}

impl Metrics {
    /// The house's figures for the service with this metadata. `route` is where it is served besides
    /// the root: both count as one.
    pub fn new(metadata: &Metadata, route: &str) -> Self {
        let metrics = Self::with_route(route);
        // A gauge that is always 1, as everybody can read; not everybody knows OpenMetrics' own type.
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
            calls: Calls::default(),
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

    /// Shows a metric at `/metrics`: keep a clone of it, and count.
    ///
    /// ```
    /// # use uservice::apikit::Metrics;
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

    /// Shows figures that are looked up when they are asked for.
    pub fn collect(&self, collector: impl Collector) {
        self.registry().register_collector(Box::new(collector));
    }

    /// All figures, in the text form of OpenMetrics.
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

    /// The calls to the back-end.
    pub fn calls(&self) -> &Calls {
        &self.0.calls
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
    /// Figures of no service in particular, as tests and parts that stand alone have them.
    fn default() -> Self {
        Self::with_route("")
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

/// `GET /metrics`, in the text form of OpenMetrics, which Prometheus and its kin ask for first.
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
