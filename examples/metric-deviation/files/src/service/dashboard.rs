//! The dashboard behind this service, and what it answers.

use std::sync::Arc;

use apikit::{Backend, BackendError, Caller, Result};
use serde::Deserialize;
use serde_json::Value;

/// The dashboard's measurements of one data set. Clones share its connections.
#[derive(Clone, Debug)]
pub struct Dashboard {
    backend: Backend,
    dataset: Arc<str>,
}

/// One measurement of a metric. What else the dashboard says of it is passed over.
#[derive(Debug, Deserialize)]
pub struct Measurement {
    pub value: f64,
    pub units: Option<String>,
    /// The packages that are others than in the run before, each as the dashboard puts it.
    pub changed_packages: Option<Vec<Value>>,
}

/// A page of measurements, the oldest first.
#[derive(Deserialize)]
struct Page {
    results: Vec<Measurement>,
}

impl Dashboard {
    pub fn new(backend: Backend, dataset: &str) -> Self {
        Self {
            backend,
            dataset: dataset.into(),
        }
    }

    /// The last two measurements of a metric, the older one first.
    ///
    /// # Errors
    /// - 404 when the dashboard's last page has fewer than two;
    /// - 502 when its answer is not the JSON it should be;
    /// - what the dashboard refuses, as it says it.
    pub async fn last_two(&self, metric: &str, caller: &Caller) -> Result<[Measurement; 2]> {
        let page: Page = self
            .backend
            .get("/dashboard/api/measurements/")
            .query(&[
                ("job__ci_dataset", &*self.dataset),
                ("metric", metric),
                ("page", "last"),
            ])
            .send_as(caller)
            .await?
            .json()
            .await?;
        let mut newest_first = page.results.into_iter().rev();
        match (newest_first.next(), newest_first.next()) {
            (Some(current), Some(previous)) => Ok([previous, current]),
            _ => Err(BackendError::not_found(format!(
                "The dashboard's last page has no two measurements of {metric} to compare."
            ))),
        }
    }
}
