//! How much work is done at once, and how much may wait for it.

use std::{sync::Arc, thread, time::Duration};

use apikit::BackendError;
use tokio::{sync::Semaphore, task};

/// The `Retry-After` of a request that finds too many others waiting.
const FULL_FOR: Duration = Duration::from_secs(1);

/// Places for work that takes a processor. Clones share them.
#[derive(Clone)]
pub struct Places {
    /// For work that runs.
    running: Arc<Semaphore>,
    /// For work that runs or waits.
    known: Arc<Semaphore>,
}

impl Places {
    /// Room for so much work at once, or for one piece of work for each processor; and for so much that waits.
    pub fn new(running: Option<u16>, waiting: u16) -> Self {
        let processors = || thread::available_parallelism().map_or(1, usize::from);
        let running = running.map_or_else(processors, usize::from);
        Self {
            running: Arc::new(Semaphore::new(running)),
            known: Arc::new(Semaphore::new(running + usize::from(waiting))),
        }
    }

    /// Does `work` beside the requests, as soon as there is room. Once begun, it keeps its place to its end, whether or
    /// not anybody still waits for it.
    ///
    /// # Errors
    /// 503 when too much waits already, and 500 when the work panics.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> apikit::Result<T> {
        let Ok(known) = self.known.clone().try_acquire_owned() else {
            let why = "Too many services are being rendered at the moment.";
            return Err(BackendError::unavailable(why, FULL_FOR));
        };
        let running = self.running.clone().acquire_owned().await;
        let places = (known, running.expect("nobody closes it"));
        let done = task::spawn_blocking(move || {
            let _places = places;
            work()
        });
        done.await.map_err(BackendError::internal)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// Work that runs until the sender is dropped, and that has begun.
    async fn begun(places: &Places) -> (mpsc::Sender<()>, task::JoinHandle<apikit::Result<()>>) {
        let (end, ended) = mpsc::channel::<()>();
        let (begin, begun) = tokio::sync::oneshot::channel();
        let places = places.clone();
        let work = tokio::spawn(async move {
            let work = move || {
                let _ = begin.send(());
                let _ = ended.recv();
            };
            places.run(work).await
        });
        begun.await.unwrap();
        (end, work)
    }

    #[tokio::test]
    async fn too_much_work_is_refused_until_there_is_room() {
        let places = Places::new(Some(1), 0);
        let (end, work) = begun(&places).await;
        let refused = places.run(|| ()).await.unwrap_err();
        assert_eq!(refused.status(), 503);
        drop(end);
        work.await.unwrap().unwrap();
        places.run(|| ()).await.unwrap();
    }

    #[tokio::test]
    async fn work_keeps_its_place_when_its_caller_leaves() {
        let places = Places::new(Some(1), 0);
        let (end, work) = begun(&places).await;
        work.abort();
        assert!(work.await.unwrap_err().is_cancelled());
        assert_eq!(places.run(|| ()).await.unwrap_err().status(), 503);
        drop(end);
        // The place is free once the work is done.
        let free = places.running.acquire().await.unwrap();
        drop(free);
    }

    #[tokio::test]
    async fn work_that_panics_gives_its_place_back() {
        let places = Places::new(Some(1), 0);
        let failed = places.run(|| panic!("on purpose")).await.unwrap_err();
        assert_eq!(failed.status(), 500);
        places.run(|| ()).await.unwrap();
    }
}
