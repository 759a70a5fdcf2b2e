//! The queue of log lines, and the thread that writes them.
//!
//! A line goes into the queue, and its caller goes on. A full pipe, a full disk or an unreachable server
//! lets the queue fill; what does not fit is dropped, and counted.

use std::{
    io::{self, ErrorKind, Write},
    sync::{
        Arc, Condvar, Mutex, MutexGuard,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
    time::Duration,
};

use prometheus_client::metrics::counter::Counter;

use super::syslog::Syslog;

/// How many bytes of lines may wait: some ten thousand lines.
const CAPACITY: usize = 4 * 1024 * 1024;

/// How long lines are gathered, to be written together. Waking the thread for each line would cost more
/// than the line.
const GATHER: Duration = Duration::from_millis(10);

/// How long writing the last lines may take when the process ends.
const LAST_LINES: Duration = Duration::from_secs(2);

/// The back-off of a non-blocking stream that is full.
const FULL: Duration = Duration::from_millis(10);

/// Why the lock on the queue is never poisoned.
const HELD: &str = "nobody panics while holding it";

/// The queue of lines. Clones share it.
#[derive(Clone)]
pub(super) struct Sink(Arc<Shared>);

struct Shared {
    queue: Mutex<Queue>,
    woken: Condvar,
    dropped: Counter,
}

#[derive(Default)]
struct Queue {
    lines: Vec<u8>,
    closed: bool,
}

/// Where lines go.
pub(super) enum Output {
    /// A file, a pipe or a terminal.
    Stream(Box<dyn Write + Send>),
    /// A syslog server.
    Syslog(Syslog),
}

/// The guard of the writing thread. Dropping it waits for the last lines, within a time limit.
pub struct Writing {
    sink: Sink,
    ended: Receiver<()>,
}

impl Sink {
    /// Starts the thread that writes. `dropped` counts the lines that could not be written.
    pub fn start(output: Output, dropped: Counter) -> (Self, Writing) {
        let sink = Self(Arc::new(Shared {
            queue: Mutex::default(),
            woken: Condvar::new(),
            dropped,
        }));
        let (end, ended) = channel();
        let shared = sink.0.clone();
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || shared.write_to(output, end))
            .expect("a thread can be started");
        let writing = Writing {
            sink: sink.clone(),
            ended,
        };
        (sink, writing)
    }

    /// Puts a line, or several, into the queue, if they fit.
    pub fn push(&self, line: &[u8]) {
        let mut queue = self.0.queue();
        if queue.lines.len() + line.len() > CAPACITY {
            self.0.dropped.inc_by(count(line));
            return;
        }
        let was_empty = queue.lines.is_empty();
        queue.lines.extend_from_slice(line);
        drop(queue);
        if was_empty {
            self.0.woken.notify_one();
        }
    }
}

/// For the formatter of pretty lines, which writes each line in one call.
impl Write for Sink {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Shared {
    /// Writes lines until the queue is closed and empty, and then drops `_end`.
    fn write_to(&self, mut output: Output, _end: Sender<()>) {
        let mut lines = Vec::new();
        let mut logged = 0;
        while self.take(&mut lines) {
            let lost = output.write(&lines);
            let dropped = self.dropped.inc_by(lost) + lost;
            if lost == 0 && dropped > logged {
                tracing::warn!(lines = dropped - logged, "log lines were dropped");
                logged = dropped;
            }
            lines.clear();
            // Frees memory that a long wait has filled.
            lines.shrink_to(CAPACITY / 16);
        }
    }

    /// Waits for lines and moves them all; false when there will be no more.
    fn take(&self, lines: &mut Vec<u8>) -> bool {
        let waits = |queue: &mut Queue| queue.lines.is_empty() && !queue.closed;
        let queue = self.woken.wait_while(self.queue(), waits).expect(HELD);
        let gathers = |queue: &mut Queue| !queue.closed;
        let gathered = self.woken.wait_timeout_while(queue, GATHER, gathers);
        let (mut queue, _) = gathered.expect(HELD);
        std::mem::swap(&mut queue.lines, lines);
        !lines.is_empty()
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().expect(HELD)
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        self.sink.0.queue().closed = true;
        self.sink.0.woken.notify_one();
        let _ = self.ended.recv_timeout(LAST_LINES);
    }
}

impl Output {
    /// Writes whole lines; returns how many of them were lost.
    fn write(&mut self, lines: &[u8]) -> u64 {
        match self {
            Self::Stream(stream) => write(stream, lines),
            Self::Syslog(server) => lines
                .split_inclusive(|byte| *byte == b'\n')
                .map(|line| u64::from(server.send(line).is_err()))
                .sum(),
        }
    }
}

fn write(stream: &mut impl Write, mut lines: &[u8]) -> u64 {
    while !lines.is_empty() {
        match stream.write(lines) {
            Ok(0) => break,
            Ok(written) => lines = &lines[written..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(FULL),
            Err(_) => break,
        }
    }
    let _ = stream.flush();
    count(lines)
}

fn count(lines: &[u8]) -> u64 {
    let ends = lines.iter().filter(|byte| **byte == b'\n').count();
    u64::try_from(ends).unwrap_or(u64::MAX)
}
