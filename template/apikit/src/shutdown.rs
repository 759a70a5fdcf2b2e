//! Whether the process is stopping: for handlers, tasks, readiness and the server.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use futures_util::{Stream, StreamExt};
use tokio_util::sync::CancellationToken;

/// Whether the process is stopping. Clones share it.
///
/// It stops in two steps. From SIGTERM on it *drains*: `/readyz` answers 503, and requests are still taken until
/// load balancers have noticed (`--drain-delay`). Then it *closes*: no more connections are accepted, tasks are
/// cancelled, and requests and jobs have `--shutdown-grace` to finish.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    // Read for each answer, so it is not a second token: a token has a lock.
    draining: Arc<AtomicBool>,
    closing: CancellationToken,
}

impl Shutdown {
    /// Whether the process drains: SIGTERM has come, and handlers should begin nothing long.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Completes when the process closes.
    pub async fn closing(&self) {
        self.closing.cancelled().await;
    }

    /// A token that is cancelled when the process closes.
    pub fn token(&self) -> CancellationToken {
        self.closing.clone()
    }

    /// `stream`, ended when the process closes. For answers that go on for as long as the client listens, such as
    /// server-sent events: without it, they keep the process until the end of its grace period, and are then cut off.
    ///
    /// ```
    /// use std::convert::Infallible;
    ///
    /// use apikit::Shutdown;
    /// use axum::{extract::State, response::sse::{Event, KeepAlive, Sse}};
    /// use futures_util::{Stream, stream};
    ///
    /// async fn events(State(shutdown): State<Shutdown>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    ///     let ticks = stream::repeat_with(|| Ok(Event::default().data("tick")));
    ///     Sse::new(shutdown.end(ticks)).keep_alive(KeepAlive::default())
    /// }
    /// ```
    pub fn end<S: Stream>(&self, stream: S) -> impl Stream<Item = S::Item> + use<S> {
        stream.take_until(self.closing.clone().cancelled_owned())
    }

    /// Starts to drain. `App` does so at SIGTERM; programs that serve by themselves call it.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Closes. `App` does so after the drain delay; programs that serve by themselves call it.
    pub fn close(&self) {
        self.drain();
        self.closing.cancel();
    }
}
