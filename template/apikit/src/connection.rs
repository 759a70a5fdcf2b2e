//! One connection, with time limits: for the first request, for a head, between requests, and for reading an answer.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, Sleep, sleep},
};

use crate::{
    exchanges::{BodyState, Exchanges},
    lingering::Lingering,
};

/// How long a connection may be idle between requests. It is longer than a load balancer keeps one (Google's for
/// 600 s), so that no request meets a closing connection.
const IDLE_TIME: Duration = Duration::from_secs(620);

/// How long a client may take to send the head of a request, from its first byte.
const HEAD_TIME: Duration = Duration::from_secs(10);

/// How long a client may be connected before its first request begins.
const FIRST_BYTE_TIME: Duration = Duration::from_secs(30);

/// How long a client may read nothing of an answer.
const STALL_TIME: Duration = Duration::from_secs(60);

/// How a client begins that takes the service to speak HTTP/2, and where the digit of the version is.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\n";
const VERSION: usize = PREFACE.len() - 7;

/// A stream whose reads fail when a request or its head takes too long, and whose writes fail when the client
/// reads nothing for too long.
///
/// hyper's own limit counts from the end of the previous request. It would close idle connections, which a load
/// balancer keeps open, as soon as slow ones.
pub(super) struct Connection {
    /// None once it lingers.
    stream: Option<TcpStream>,
    exchanges: Exchanges,
    lingering: Lingering,
    awaited: Awaited,
    /// How much of [`PREFACE`] the connection began with.
    preface: u8,
    /// The count of exchanges when the client sent the last bytes of a head.
    heard_at: u32,
    /// Whether that head was answered before it began an exchange, as hyper refuses a broken one.
    is_refused: bool,
    /// When what is awaited is too late; none before the first poll for it.
    deadline: Option<Instant>,
    /// Wakes the connection at the deadline or before. Resetting it for each request would cost more than an
    /// unneeded wake-up.
    alarm: Pin<Box<Sleep>>,
    /// The deadline of a write that the client is not reading.
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

impl Connection {
    pub fn new(stream: TcpStream, exchanges: Exchanges, lingering: Lingering) -> Self {
        Self {
            stream: Some(stream),
            exchanges,
            lingering,
            awaited: Awaited::FirstRequest,
            preface: 0,
            heard_at: 0,
            is_refused: false,
            deadline: None,
            alarm: Box::pin(sleep(FIRST_BYTE_TIME)),
            stall: None,
        }
    }

    fn stream(&mut self) -> Pin<&mut TcpStream> {
        let stream = self.stream.as_mut();
        Pin::new(stream.expect("a connection that was shut down is dropped"))
    }

    fn awaits(&mut self, awaited: Awaited) {
        self.awaited = awaited;
        self.deadline = None;
    }

    /// Ready when what is awaited is too late.
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

    /// Fails a write that the client has not read for too long.
    fn within_time<T>(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stall = None;
            self.is_refused |= self.heard_at == self.exchanges.count();
            // The next request is awaited from the last byte of the answer on.
            let now = Instant::now();
            self.exchanges.set_written(now);
            self.awaits(Awaited::NextRequest);
            self.deadline = Some(now + IDLE_TIME);
            return written;
        }
        let stall = self.stall.get_or_insert_with(|| {
            self.exchanges.set_writing();
            Box::pin(sleep(STALL_TIME))
        });
        ready!(stall.as_mut().poll(cx));
        Poll::Ready(Err(too_late("the client does not take the answer")))
    }

    /// Lets the preface of HTTP/2 pass for a request in HTTP/1.0, which gets an answer: hyper has none for it.
    fn pass_preface(&mut self, read: &mut [u8]) {
        for byte in read {
            let at = usize::from(self.preface);
            match PREFACE.get(at) {
                None => return,
                Some(expected) if byte == expected => self.preface += 1,
                Some(_) => return self.preface = u8::MAX,
            }
            if at == VERSION {
                *byte = b'1';
            }
        }
    }

    /// Whether the service closes and the client has sent no whole head: such a request is none yet.
    fn is_too_late(&self) -> bool {
        self.awaited != Awaited::NextRequest
            && self.lingering.is_closed()
            && !self.exchanges.body_is(BodyState::Coming)
    }

    /// Whether the client may be sending while the connection closes.
    fn is_sent_more(&self) -> bool {
        let stream = self.stream.as_ref();
        self.is_refused
            || usize::from(self.preface) == PREFACE.len()
            || !self.exchanges.body_is(BodyState::Whole)
            || stream.is_some_and(|stream| stream.try_read(&mut [0]).is_ok_and(|length| length > 0))
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let count = self.exchanges.count();
        let is_clients = count.is_multiple_of(2);
        let before = buffer.filled().len();
        if let Poll::Ready(read) = self.stream().poll_read(cx, buffer) {
            if is_clients && buffer.filled().len() > before {
                self.heard_at = count;
                self.is_refused = false;
                if self.awaited != Awaited::RestOfHead {
                    self.awaits(Awaited::RestOfHead);
                }
                if usize::from(self.preface) < PREFACE.len() {
                    self.pass_preface(&mut buffer.filled_mut()[before..]);
                }
            }
            return Poll::Ready(read);
        }
        if is_clients {
            if self.is_too_late() {
                let why = "the service takes no more requests";
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::ConnectionAborted, why)));
            }
            ready!(self.poll_late(cx));
            return Poll::Ready(Err(too_late("the client sent too little for too long")));
        }
        // While a request is being answered, the client may be silent. hyper does not poll again when that
        // ends, so the alarm must stay registered.
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
        let written = self.stream().poll_write(cx, bytes);
        self.within_time(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = self.stream().poll_write_vectored(cx, slices);
        self.within_time(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream
            .as_ref()
            .is_some_and(AsyncWrite::is_write_vectored)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.stream().poll_shutdown(cx))?;
        if self.is_sent_more()
            && let Some(stream) = self.stream.take()
        {
            self.lingering.add(stream);
        }
        Poll::Ready(Ok(()))
    }
}
