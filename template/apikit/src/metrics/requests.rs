//! The metrics of callers' requests, by method, route and status.
//!
//! Labels have few values, whatever callers send: a route is a template such as `/jobs/{job}`, without the
//! service's own prefix, and all unknown paths are one.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use axum::http::Method;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};
use rustc_hash::FxHashMap;

use super::{SECONDS, times};

/// The label of `/<route>` itself. It is the same in all services, and not `/`, which is a health check.
const INDEX: &str = "/<route>";

/// The label of paths that have no route.
const UNKNOWN_ROUTE: &str = "unknown";

/// The label of methods that HTTP itself does not define.
const UNKNOWN_METHOD: &str = "other";

/// The metrics of requests. Clones share them.
#[derive(Clone)]
pub struct Requests(Arc<Inner>);

struct Inner {
    own_route: Box<str>,
    in_flight: Family<RouteLabels, Gauge>,
    answered: Family<StatusLabels, Counter>,
    times: Family<StatusLabels, Histogram, fn() -> Histogram>,
    /// The series so far: for each method, by route as the router has it.
    series: [RwLock<FxHashMap<Box<str>, Arc<Series>>>; METHODS.len()],
}

const METHODS: [&str; 10] = [
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "DELETE",
    "PATCH",
    "OPTIONS",
    "TRACE",
    "CONNECT",
    UNKNOWN_METHOD,
];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    method: &'static str,
    route: Arc<str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StatusLabels {
    method: &'static str,
    route: Arc<str>,
    status: u16,
}

/// The metrics of one method of one route, looked up once.
struct Series {
    labels: RouteLabels,
    in_flight: Gauge,
    /// By status. A route has few of them, and a list is searched faster than a map.
    answers: RwLock<Vec<(u16, Counter, Histogram)>>,
}

/// A request that is being answered. It must be [ended](Self::end).
pub struct InFlight {
    requests: Requests,
    series: Arc<Series>,
}

impl Requests {
    pub(super) fn new(own_route: &str) -> Self {
        Self(Arc::new(Inner {
            own_route: own_route.into(),
            in_flight: Family::default(),
            answered: Family::default(),
            times: Family::new_with_constructor(times),
            series: Default::default(),
        }))
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "http_server_requests_in_flight",
            "Requests that are being answered",
            self.0.in_flight.clone(),
        );
        registry.register(
            "http_server_requests",
            "Requests that were answered; status 499 is for clients that left before",
            self.0.answered.clone(),
        );
        registry.register_with_unit(
            "http_server_request_duration",
            "Times from a request's head to its answer's",
            SECONDS,
            self.0.times.clone(),
        );
    }

    /// The path below which the front end reaches the service.
    pub fn own_route(&self) -> &str {
        &self.0.own_route
    }

    /// Begins a request, at the route that the router has found for it.
    pub fn begin(&self, method: &Method, route: Option<&str>) -> InFlight {
        let series = self.series(method, route.unwrap_or_default());
        series.in_flight.inc();
        InFlight {
            requests: self.clone(),
            series,
        }
    }

    fn series(&self, method: &Method, route: &str) -> Arc<Series> {
        let known = METHODS.iter().position(|name| method == *name);
        let method = known.unwrap_or(METHODS.len() - 1);
        let found = &self.0.series[method];
        if let Some(series) = read(found).get(route) {
            return series.clone();
        }
        let mut found = found.write().unwrap_or_else(PoisonError::into_inner);
        let series = found.entry(route.into()).or_insert_with(|| {
            let labels = RouteLabels {
                method: METHODS[method],
                route: self.label(route).into(),
            };
            Arc::new(Series {
                in_flight: self.0.in_flight.get_or_create_owned(&labels),
                labels,
                answers: RwLock::default(),
            })
        });
        series.clone()
    }

    /// The label of a route: what is served below the service's own route is the same as at the root.
    fn label<'a>(&self, route: &'a str) -> &'a str {
        match route.strip_prefix(&*self.0.own_route) {
            _ if route.is_empty() => UNKNOWN_ROUTE,
            Some("" | "/") if !self.0.own_route.is_empty() => INDEX,
            Some(below) if below.starts_with('/') => below,
            _ => route,
        }
    }
}

impl InFlight {
    /// Ends the request with this status, after this time.
    pub fn end(&self, status: u16, time: Duration) {
        self.series.in_flight.dec();
        let seconds = time.as_secs_f64();
        let answers = read(&self.series.answers);
        if let Some((_, count, times)) = answers.iter().find(|(known, ..)| *known == status) {
            count.inc();
            times.observe(seconds);
            return;
        }
        drop(answers);
        let (count, times) = self.first(status);
        count.inc();
        times.observe(seconds);
    }

    /// The metrics of a status that this route answers with for the first time.
    fn first(&self, status: u16) -> (Counter, Histogram) {
        let labels = StatusLabels {
            method: self.series.labels.method,
            route: self.series.labels.route.clone(),
            status,
        };
        let count = self.requests.0.answered.get_or_create_owned(&labels);
        let times = self.requests.0.times.get_or_create_owned(&labels);
        let answers = self.series.answers.write();
        let mut answers = answers.unwrap_or_else(PoisonError::into_inner);
        if !answers.iter().any(|(known, ..)| *known == status) {
            answers.push((status, count.clone(), times.clone()));
        }
        (count, times)
    }

    /// The route as its label has it.
    pub fn route(&self) -> &str {
        &self.series.labels.route
    }

    /// The method as its label has it.
    pub fn method(&self) -> &'static str {
        self.series.labels.method
    }
}

fn read<T>(lock: &RwLock<T>) -> std::sync::RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}
