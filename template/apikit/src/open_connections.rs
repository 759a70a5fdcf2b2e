//! The connections that are open, of which one that is idle makes room for another.

use std::{cmp::Reverse, collections::HashMap};

use prometheus_client::metrics::gauge::Gauge;
use tokio::{
    task::{AbortHandle, Id, JoinSet},
    time::Instant,
};

use crate::{exchanges::Exchanges, file_descriptors, memory_limit};

/// What a connection takes between requests, in bytes, at most.
const EACH: usize = 16 * 1024;

/// How many there may be where the process has no memory limit.
const WITHOUT_LIMIT: usize = 32_768;

/// How many connections may be open: as many as a third of the memory limit of the process's control group holds, and
/// 32,768 without one; and no more than half of the file descriptors, since a call to a back-end may want another.
pub(crate) fn most() -> usize {
    let of_memory = memory_limit::third().map_or(WITHOUT_LIMIT, |third| third / EACH);
    let of_descriptors = file_descriptors::limit().map_or(usize::MAX, |limit| limit / 2);
    of_memory.min(of_descriptors).max(1)
}

/// The tasks of connections that are open.
pub(super) struct OpenConnections {
    tasks: JoinSet<()>,
    open: HashMap<Id, (Exchanges, AbortHandle)>,
    /// As many as that, for the metrics.
    gauge: Gauge,
    /// Those that had been idle for longest when all were looked at, and since when, the longest at the end.
    candidates: Vec<(Instant, Id)>,
}

impl OpenConnections {
    /// None yet; the gauge will show how many there are.
    pub fn new(gauge: Gauge) -> Self {
        Self {
            tasks: JoinSet::new(),
            open: HashMap::new(),
            gauge,
            candidates: Vec::new(),
        }
    }

    /// How many there are.
    pub fn count(&mut self) -> usize {
        while let Some(ended) = self.tasks.try_join_next_with_id() {
            self.remove(id(ended));
        }
        self.open.len()
    }

    pub fn spawn(
        &mut self,
        exchanges: Exchanges,
        connection: impl Future<Output = ()> + Send + 'static,
    ) {
        let task = self.tasks.spawn(connection);
        self.open.insert(task.id(), (exchanges, task));
        self.gauge.inc();
    }

    /// Waits for one to end; `None` when there is none.
    pub async fn ended(&mut self) -> Option<()> {
        let ended = self.tasks.join_next_with_id().await?;
        self.remove(id(ended));
        Some(())
    }

    /// One that is closed has been removed before it ends.
    fn remove(&mut self, id: Id) -> Option<AbortHandle> {
        let (_, task) = self.open.remove(&id)?;
        self.gauge.dec();
        Some(task)
    }

    /// Closes the one that has been idle for longest; false when none is idle.
    pub fn close_longest_idle(&mut self) -> bool {
        // What was looked at before may have a request by now.
        self.close_candidate() || {
            self.look();
            self.close_candidate()
        }
    }

    fn close_candidate(&mut self) -> bool {
        while let Some((since, id)) = self.candidates.pop() {
            let found = self.open.get(&id);
            if found.is_some_and(|(exchanges, _)| exchanges.idle_since() == Some(since)) {
                let task = self.remove(id).expect("it was found");
                task.abort();
                return true;
            }
        }
        false
    }

    /// Looks at all, and keeps the sixteenth of them that has been idle for longest, so that it is not done for each.
    fn look(&mut self) {
        let open = self.open.iter();
        let mut idle: Vec<_> = open
            .filter_map(|(id, (exchanges, _))| Some((exchanges.idle_since()?, *id)))
            .collect();
        idle.sort_unstable_by_key(|(since, _)| Reverse(*since));
        self.candidates = idle.split_off(idle.len() - idle.len().div_ceil(16));
    }

    /// Ends all of them.
    pub async fn shutdown(&mut self) {
        self.tasks.shutdown().await;
    }
}

fn id(ended: Result<(Id, ()), tokio::task::JoinError>) -> Id {
    ended.map_or_else(|error| error.id(), |(id, ())| id)
}
