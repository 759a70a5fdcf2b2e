//! The bodies that are held for one request.

use std::{
    pin::Pin,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};

use crate::{
    body_memory::{self, BodyMemory, Reserved},
    error::Result,
};

/// How much of a request's body is taken to be held until the answer: what extractors collect by axum's default. Of a
/// longer body, each piece counts for as long as there is somebody who holds it.
const COLLECTED: usize = 2 * 1024 * 1024;

/// What a request holds until its answer is sent.
#[derive(Debug, Default)]
pub(crate) struct HeldBodies(Mutex<Held>);

#[derive(Debug, Default)]
struct Held {
    request: Option<Reserved>,
    request_length: usize,
    /// How much of it had come when it began to be passed on, or when somebody last asked whether it moves.
    noted_length: usize,
    /// For the largest answer of a back-end: a handler may read many, one after the other, and keep none.
    answer: Option<Reserved>,
    /// Whether the request's body is passed on as it comes.
    is_streamed: bool,
    /// Whether the request's body was refused.
    is_refused: bool,
}

impl HeldBodies {
    /// Keeps what is reserved for a back-end's answer that has become something else.
    pub fn keep(&self, answer: Reserved) {
        let mut held = self.lock();
        let largest = held.answer.as_ref().map_or(0, Reserved::bytes);
        if answer.bytes() > largest {
            held.answer = Some(answer);
        }
    }

    /// What is reserved for an answer that was read before, if there is one.
    pub fn take_kept(&self) -> Option<Reserved> {
        self.lock().answer.take()
    }

    /// Counts nothing more of the request's body, since nobody holds it.
    pub fn stream(&self) {
        let mut held = self.lock();
        held.is_streamed = true;
        held.noted_length = held.request_length;
        held.request = None;
    }

    /// Whether the request's body is passed on, and at least so many bytes of it have come since this was last asked.
    pub fn has_moved(&self, bytes: usize) -> bool {
        let mut held = self.lock();
        let moved = held.request_length - held.noted_length;
        held.noted_length = held.request_length;
        held.is_streamed && moved >= bytes
    }

    /// Whether there was no memory for the request's body.
    pub fn is_refused(&self) -> bool {
        self.lock().is_refused
    }

    /// An answer that takes along what is held for it. One that is made as it is sent holds nothing.
    pub fn released_with(&self, answer: Body) -> Body {
        let mut held = self.lock();
        let (request, kept) = (held.request.take(), held.answer.take());
        drop(held);
        if (request.is_none() && kept.is_none()) || answer.size_hint().exact().is_none() {
            return answer;
        }
        Body::new(HeldAnswer {
            answer,
            held: Some(Box::new((request, kept))),
        })
    }

    /// Counts the next piece of the request's body.
    ///
    /// # Errors
    /// As [`Reserved::grow_to`].
    pub fn count(&self, piece: Bytes, memory: &BodyMemory) -> Result<Bytes> {
        let mut held = self.lock();
        held.request_length += piece.len();
        if held.is_streamed {
            return Ok(piece);
        }
        let length = held.request_length;
        let request = held.request.get_or_insert_with(|| memory.reserve());
        let counted = match length <= COLLECTED {
            true => request.grow_to(length).map(|()| piece),
            false => memory
                .take(piece.len())
                .map(|permit| body_memory::held(piece, permit)),
        };
        held.is_refused |= counted.is_err();
        counted
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The body of an answer, and what is held until it is sent.
struct HeldAnswer {
    answer: Body,
    held: Option<Box<(Option<Reserved>, Option<Reserved>)>>,
}

impl HttpBody for HeldAnswer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<std::result::Result<Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.answer).poll_frame(cx);
        // The connection drops the body as soon as it has the last piece, and the piece when it is sent.
        match frame {
            Poll::Ready(Some(Ok(frame))) if self.answer.is_end_stream() => {
                let held = self.held.take();
                let last = frame.map_data(|bytes| body_memory::held(bytes, held));
                Poll::Ready(Some(Ok(last)))
            }
            frame => frame,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.answer.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.answer.size_hint()
    }
}
