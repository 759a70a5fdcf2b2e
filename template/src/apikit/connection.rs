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
    time::{Instant, Sleep, sleep},
};

/// How long a client may keep a connection open between requests. Longer than the load balancers
/// in front do (Google's keep 600 s), so that no request of theirs meets a closing connection.
const IDLE_TIME: Duration = Duration::from_secs(620);

/// How long a client may take over the head of a request, from its first byte.
const HEAD_TIME: Duration = Duration::from_secs(10);

/// How long a client may be connected before its first request begins.
const FIRST_BYTE_TIME: Duration = Duration::from_secs(30);

/// How long a client may take none of an answer's bytes.
const STALL_TIME: Duration = Duration::from_secs(60);

/// A stream whose reads fail when a request or its head takes too long to come, and whose writes fail when
/// the client does not take what is written.
///
/// hyper's own limit counts from the end of the request before, so it would close idle
/// connections as fast as slow ones, under the feet of the load balancer that keeps them open.
pub(super) struct Connection {
    stream: TcpStream,
    turns: Turns,
    awaited: Awaited,
    /// When what is awaited is too late; none before it has been waited for.
    deadline: Option<Instant>,
    /// Wakes the connection at the deadline or before: setting it anew for each request would cost more
    /// than to look once too often.
    alarm: Pin<Box<Sleep>>,
    /// The deadline of the write that waits for the client.
    stall: Option<Pin<Box<Sleep>>>,
}

/// What the client is to send next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Awaited {
    FirstRequest,
    NextRequest,
    RestOfHead,
}

impl Awaited {
    fn time(self) -> Duration {
        match self {
            Self::FirstRequest => FIRST_BYTE_TIME,
            Self::NextRequest => IDLE_TIME,
            Self::RestOfHead => HEAD_TIME,
        }
    }
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
            awaited: Awaited::FirstRequest,
            deadline: None,
            alarm: Box::pin(sleep(FIRST_BYTE_TIME)),
            stall: None,
        }
    }

    fn awaits(&mut self, awaited: Awaited) {
        self.awaited = awaited;
        self.deadline = None;
    }

    /// Ends when what is awaited is too late.
    fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let time = self.awaited.time();
        let deadline = *self.deadline.get_or_insert_with(|| Instant::now() + time);
        if self.alarm.deadline() > deadline {
            self.alarm.as_mut().reset(deadline);
        }
        loop {
            ready!(self.alarm.as_mut().poll(cx));
            if self.alarm.deadline() >= deadline {
                return Poll::Ready(());
            }
            self.alarm.as_mut().reset(deadline);
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
            // The next request is awaited from the last byte of the answer on.
            self.awaits(Awaited::NextRequest);
            self.deadline = Some(Instant::now() + IDLE_TIME);
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
        let is_clients = turn.is_multiple_of(2);
        let before = buffer.filled().len();
        if let Poll::Ready(read) = Pin::new(&mut self.stream).poll_read(cx, buffer) {
            let begins = self.awaited != Awaited::RestOfHead && buffer.filled().len() > before;
            if is_clients && begins {
                self.awaits(Awaited::RestOfHead);
            }
            return Poll::Ready(read);
        }
        if is_clients {
            ready!(self.poll_late(cx));
            return Poll::Ready(Err(too_late("the client sent too little for too long")));
        }
        // While the service has its turn, the client may be silent. hyper does not look again when that
        // ends, so the alarm must be on.
        while self.alarm.as_mut().poll(cx).is_ready() {
            self.alarm.as_mut().reset(Instant::now() + IDLE_TIME);
        }
        Poll::Pending
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
