//! The requests of one connection: whether one is in flight, how much of its body has come, and since when there is none.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering},
    },
    time::Duration,
};

use axum::{Error, body::Body};
use http_body_util::{BodyExt, combinators::MapErr};
use tokio::time::Instant;

/// In place of a time, while there is something to write.
const WRITING: u32 = u32::MAX;

/// Counts beginnings and ends of requests: while the count is even, the client has to send something; while it
/// is odd, the service has. Clones share it.
#[derive(Clone)]
pub(super) struct Exchanges(Arc<State>);

struct State {
    count: AtomicU32,
    body: AtomicU8,
    /// Whether the service has something to do for the connection, down to the end of an answer's body.
    is_busy: AtomicBool,
    opened: Instant,
    /// When the last bytes were written, in milliseconds since the connection was opened, or [`WRITING`].
    written: AtomicU32,
}

/// How much has come of the body of the last request.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum BodyState {
    /// All of it, or there is none.
    Whole,
    /// Not all of it, yet.
    Coming,
    /// Not all of it, and no more is read.
    Left,
}

impl Exchanges {
    /// Those of a connection that opens now.
    pub fn new() -> Self {
        Self(Arc::new(State {
            count: AtomicU32::new(0),
            body: AtomicU8::new(BodyState::Whole as u8),
            is_busy: AtomicBool::new(false),
            opened: Instant::now(),
            written: AtomicU32::new(0),
        }))
    }

    pub fn begin(&self) -> InFlight {
        self.0.count.fetch_add(1, Ordering::Relaxed);
        self.set_body(BodyState::Whole);
        self.0.is_busy.store(true, Ordering::Relaxed);
        InFlight {
            exchanges: self.clone(),
            is_answered: false,
        }
    }

    pub fn set_body(&self, state: BodyState) {
        self.0.body.store(state as u8, Ordering::Relaxed);
    }

    pub fn body_is(&self, state: BodyState) -> bool {
        self.0.body.load(Ordering::Relaxed) == state as u8
    }

    pub fn count(&self) -> u32 {
        self.0.count.load(Ordering::Relaxed)
    }

    /// There is something to write that the client does not take.
    pub fn set_writing(&self) {
        self.0.written.store(WRITING, Ordering::Relaxed);
    }

    /// All that there was to write was written.
    pub fn set_written(&self, now: Instant) {
        let time = now.duration_since(self.0.opened).as_millis() as u32;
        self.0.written.store(time, Ordering::Relaxed);
    }

    /// Since when the service has nothing to do for the connection; `None` while it has.
    pub fn idle_since(&self) -> Option<Instant> {
        let time = self.0.written.load(Ordering::Relaxed);
        let is_idle = time != WRITING && !self.0.is_busy.load(Ordering::Relaxed);
        is_idle.then(|| self.0.opened + Duration::from_millis(time.into()))
    }
}

/// A request, which is in flight until it is answered or this is dropped.
pub(super) struct InFlight {
    exchanges: Exchanges,
    is_answered: bool,
}

impl InFlight {
    fn end(&self) {
        self.exchanges.0.count.fetch_add(1, Ordering::Relaxed);
    }

    /// The body of the answer, which keeps the connection busy until its end.
    pub fn answered(mut self, body: Body) -> MapErr<Body, impl FnMut(Error) -> Error> {
        self.end();
        self.is_answered = true;
        body.map_err(move |error| {
            // What the closure holds is dropped with the body.
            let _until_the_end = &self;
            error
        })
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if !self.is_answered {
            self.end();
        }
        self.exchanges.0.is_busy.store(false, Ordering::Relaxed);
    }
}
