//! All services that are known, shared by the observer and the handlers.

use std::{
    collections::BTreeMap,
    sync::{Arc, RwLock},
    time::SystemTime,
};

use super::{conformance::Departure, entry::Entry, known::Known, look::Sight};

/// The most bytes that the OpenAPI documents of all services may have together.
const MAX_DOCUMENTS: usize = 32 * 1024 * 1024;

/// All services that are known. Clones share them.
#[derive(Clone, Default)]
pub struct Catalogue(Arc<RwLock<Arc<Services>>>);

/// All services at one moment, by their names.
#[derive(Clone, Default)]
pub struct Services {
    pub by_name: BTreeMap<String, Arc<Known>>,
    /// A number that is another one as soon as a document, or a route of one, is.
    pub edition: u64,
}

impl Catalogue {
    /// All services at this moment.
    pub fn services(&self) -> Arc<Services> {
        let services = self.0.read();
        Arc::clone(&services.expect("nobody panics while holding it"))
    }

    /// Knows these services from now on, and no others. What is known of them already stays known.
    pub fn keep(&self, entries: &[Entry], now: SystemTime) {
        self.change(|services| {
            let mut old = std::mem::take(&mut services.by_name);
            for entry in entries {
                let known = match old.remove(&entry.name) {
                    Some(known) if known.entry == *entry => known,
                    Some(known) => {
                        let mut known = Arc::unwrap_or_clone(known);
                        known.entry = entry.clone();
                        Arc::new(known)
                    }
                    None => Arc::new(Known::new(entry.clone(), now)),
                };
                services.by_name.insert(entry.name.clone(), known);
            }
            services.edition += 1;
        });
    }

    /// Takes in what a look at a service found. A service that is no longer known stays unknown.
    pub fn record(&self, entry: &Entry, mut sight: Sight, now: SystemTime) {
        self.change(|services| {
            let Some(known) = services.by_name.get(&entry.name) else {
                return;
            };
            if known.entry != *entry {
                return;
            }
            if let Ok(document) = &sight.document
                && services.document_bytes() - bytes([known].into_iter()) + document.text.len()
                    > MAX_DOCUMENTS
            {
                let limit = MAX_DOCUMENTS / 1024 / 1024;
                let why =
                    format!("The OpenAPI documents of all services have more than {limit} MiB.");
                sight.document = Err(why);
            }
            let new = Known::clone(known).after(sight, now);
            let text = |known: &Known| known.document.as_ref().map(|seen| seen.value.text.clone());
            if text(known) != text(&new) {
                services.edition += 1;
            }
            if known.status != new.status {
                let problems = new.problems.join(" ");
                tracing::info!(
                    service = entry.name,
                    status = new.status.word(),
                    problems,
                    "a service stands otherwise"
                );
            }
            services.by_name.insert(entry.name.clone(), Arc::new(new));
        });
    }

    /// Takes in which rules of the contract a service departs from.
    pub fn record_departures(&self, entry: &Entry, departures: Vec<Departure>) {
        self.change(|services| {
            let known = services.by_name.get_mut(&entry.name);
            if let Some(known) = known.filter(|known| known.entry == *entry) {
                Arc::make_mut(known).departures = Some(departures);
            }
        });
    }

    fn change(&self, change: impl FnOnce(&mut Services)) {
        let services = self.0.write();
        change(Arc::make_mut(
            &mut services.expect("nobody panics while holding it"),
        ));
    }
}

impl Services {
    /// The bytes of all OpenAPI documents.
    pub fn document_bytes(&self) -> usize {
        bytes(self.by_name.values())
    }
}

fn bytes<'a>(services: impl Iterator<Item = &'a Arc<Known>>) -> usize {
    let documents = services.filter_map(|known| known.document.as_ref());
    documents.map(|seen| seen.value.text.len()).sum()
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::service::{document::Document, look::Health, metadata::Metadata};

    fn sight(bytes: usize) -> Sight {
        Sight {
            health: Health::Good,
            metadata: Ok(Metadata::default()),
            document: Ok(Document {
                text: vec![b' '; bytes].into(),
                server: String::new(),
            }),
        }
    }

    fn entry(name: &str) -> Entry {
        Entry::new(name, "http://localhost:1").unwrap()
    }

    #[test]
    fn documents_beyond_the_memory_for_all_are_not_kept() {
        let catalogue = Catalogue::default();
        let now = UNIX_EPOCH;
        catalogue.keep(&[entry("a"), entry("b")], now);
        catalogue.record(&entry("a"), sight(MAX_DOCUMENTS - 1), now);
        catalogue.record(&entry("b"), sight(2), now);
        let services = catalogue.services();
        assert!(services.by_name["a"].document.is_some());
        assert_eq!(services.by_name["b"].document, None);
        assert_eq!(services.by_name["b"].problems.len(), 1);
        // The same document again is not counted twice.
        catalogue.record(&entry("a"), sight(MAX_DOCUMENTS - 1), now);
        assert!(catalogue.services().by_name["a"].problems.is_empty());
    }

    #[test]
    fn a_service_that_is_gone_is_forgotten_and_a_late_look_does_not_bring_it_back() {
        let catalogue = Catalogue::default();
        catalogue.keep(&[entry("a"), entry("b")], UNIX_EPOCH);
        catalogue.keep(&[entry("b")], UNIX_EPOCH);
        catalogue.record(&entry("a"), sight(2), UNIX_EPOCH);
        let services = catalogue.services();
        assert_eq!(services.by_name.keys().collect::<Vec<_>>(), ["b"]);
    }

    #[test]
    fn the_edition_changes_with_documents_alone() {
        let catalogue = Catalogue::default();
        catalogue.keep(&[entry("a")], UNIX_EPOCH);
        let edition = || catalogue.services().edition;
        let before = edition();
        catalogue.record(&entry("a"), sight(2), UNIX_EPOCH);
        let with_one = edition();
        assert_ne!(before, with_one);
        catalogue.record(&entry("a"), sight(2), UNIX_EPOCH);
        assert_eq!(edition(), with_one);
        catalogue.record(&entry("a"), sight(3), UNIX_EPOCH);
        assert_ne!(edition(), with_one);
    }
}
