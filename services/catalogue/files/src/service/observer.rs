//! Looks at each service, again and again, beside requests.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, SystemTime},
};

use apikit::CancellationToken;
use tokio::{
    sync::{Semaphore, watch},
    time::sleep,
};
use tokio_util::task::AbortOnDropHandle;

use super::{
    catalogue::Catalogue, conformance::departures, entry::Entry, fetch::Fetcher, look::look,
};
use crate::config::Config;

/// Looks at services, and tells the catalogue what it sees. Clones share everything.
#[derive(Clone)]
pub struct Observer {
    catalogue: Catalogue,
    fetcher: Fetcher,
    /// The looks that there may be at once.
    places: Arc<Semaphore>,
    interval: Duration,
    timeout: Duration,
}

impl Observer {
    pub fn new(catalogue: Catalogue, fetcher: Fetcher, config: &Config) -> Self {
        Self {
            catalogue,
            fetcher,
            places: Arc::new(Semaphore::new(config.catalogue_concurrency.into())),
            interval: config.catalogue_interval,
            timeout: config.catalogue_timeout,
        }
    }

    /// Looks at the services that `entries` has, and follows its changes, until `stop` is cancelled.
    pub async fn observe(self, mut entries: watch::Receiver<Vec<Entry>>, stop: CancellationToken) {
        let mut watched: BTreeMap<Entry, AbortOnDropHandle<()>> = BTreeMap::new();
        loop {
            let wanted: BTreeSet<Entry> = entries.borrow_and_update().iter().cloned().collect();
            self.catalogue
                .keep(&Vec::from_iter(wanted.iter().cloned()), SystemTime::now());
            // One that has changed is watched anew, and so looked at at once.
            watched.retain(|entry, _| wanted.contains(entry));
            for entry in wanted {
                let watch =
                    || AbortOnDropHandle::new(tokio::spawn(self.clone().watch(entry.clone())));
                watched.entry(entry.clone()).or_insert_with(watch);
            }
            tokio::select! {
                () = stop.cancelled() => return,
                changed = entries.changed() => if changed.is_err() {
                    // The list is fixed.
                    stop.cancelled().await;
                    return;
                }
            }
        }
    }

    /// Looks at one service for as long as it is known. Of the contract it is asked whenever it says something else of itself
    /// than before, as a new version does.
    async fn watch(self, entry: Entry) {
        let mut asked_of = None;
        loop {
            let place = self.places.acquire().await;
            // Boxed, so that a service that is waited for takes no memory for it.
            let sight = Box::pin(look(&self.fetcher, &entry, self.timeout)).await;
            let said = sight.metadata.as_ref().ok().cloned();
            self.catalogue.record(&entry, sight, SystemTime::now());
            if said.is_some() && said != asked_of {
                let departures = departures(&self.fetcher, &entry, self.timeout);
                if let Ok(departures) = Box::pin(departures).await {
                    self.catalogue.record_departures(&entry, departures);
                    asked_of = said;
                }
            }
            drop(place);
            sleep(self.interval).await;
        }
    }
}
