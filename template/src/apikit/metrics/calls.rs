//! House: the calls to the back-end, by what came of them.

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

/// The figures on calls to the back-end. Clones share them.
#[derive(Clone, Debug)]
pub struct Calls {
    count: Family<Labels, Counter>,
    times: Family<Labels, Histogram, fn() -> Histogram>,
    /// The figures on each outcome, in the order of [`Outcome`]: found at its first call and kept.
    found: Arc<[OnceLock<(Counter, Histogram)>; OUTCOMES]>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    outcome: &'static str,
}

/// How many outcomes there are.
const OUTCOMES: usize = Outcome::Abandoned as usize + 1;

/// What came of a call, its retries included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The back-end answered with a success.
    Success,
    /// It answered with 4xx, or the caller could not be logged in.
    Refused,
    /// It answered with 5xx, or with what nobody can use.
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

    /// Whether the back-end, or the way to it, is to blame.
    #[cfg(feature = "otlp")]
    pub fn is_fault(self) -> bool {
        matches!(self, Self::Failed | Self::Unreachable | Self::Timeout)
    }
}

impl Default for Calls {
    fn default() -> Self {
        Self {
            count: Family::default(),
            times: Family::new_with_constructor(times),
            found: Arc::default(),
        }
    }
}

impl Calls {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "backend_calls",
            "Calls to the back-end, each with its retries",
            self.count.clone(),
        );
        registry.register_with_unit(
            "backend_call_duration",
            "Times from a call to the head of its answer",
            SECONDS,
            self.times.clone(),
        );
    }

    fn figures(&self, outcome: Outcome) -> &(Counter, Histogram) {
        self.found[outcome as usize].get_or_init(|| {
            let labels = Labels {
                outcome: outcome.label(),
            };
            let count = self.count.get_or_create_owned(&labels);
            (count, self.times.get_or_create_owned(&labels))
        })
    }

    /// Notes a call that begins. It counts as abandoned if it is dropped before it ends.
    pub fn begin(&self) -> Call<'_> {
        Call {
            calls: self,
            start: Instant::now(),
            outcome: Outcome::Abandoned,
        }
    }
}

/// A call that is under way; it is counted when this is dropped.
pub struct Call<'a> {
    calls: &'a Calls,
    start: Instant,
    outcome: Outcome,
}

impl Call<'_> {
    /// Notes what came of the call.
    pub fn end(mut self, outcome: Outcome) {
        self.outcome = outcome;
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        let seconds = self.start.elapsed().as_secs_f64();
        let (count, times) = self.calls.figures(self.outcome);
        count.inc();
        times.observe(seconds);
    }
}
