//! Whether a service still answers quickly while it is in trouble: a route that has nothing to do with the
//! trouble is asked two hundred times in a second.

use std::{
    fs,
    net::SocketAddr,
    time::{Duration, Instant},
};

use crate::load::{Load, Pace, Running, Seen};

/// How late the slowest answer in a hundred may be.
const BOUND: Duration = Duration::from_millis(10);

/// How late it may be on a machine where programs wait for a processor for most of the time. Then nobody can
/// tell who is to blame for some milliseconds; for this, the service is.
const BOUND_WHEN_BUSY: Duration = Duration::from_millis(100);

/// The share of time from which on a machine is that busy.
const BUSY: f64 = 0.5;

/// A watch that is kept until it is [ended](Self::end).
pub struct Watch {
    asking: Running,
    start: Instant,
    waited: Duration,
}

impl Watch {
    /// Begins to ask for `path`.
    pub fn on(service: SocketAddr, path: &'static str) -> Self {
        let asking = Load {
            service,
            path,
            clients: 4,
            pace: Pace::PerSecond(200.0),
        };
        Self {
            asking: asking.start(),
            start: Instant::now(),
            waited: waited(),
        }
    }

    /// # Panics
    /// When an answer was none or no success, or more than one in a hundred came late.
    pub fn end(self, meanwhile: &str) {
        let seen: Seen = self.asking.stop();
        let waited = waited().saturating_sub(self.waited);
        let busy = waited.as_secs_f64() / self.start.elapsed().as_secs_f64();
        println!(
            "{meanwhile}: another route: {seen}; the machine was busy for {:.0} %",
            100.0 * busy
        );
        seen.assert_no_faults();
        assert_eq!(seen.count(|status| status != 200), 0, "{meanwhile}: {seen}");
        let bound = if busy > BUSY { BOUND_WHEN_BUSY } else { BOUND };
        let late = seen.quantile(0.99, |_| true);
        assert!(late < bound, "{meanwhile}: {seen}");
    }
}

/// For how long some program has waited for a processor since the machine was started, as Linux tells it; nothing
/// where it does not.
fn waited() -> Duration {
    let pressure = fs::read_to_string("/proc/pressure/cpu").unwrap_or_default();
    let total = pressure
        .lines()
        .next()
        .and_then(|some| some.split("total=").nth(1));
    Duration::from_micros(
        total
            .and_then(|total| total.parse().ok())
            .unwrap_or_default(),
    )
}
