//! The metrics of logins and sessions.

use std::fmt;

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
};

use super::Proxy;

/// The outcome of a login that opened a session. The others are the reasons of failures.
const SUCCESS: &str = "success";

impl Collector for Proxy {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let counts = self.counts();
        let help = "Logins at the OAuth2 proxy.";
        let mut logins =
            encoder.encode_descriptor("backend_logins", help, None, MetricType::Counter)?;
        for (outcome, count) in [(SUCCESS, counts.logins)]
            .into_iter()
            .chain(counts.failures)
        {
            let labels = [("outcome", outcome)];
            ConstCounter::new(count).encode(logins.encode_family(&labels)?)?;
        }
        let help = "Sessions that are open.";
        let sessions =
            encoder.encode_descriptor("backend_sessions", help, None, MetricType::Gauge)?;
        let live = i64::try_from(counts.live).unwrap_or(i64::MAX);
        ConstGauge::new(live).encode(sessions)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Proxy")
    }
}
