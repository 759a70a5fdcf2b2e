//! House: what the outside can see of the process: whether it wants requests, and its figures.

use super::{Metrics, Readiness};

/// What `/readyz` and `/metrics` tell. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Vitals {
    /// Whether the service wants requests.
    pub readiness: Readiness,
    /// The figures that Prometheus collects.
    pub metrics: Metrics,
}
