//! Whether a service still answers quickly while it is in trouble: a route that has nothing to do with the
//! trouble is asked two hundred times in a second.

use std::{
    fs,
    net::SocketAddr,
    time::{Duration, Instant},
};

use crate::load::{Load, Pace, Running, Seen};

/// How late the slowest answer in a hundred should be. It is told where it is later, as other programs of the machine may be
/// to blame.
const GOAL: Duration = Duration::from_millis(10);

/// How late it may be: for this, the service is to blame.
const BOUND: Duration = Duration::from_secs(1);

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
        let late = seen.quantile(0.99, |_| true);
        let verdict = if late < GOAL { "in time" } else { "LATE" };
        println!(
            "{meanwhile}: another route: {seen}; {verdict}; programs waited for a processor for {:.0} % of the time",
            100.0 * busy
        );
        seen.assert_no_faults();
        assert_eq!(seen.count(|status| status != 200), 0, "{meanwhile}: {seen}");
        assert!(late < BOUND, "{meanwhile}: {seen}");
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
