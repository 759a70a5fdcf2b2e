//! The metrics of calls to back-ends, by outcome.

use std::{
    sync::{Arc, OnceLock},
    time::Instant,
};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::Registry,
};

use super::{SECONDS, times};

/// The metrics of calls to all back-ends. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct CallFamilies {
    count: Family<Labels, Counter>,
    times: Family<Labels, Histogram, fn() -> Histogram>,
}

/// The metrics of calls to one back-end. Clones share them.
#[derive(Clone, Debug)]
pub struct Calls {
    backend: &'static str,
    families: CallFamilies,
    /// The metrics of each outcome, in the order of [`Outcome`], looked up at its first call.
    series: Arc<[OnceLock<(Counter, Histogram)>; OUTCOMES]>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    backend: &'static str,
    outcome: &'static str,
}

/// How many outcomes there are.
const OUTCOMES: usize = Outcome::Abandoned as usize + 1;

/// The outcome of a call, its retries included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The back-end answered with a success.
    Success,
    /// It answered with 4xx, or the caller could not be logged in.
    Refused,
    /// It answered with 5xx, or with an answer that cannot be used.
    Failed,
    /// It could not be reached.
    Unreachable,
    /// It took too long.
    Timeout,
    /// The caller left before it answered.
    Abandoned,
}

impl Outcome {
    /// The outcome as a label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::Abandoned => "abandoned",
        }
    }

    /// Whether it is a fault of the back-end or of the network.
    #[cfg(feature = "otlp")]
    pub fn is_fault(self) -> bool {
        matches!(self, Self::Failed | Self::Unreachable | Self::Timeout)
    }
}

impl Default for CallFamilies {
    fn default() -> Self {
        Self {
            count: Family::default(),
            times: Family::new_with_constructor(times),
        }
    }
}

impl CallFamilies {
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "backend_calls",
            "Calls to back-ends, each with its retries",
            self.count.clone(),
        );
        registry.register_with_unit(
            "backend_call_duration",
            "Times from a call to the head of its answer",
            SECONDS,
            self.times.clone(),
        );
    }

    /// The metrics of calls to the back-end of that name.
    pub fn of(&self, backend: &'static str) -> Calls {
        Calls {
            backend,
            families: self.clone(),
            series: Arc::default(),
        }
    }
}

impl Calls {
    fn series(&self, outcome: Outcome) -> &(Counter, Histogram) {
        self.series[outcome as usize].get_or_init(|| {
            let labels = Labels {
                backend: self.backend,
                outcome: outcome.label(),
            };
            let families = &self.families;
            let count = families.count.get_or_create_owned(&labels);
            (count, families.times.get_or_create_owned(&labels))
        })
    }

    /// Begins a call. It counts as abandoned if it is dropped before it ends.
    pub fn begin(&self) -> Call<'_> {
        Call {
            calls: self,
            start: Instant::now(),
            outcome: Outcome::Abandoned,
        }
    }
}

/// A call in progress; it is counted when this is dropped.
pub struct Call<'a> {
    calls: &'a Calls,
    start: Instant,
    outcome: Outcome,
}

impl Call<'_> {
    /// Ends the call with this outcome.
    pub fn end(mut self, outcome: Outcome) {
        self.outcome = outcome;
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        let seconds = self.start.elapsed().as_secs_f64();
        let (count, times) = self.calls.series(self.outcome);
        count.inc();
        times.observe(seconds);
    }
}
