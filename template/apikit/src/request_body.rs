//! The body of a request, which tells its connection how much of it has come.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use axum::body::HttpBody;
use bytes::Bytes;
use hyper::body::{Frame, Incoming, SizeHint};

use crate::exchanges::{BodyState, Exchanges};

/// A body as it comes. Dropped before its end, it leaves a client that may still be sending.
pub(super) struct RequestBody {
    incoming: Incoming,
    /// None when all of it has come.
    exchanges: Option<Exchanges>,
}

impl RequestBody {
    /// The body of the request that has just begun. Some of it is yet to come.
    pub fn new(incoming: Incoming, exchanges: &Exchanges) -> Self {
        exchanges.set_body(BodyState::Coming);
        Self {
            incoming,
            exchanges: Some(exchanges.clone()),
        }
    }
}

impl HttpBody for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.incoming).poll_frame(cx));
        let is_whole = frame.is_none() || self.incoming.is_end_stream();
        if is_whole && let Some(exchanges) = self.exchanges.take() {
            exchanges.set_body(BodyState::Whole);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        if let Some(exchanges) = &self.exchanges {
            exchanges.set_body(BodyState::Left);
        }
    }
}
