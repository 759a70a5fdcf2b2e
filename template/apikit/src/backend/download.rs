//! The body of an answer that is passed on as it comes.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::body::Body;
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep};

use super::{
    BackendError,
    failure::{failure, too_late},
    name::Name,
};

/// The body of `answer`, which ends in an error when no piece comes for `limit`.
pub(super) fn passed_on(answer: reqwest::Response, name: Name, limit: Duration) -> Body {
    Body::new(Download {
        body: answer.into(),
        name,
        limit,
        deadline: Box::pin(sleep(limit)),
        waits: false,
    })
}

struct Download {
    body: reqwest::Body,
    name: Name,
    limit: Duration,
    deadline: Pin<Box<Sleep>>,
    /// Whether a piece was polled for and has not come: time that the receiver takes does not count.
    waits: bool,
}

impl Download {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BackendError>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) else {
            if !self.waits {
                self.waits = true;
                let now = Instant::now();
                let until = now.checked_add(self.limit);
                let until = until.unwrap_or(now + super::FOREVER);
                self.deadline.as_mut().reset(until);
            }
            ready!(self.deadline.as_mut().poll(cx));
            return Poll::Ready(Some(Err(too_late(self.name))));
        };
        self.waits = false;
        let name = self.name;
        Poll::Ready(frame.map(|frame| frame.map_err(|error| failure(error, name))))
    }
}

impl HttpBody for Download {
    type Data = Bytes;
    type Error = BackendError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BackendError>>> {
        let frame = ready!(self.poll(cx));
        if let Some(Err(error)) = &frame {
            let (backend, cause) = (self.name.label(), crate::error::causes(error));
            tracing::warn!(backend, cause, "an answer that is passed on broke off");
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        HttpBody::size_hint(&self.body)
    }
}
