//! A body that can be sent only once, and its progress.

use std::{
    pin::{Pin, pin},
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use reqwest::Body;
use tokio::time::{Instant, error::Elapsed, timeout_at};

use super::FOREVER;

/// A body that is a stream, until it is sent.
pub(super) struct Upload {
    body: Mutex<Option<Body>>,
    progress: Arc<Mutex<Progress>>,
}

#[derive(Clone, Copy)]
struct Progress {
    /// When the last piece was taken.
    last: Instant,
    /// Whether the next piece is asked for, and not yet there.
    wanted: bool,
    /// Whether the source of the pieces has failed.
    broken: bool,
}

impl Upload {
    pub fn new(body: Body) -> Self {
        Self {
            body: Mutex::new(Some(body)),
            progress: Arc::new(Mutex::new(Progress {
                last: Instant::now(),
                wanted: false,
                broken: false,
            })),
        }
    }

    /// The body, the first time.
    pub fn take(&self) -> Option<Body> {
        let body = self
            .body
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()?;
        Some(Body::wrap(Watched {
            body,
            progress: self.progress.clone(),
        }))
    }

    /// Whether the body broke off before it was sent.
    pub fn is_broken(&self) -> bool {
        self.progress().broken
    }

    /// Waits for `answer` to the request with this body. The receiver may stall for `limit`: without an answer, and
    /// without taking a piece that is there.
    pub async fn answered<F: Future>(
        &self,
        limit: Duration,
        answer: F,
    ) -> Result<F::Output, Elapsed> {
        until(|| self.silent_since() + limit.min(FOREVER), answer).await
    }

    /// When the last piece was taken, or else the upload made.
    pub fn last_piece(&self) -> Instant {
        self.progress().last
    }

    /// Whether a piece is asked for that has not come.
    pub fn is_awaited(&self) -> bool {
        self.progress().wanted
    }

    /// Since when the receiver has stalled.
    fn silent_since(&self) -> Instant {
        let progress = self.progress();
        if progress.wanted {
            Instant::now()
        } else {
            progress.last
        }
    }

    fn progress(&self) -> Progress {
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for `answer` until a deadline that may move on meanwhile.
pub(super) async fn until<F: Future>(
    deadline: impl Fn() -> Instant,
    answer: F,
) -> Result<F::Output, Elapsed> {
    let mut answer = pin!(answer);
    loop {
        let now = deadline();
        match timeout_at(now, answer.as_mut()).await {
            Ok(answer) => return Ok(answer),
            Err(elapsed) if deadline() <= now => return Err(elapsed),
            Err(_) => {}
        }
    }
}

/// A body that records its progress.
struct Watched {
    body: Body,
    progress: Arc<Mutex<Progress>>,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = reqwest::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, reqwest::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        progress.wanted = frame.is_pending();
        if let Poll::Ready(frame) = &frame {
            progress.last = Instant::now();
            progress.broken |= matches!(frame, Some(Err(_)));
        }
        drop(progress);
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        HttpBody::size_hint(&self.body)
    }
}

/// The body of a request to the service, passed on as it comes, with its length where that is known.
pub(super) fn passed_on(body: axum::body::Body) -> Body {
    Body::wrap(PassedOn(Mutex::new(body)))
}

/// A body of axum's, which reqwest takes from one thread at a time.
struct PassedOn(Mutex<axum::body::Body>);

impl PassedOn {
    fn body(&mut self) -> &mut axum::body::Body {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HttpBody for PassedOn {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(self.body()).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .size_hint()
    }
}
