//! The list of templates, which is fetched at the start and from time to time.

use std::{
    collections::BTreeMap,
    sync::{Arc, RwLock},
    time::Duration,
};

use apikit::{Backend, CancellationToken, Result, tasks::pause};
use serde_json::Value;

/// What each template asks for, by its name.
type List = BTreeMap<String, Value>;

/// The last list that could be fetched. Clones share it.
#[derive(Clone)]
pub struct Templates {
    github: Backend,
    list: Arc<RwLock<List>>,
}

impl Templates {
    /// Fetches the list for the first time, with the service's own account.
    ///
    /// # Errors
    /// When it cannot be had.
    pub async fn fetched(github: Backend) -> Result<Self> {
        let list = fetch(&github).await?;
        Ok(Self {
            github,
            list: Arc::new(RwLock::new(list)),
        })
    }

    /// Fetches it again after each pause, until the service stops. An old list is better than none.
    pub async fn refresh(&self, time: Duration, stop: CancellationToken) {
        while pause(&stop, time).await.is_some() {
            match fetch(&self.github).await {
                Ok(list) => {
                    tracing::info!(count = list.len(), "the list of templates is fetched again");
                    *self.list.write().expect("nobody panics while holding it") = list;
                }
                Err(error) => tracing::warn!(%error, "the list of templates stays as it was"),
            }
        }
    }

    /// The names of all templates.
    pub fn names(&self) -> Vec<String> {
        let list = self.list.read().expect("nobody panics while holding it");
        list.keys().cloned().collect()
    }

    /// What a template asks for; `None` of one that is not in the list.
    pub fn questions(&self, name: &str) -> Option<Value> {
        let list = self.list.read().expect("nobody panics while holding it");
        list.get(name).cloned()
    }
}

async fn fetch(github: &Backend) -> Result<List> {
    github.get("/templates").send().await?.json().await
}
