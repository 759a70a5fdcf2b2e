//! The body of a request, whose pieces count as memory that the request holds.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};

use crate::{body_memory::BodyMemory, request_context::RequestContext};

/// A request's body. It breaks off when there is no memory for it.
pub(crate) struct CountedBody {
    pub body: Body,
    pub context: Arc<RequestContext>,
    pub memory: BodyMemory,
}

impl HttpBody for CountedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Some(frame) = ready!(Pin::new(&mut self.body).poll_frame(cx)) else {
            return Poll::Ready(None);
        };
        let counted = match frame?.into_data() {
            Ok(piece) => {
                let counted = self.context.held_bodies().count(piece, &self.memory);
                counted.map(Frame::data).map_err(axum::Error::new)
            }
            Err(trailers) => Ok(trailers),
        };
        Poll::Ready(Some(counted))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
