//! What runs beside requests: tasks, which run for as long as the process, and jobs, which outlive their request.

use std::{
    collections::BTreeMap,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::FutureExt;
use tokio::time::{Instant, timeout_at};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::Instrument;

use crate::shutdown::Shutdown;

/// Starts jobs: work that outlives its request, as after a 202. Clones share it.
///
/// A job is not lost when the process stops: it has the rest of `--shutdown-grace`, and one that is not done by
/// then is named in an error line. Work that must survive more than that needs a queue outside the process.
#[derive(Clone, Debug, Default)]
pub struct Jobs(Running);

impl Jobs {
    /// Starts a job. `name` is what the log calls it, such as `"report"`; its log lines have the request's id.
    pub fn spawn(&self, name: &'static str, job: impl Future<Output = ()> + Send + 'static) {
        let running = self.0.begin(name);
        let job = async move {
            if AssertUnwindSafe(job).catch_unwind().await.is_err() {
                tracing::error!(job = name, "a job panicked");
            }
            drop(running);
        };
        self.0.tracker.spawn(job.in_current_span());
    }

    /// How many jobs are running.
    pub fn count(&self) -> usize {
        self.0.tracker.len()
    }

    /// Waits for all jobs, until `deadline`.
    ///
    /// # Errors
    /// One sentence that names those that are not done.
    pub(crate) async fn finish(&self, deadline: Instant) -> Result<(), String> {
        self.0.finish("Jobs", deadline).await
    }
}

/// What happens when a task ends before it is told to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AtItsEnd {
    /// The service goes on without it.
    GoOn,
    /// The process stops.
    Stop,
}

type Body = Box<dyn FnOnce(CancellationToken) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

/// A task that is yet to be started.
pub(crate) struct Task {
    name: String,
    at_its_end: AtItsEnd,
    body: Body,
}

impl Task {
    pub fn new<F>(
        name: String,
        at_its_end: AtItsEnd,
        body: impl FnOnce(CancellationToken) -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let body: Body = Box::new(move |stop| Box::pin(body(stop)));
        Self {
            name,
            at_its_end,
            body,
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }
}

/// The tasks that run for as long as the process.
#[derive(Debug, Default)]
pub(crate) struct Tasks {
    running: Running,
    /// Cancelled when an essential task has ended.
    ended: CancellationToken,
}

impl Tasks {
    /// Starts a task, which is told to stop when the process closes.
    pub fn start(&self, task: Task, shutdown: &Shutdown) {
        let Task {
            name,
            at_its_end,
            body,
        } = task;
        let running = self.running.begin(&name);
        let (stop, ended) = (shutdown.token(), self.ended.clone());
        self.running.tracker.spawn(async move {
            tracing::info!(task = name, "a task has started");
            // The author's function makes the future, and may panic as well.
            let body = async { body(stop.clone()).await };
            let panicked = AssertUnwindSafe(body).catch_unwind().await.is_err();
            drop(running);
            match (panicked, stop.is_cancelled()) {
                (false, true) => {
                    tracing::info!(task = name, "a task has stopped");
                    return;
                }
                (true, _) => tracing::error!(task = name, "a task panicked"),
                (false, false) => tracing::error!(task = name, "a task ended before its time"),
            }
            if at_its_end == AtItsEnd::Stop {
                ended.cancel();
            }
        });
    }

    /// Completes when an essential task has ended.
    pub async fn ended(&self) {
        self.ended.cancelled().await;
    }

    /// Whether an essential task has ended.
    pub fn have_ended(&self) -> bool {
        self.ended.is_cancelled()
    }

    /// Waits for all tasks, which have been told to stop, until `deadline`.
    ///
    /// # Errors
    /// One sentence that names those that have not.
    pub async fn finish(&self, deadline: Instant) -> Result<(), String> {
        self.running.finish("Tasks", deadline).await
    }
}

/// What is running, by name. Clones share it.
#[derive(Clone, Debug, Default)]
struct Running {
    tracker: TaskTracker,
    names: Arc<Mutex<BTreeMap<String, usize>>>,
}

/// One that is running, until this is dropped.
struct Begun {
    name: String,
    names: Arc<Mutex<BTreeMap<String, usize>>>,
}

impl Running {
    fn begin(&self, name: &str) -> Begun {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        *names.entry(name.to_owned()).or_default() += 1;
        Begun {
            name: name.to_owned(),
            names: self.names.clone(),
        }
    }

    async fn finish(&self, what: &str, deadline: Instant) -> Result<(), String> {
        self.tracker.close();
        if timeout_at(deadline, self.tracker.wait()).await.is_ok() {
            return Ok(());
        }
        let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let names: Vec<_> = names
            .iter()
            .map(|(name, count)| match count {
                1 => name.clone(),
                count => format!("{name} ({count} times)"),
            })
            .collect();
        let names = names.join(", ");
        Err(format!(
            "{what} were still under way at the end of the grace: {names}."
        ))
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = names.get_mut(&self.name) {
            *count -= 1;
            if *count == 0 {
                names.remove(&self.name);
            }
        }
    }
}

/// Pauses for `time`, unless `stop` is cancelled before: then it returns `None`.
///
/// The loop of a task that does something every hour:
///
/// ```
/// # use std::time::Duration;
/// use apikit::{CancellationToken, tasks::pause};
///
/// async fn refresh(stop: CancellationToken) {
///     while pause(&stop, Duration::from_secs(3600)).await.is_some() {
///         tracing::info!("the list is fetched again");
///     }
/// }
/// ```
pub async fn pause(stop: &CancellationToken, time: Duration) -> Option<()> {
    stop.run_until_cancelled(tokio::time::sleep(time)).await
}
