//! House: one connection, which may idle between requests but not dawdle inside a request's head.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Sleep, sleep},
};

/// How long a client may take over the head of a request, from its first byte.
pub(super) const HEAD_TIME: Duration = Duration::from_secs(10);

/// A stream whose reads fail when a request's head takes longer than [`HEAD_TIME`].
///
/// hyper's own limit counts from the end of the request before, so it would close idle
/// connections as fast as slow ones, under the feet of the load balancer that keeps them open.
pub(super) struct Connection {
    stream: TcpStream,
    turns: Turns,
    /// The deadline of the head that is being read, and the turn in which it began.
    head: Option<(Pin<Box<Sleep>>, usize)>,
}

/// Whose turn it is: the client's while the count is even, the service's while it is odd.
#[derive(Clone, Default)]
pub(super) struct Turns(Arc<AtomicUsize>);

/// The service's turn, which ends when it is dropped.
pub(super) struct Turn(Turns);

impl Turns {
    pub fn begin(&self) -> Turn {
        self.0.fetch_add(1, Ordering::Relaxed);
        Turn(self.clone())
    }

    fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Connection {
    pub fn new(stream: TcpStream, turns: Turns) -> Self {
        Self {
            stream,
            turns,
            head: None,
        }
    }

    fn poll_head_deadline(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        match &mut self.head {
            Some((deadline, _)) => deadline.as_mut().poll(cx).map(|()| {
                io::Error::new(io::ErrorKind::TimedOut, "the request's head took too long")
            }),
            None => Poll::Pending,
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let turn = self.turns.count();
        if self.head.as_ref().is_some_and(|(_, began)| *began != turn) {
            self.head = None;
        }
        let before = buffer.filled().len();
        if let Poll::Ready(read) = Pin::new(&mut self.stream).poll_read(cx, buffer) {
            let clients_turn = turn.is_multiple_of(2);
            if clients_turn && self.head.is_none() && buffer.filled().len() > before {
                self.head = Some((Box::pin(sleep(HEAD_TIME)), turn));
            }
            return Poll::Ready(read);
        }
        let too_slow = ready!(self.poll_head_deadline(cx));
        Poll::Ready(Err(too_slow))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
