//! What the catalogue sees, as metrics for Prometheus.

use std::fmt;

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{family::Family, gauge::Gauge},
};

use super::{
    catalogue::Catalogue,
    known::{Known, Status},
};

/// Reads the catalogue whenever metrics are collected.
pub struct Sights(pub Catalogue);

type Gauges = Family<Vec<(&'static str, String)>, Gauge>;

impl fmt::Debug for Sights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sights")
    }
}

impl Collector for Sights {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let services = self.0.services();
        let (counts, up, departures) = <(Gauges, Gauges, Gauges)>::default();
        for status in Status::ALL {
            let with = |known: &&std::sync::Arc<Known>| known.status == status;
            let count = services.by_name.values().filter(with).count();
            let labels = vec![("status", status.word().to_owned())];
            counts.get_or_create(&labels).set(count as i64);
        }
        for (name, known) in &services.by_name {
            let is_up = i64::from(known.status != Status::Fail);
            up.get_or_create(&vec![("service", name.clone())])
                .set(is_up);
            if let Some(known) = &known.departures {
                departures
                    .get_or_create(&vec![("service", name.clone())])
                    .set(known.len() as i64);
            }
        }
        let bytes = services.document_bytes() as i64;
        let bytes_gauge: Gauge = Gauge::default();
        bytes_gauge.set(bytes);
        for (name, help, metric) in [
            ("catalogue_services", "Services, by how they stand", &counts),
            ("catalogue_service_up", "Whether a service answers", &up),
            (
                "catalogue_service_departures",
                "Rules of the contract that a service departs from",
                &departures,
            ),
        ] {
            let kind = metric.metric_type();
            metric.encode(encoder.encode_descriptor(name, help, None, kind)?)?;
        }
        let (name, help) = (
            "catalogue_document_bytes",
            "OpenAPI documents that are kept, in bytes",
        );
        let kind = bytes_gauge.metric_type();
        bytes_gauge.encode(encoder.encode_descriptor(name, help, None, kind)?)
    }
}
