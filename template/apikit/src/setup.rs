//! The start of a service: what it is handed, and how it fails.

use tokio_util::sync::CancellationToken;

use crate::{
    backend::{Backend, BackendName, NamedBackend},
    body_memory::BodyMemory,
    error::{causes, in_one_line},
    metrics::Metrics,
    settings::Settings,
    shutdown::Shutdown,
    tasks::{AtItsEnd, Jobs, Task},
};

/// What the start of a service is handed, to make the state of its handlers from it.
///
/// ```
/// use apikit::{Backend, Setup, StartError};
///
/// #[derive(Clone)]
/// struct AppState { backend: Backend, greeting: String }
///
/// # #[derive(Debug)] struct Config { greeting: String }
/// async fn start(config: &Config, setup: &mut Setup) -> Result<AppState, StartError> {
///     if config.greeting.is_empty() {
///         return Err(StartError::configuration("GREETING is empty."));
///     }
///     Ok(AppState { backend: setup.default_backend(), greeting: config.greeting.clone() })
/// }
/// ```
pub struct Setup {
    pub(crate) settings: Settings,
    pub(crate) backend: Backend,
    /// The names of the back-ends beside the first one.
    pub(crate) backends: Vec<&'static str>,
    pub(crate) memory: BodyMemory,
    pub(crate) metrics: Metrics,
    pub(crate) shutdown: Shutdown,
    pub(crate) jobs: Jobs,
    pub(crate) tasks: Vec<Task>,
    /// The first name that two tasks have: the start fails with it.
    pub(crate) taken: Option<String>,
}

impl Setup {
    /// The back-end at `--backend-url`, which callers are authenticated to.
    pub fn default_backend(&self) -> Backend {
        self.backend.clone()
    }

    /// A back-end beside the first one, with the address, the time limit and the service's account of its settings.
    ///
    /// Like the first one, it is retried, counted and traced; its name is in errors and metrics. The caller's credentials
    /// go to it only by [`send_as`](crate::backend::BackendRequest::send_as).
    ///
    /// # Errors
    /// One sentence, with exit code 2, when settings contradict each other, a file cannot be read, or there is a
    /// back-end of that name.
    pub fn backend<N: BackendName>(
        &mut self,
        settings: &NamedBackend<N>,
    ) -> Result<Backend, StartError> {
        if self.backends.contains(&N::NAME) {
            return Err(StartError::configuration(format!(
                "Two back-ends are named {:?}: each needs a name of its own.",
                N::NAME
            )));
        }
        self.backends.push(N::NAME);
        let backend = self.backend.beside(settings);
        backend.map_err(StartError::configuration)
    }

    /// The settings that every service has.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The metrics at `/metrics`: [`register`](Metrics::register) your own there.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Whether the process is stopping: for handlers that must know.
    pub fn shutdown(&self) -> Shutdown {
        self.shutdown.clone()
    }

    /// Starts jobs that outlive their requests: for handlers that answer 202.
    pub fn jobs(&self) -> Jobs {
        self.jobs.clone()
    }

    /// Runs `task` beside requests, from the opening of the port until the process closes: then the token is
    /// cancelled, and the task has the rest of `--shutdown-grace` to end.
    ///
    /// A task that panics or ends before that is an error line in the log, and the service goes on without it. A
    /// `name` that another task has keeps the service from starting.
    pub fn spawn<F>(
        &mut self,
        name: &str,
        task: impl FnOnce(CancellationToken) -> F + Send + 'static,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        self.add(Task::new(name.to_owned(), AtItsEnd::GoOn, task));
    }

    /// As [`spawn`](Self::spawn), for a task that the service cannot do without: when it panics or ends before its
    /// time, the process drains, and ends with exit code 1.
    pub fn spawn_essential<F>(
        &mut self,
        name: &str,
        task: impl FnOnce(CancellationToken) -> F + Send + 'static,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        self.add(Task::new(name.to_owned(), AtItsEnd::Stop, task));
    }

    fn add(&mut self, task: Task) {
        if self.tasks.iter().any(|known| known.name() == task.name()) {
            let name = task.name().to_owned();
            self.taken.get_or_insert(name);
        }
        self.tasks.push(task);
    }
}

/// Why a service does not start, in one sentence for its operator.
///
/// Any error becomes one by `?`, and ends the process with exit code 1; what the operator has set wrongly is
/// [`configuration`](Self::configuration), with exit code 2.
#[derive(Debug)]
pub struct StartError {
    /// What was being done, where that is not in the text.
    context: Option<String>,
    text: String,
    is_configuration: bool,
}

impl StartError {
    /// A setting is wrong: exit code 2. `sentence` names it, its value unless that is secret, and the rule.
    pub fn configuration(sentence: impl Into<String>) -> Self {
        Self {
            context: None,
            text: sentence.into(),
            is_configuration: true,
        }
    }

    /// Something else went wrong: exit code 1.
    pub fn failed(sentence: impl Into<String>) -> Self {
        Self {
            context: None,
            text: sentence.into(),
            is_configuration: false,
        }
    }

    /// Says what was being done: `The list of templates: 404 Not Found.`
    pub fn context(self, what: impl Into<String>) -> Self {
        Self {
            context: Some(what.into()),
            ..self
        }
    }

    /// The sentence, in one line. Of what a back-end said, it has no more than the beginning.
    pub fn sentence(&self) -> String {
        let sentence = match &self.context {
            Some(context) => format!("{context}: {}", self.text),
            None => self.text.clone(),
        };
        match sentence.contains(char::is_control) {
            true => in_one_line(&sentence).collect(),
            false => sentence,
        }
    }

    /// The exit code of a process that does not start for this reason.
    pub fn exit_code(&self) -> u8 {
        if self.is_configuration { 2 } else { 1 }
    }
}

impl<E: std::error::Error + 'static> From<E> for StartError {
    fn from(error: E) -> Self {
        let causes = causes(&error);
        let text = format!("{}.", causes.trim_end().trim_end_matches('.'));
        Self::failed(text).context("The service cannot start")
    }
}
