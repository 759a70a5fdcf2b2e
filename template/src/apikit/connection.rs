//! House: one connection, which may idle between requests but not dawdle over a head or an answer.

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
const HEAD_TIME: Duration = Duration::from_secs(10);

/// How long a client may be connected before its first request begins.
const FIRST_BYTE_TIME: Duration = Duration::from_secs(30);

/// How long a client may take none of an answer's bytes.
const STALL_TIME: Duration = Duration::from_secs(60);

/// A stream whose reads fail when a request's head takes too long, and whose writes fail when the
/// client does not take what is written.
///
/// hyper's own limit counts from the end of the request before, so it would close idle
/// connections as fast as slow ones, under the feet of the load balancer that keeps them open.
pub(super) struct Connection {
    stream: TcpStream,
    turns: Turns,
    /// The deadline of the head that is awaited or being read, and the turn that it was set in.
    head: Option<(Pin<Box<Sleep>>, usize)>,
    /// Whether the first request has begun.
    begun: bool,
    /// The deadline of the write that waits for the client.
    stall: Option<Pin<Box<Sleep>>>,
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
        let turn = turns.count();
        Self {
            stream,
            turns,
            begun: false,
            head: Some((Box::pin(sleep(FIRST_BYTE_TIME)), turn)),
            stall: None,
        }
    }

    /// Lets a write that the client does not take fail in the end.
    fn within_time<T>(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stall = None;
            return written;
        }
        let stall = self
            .stall
            .get_or_insert_with(|| Box::pin(sleep(STALL_TIME)));
        ready!(stall.as_mut().poll(cx));
        Poll::Ready(Err(too_late("the client does not take the answer")))
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
            let begins = turn.is_multiple_of(2) && buffer.filled().len() > before;
            if begins && (self.head.is_none() || !self.begun) {
                self.begun = true;
                self.head = Some((Box::pin(sleep(HEAD_TIME)), turn));
            }
            return Poll::Ready(read);
        }
        match &mut self.head {
            Some((deadline, _)) => {
                ready!(deadline.as_mut().poll(cx));
                Poll::Ready(Err(too_late("the request's head took too long")))
            }
            None => Poll::Pending,
        }
    }
}

fn too_late(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, what)
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.within_time(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.within_time(cx, written)
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
