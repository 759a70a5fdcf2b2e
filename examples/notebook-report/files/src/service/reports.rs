//! Reports, each made by a job that outlives the request which ordered it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};

use apikit::{Backend, Jobs, Result};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a caller orders.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
pub struct Order {
    /// The notebook, as group and name.
    #[schema(example = "lsst/moon.ipynb")]
    pub notebook: String,
}

/// How far a report has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum Standing {
    /// It is being made.
    UnderWay,
    /// It is kept, under this key.
    Kept { key: String },
    /// It could not be made.
    Failed { why: String },
}

/// How many reports there are.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Overview {
    under_way: usize,
    ordered: usize,
}

/// All reports since the service started. Clones share them.
#[derive(Clone)]
pub struct Reports {
    keeper: Backend,
    jobs: Jobs,
    standings: Arc<Mutex<BTreeMap<u64, Standing>>>,
}

/// What the keeper says of a report that it has made.
#[derive(Deserialize)]
struct Made {
    key: String,
}

impl Reports {
    pub fn new(keeper: Backend, jobs: Jobs) -> Self {
        Self {
            keeper,
            jobs,
            standings: Arc::default(),
        }
    }

    /// Begins a report, and returns its number.
    pub fn begin(&self, order: Order) -> u64 {
        let number = {
            let mut standings = self.standings();
            let number = standings.keys().next_back().map_or(1, |last| last + 1);
            standings.insert(number, Standing::UnderWay);
            number
        };
        let reports = self.clone();
        self.jobs.spawn("report", async move {
            let standing = match reports.made(&order).await {
                Ok(made) => Standing::Kept { key: made.key },
                Err(error) => Standing::Failed {
                    why: error.to_string(),
                },
            };
            tracing::info!(number, ?standing, "a report has ended");
            reports.standings().insert(number, standing);
        });
        number
    }

    /// How far a report has come; `None` of one that nobody ordered.
    pub fn standing(&self, number: u64) -> Option<Standing> {
        self.standings().get(&number).cloned()
    }

    /// How many reports there are.
    pub fn overview(&self) -> Overview {
        Overview {
            under_way: self.jobs.count(),
            ordered: self.standings().len(),
        }
    }

    async fn made(&self, order: &Order) -> Result<Made> {
        self.keeper
            .post("/reports")
            .json(order)
            .send()
            .await?
            .json()
            .await
    }

    fn standings(&self) -> MutexGuard<'_, BTreeMap<u64, Standing>> {
        let standings = self.standings.lock();
        standings.expect("nobody panics while holding it")
    }
}

/// Fetches a token from the keeper, with the service's own account there.
///
/// # Errors
/// What the keeper refuses.
pub async fn fetch_token(keeper: Backend) -> Result<SecretString> {
    let token = keeper.post("/tokens").send().await?.text().await?;
    Ok(token.into())
}
