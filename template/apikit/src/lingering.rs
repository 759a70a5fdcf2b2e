//! Keeps a connection open after the last answer while its client is still sending (RFC 9112, 9.6).
//!
//! The system resets a connection that is closed before all that came has been read, and a reset takes the answer from
//! a client that has not read it yet, such as a 413 from one that is in the middle of its upload.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, copy, sink},
    net::TcpStream,
    time::{Instant, timeout, timeout_at},
};
use tokio_util::task::TaskTracker;

/// How long a client may go on sending after its answer.
const LINGER_TIME: Duration = Duration::from_secs(10);

/// How much of that is read.
const LINGER_BYTES: u64 = 64 * 1024 * 1024;

/// The connections that have answered for the last time, and whose clients are still sending. Clones share them.
#[derive(Clone, Default)]
pub(super) struct Lingering(TaskTracker);

impl Lingering {
    /// Reads what the client still sends, until it closes or has gone on for too long. Nothing more is written.
    pub fn add(&self, mut stream: TcpStream) {
        self.0.spawn(async move {
            let mut unread = (&mut stream).take(LINGER_BYTES);
            let _ = timeout(LINGER_TIME, copy(&mut unread, &mut sink())).await;
        });
    }

    /// Tells the connections that the service takes no more requests.
    pub fn close(&self) {
        self.0.close();
    }

    /// Whether the service takes no more requests.
    pub fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    /// Waits for the clients, until `deadline` at most: they have their answers.
    pub async fn finish(self, deadline: Instant) {
        let _ = timeout_at(deadline, self.0.wait()).await;
    }
}
