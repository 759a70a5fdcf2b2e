//! Many clients at once, and what they saw.

use std::{
    fmt,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crate::client::{Client, is_in_shape};

/// Clients who ask a service for the same, each over a connection of its own.
#[derive(Clone, Copy)]
pub struct Load {
    pub service: SocketAddr,
    pub path: &'static str,
    pub clients: u32,
    pub pace: Pace,
}

/// When a client sends its next request.
#[derive(Clone, Copy)]
pub enum Pace {
    /// As soon as the last one is answered.
    AtOnce,
    /// The same, but after a 503 not before its `Retry-After` has passed.
    AtOnceHeeding,
    /// So that all clients together send this many in a second, as far as they are answered in time.
    PerSecond(f64),
}

/// A load that goes on until it is stopped.
pub struct Running {
    stop: Arc<AtomicBool>,
    clients: Vec<JoinHandle<Seen>>,
    start: Instant,
}

/// What clients saw.
#[derive(Default)]
pub struct Seen {
    /// The status of each answer, and the time that it took.
    pub answers: Vec<(u16, Duration)>,
    /// What was no answer, or an error that is not in the shape of errors.
    pub faults: Vec<String>,
    /// How long they asked.
    pub took: Duration,
}

impl Load {
    pub fn start(self) -> Running {
        let stop = Arc::new(AtomicBool::new(false));
        let start = Instant::now();
        let client = |number| {
            let stop = stop.clone();
            thread::spawn(move || self.ask(number, start, &stop))
        };
        let clients = (0..self.clients).map(client).collect();
        Running {
            clients,
            start,
            stop,
        }
    }

    /// The same clients, at this many requests in a second.
    pub fn at(self, rate: f64) -> Self {
        let pace = Pace::PerSecond(rate);
        Self { pace, ..self }
    }

    pub fn run(self, time: Duration) -> Seen {
        let running = self.start();
        thread::sleep(time);
        running.stop()
    }

    /// The work of one client.
    fn ask(self, number: u32, start: Instant, stop: &AtomicBool) -> Seen {
        let mut seen = Seen::default();
        let mut client = Client::of(self.service);
        let pause = match self.pace {
            Pace::AtOnce | Pace::AtOnceHeeding => Duration::ZERO,
            Pace::PerSecond(rate) => Duration::from_secs_f64(f64::from(self.clients) / rate),
        };
        // The first requests are spread over the first pause.
        let mut due = start + pause * number / self.clients;
        while !stop.load(Ordering::Relaxed) {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            let retry_after = seen.note(&mut client, self.path);
            if let (Pace::AtOnceHeeding, Some(retry_after)) = (self.pace, retry_after) {
                thread::sleep(retry_after);
            }
            // What is late is left out: a client does not send two requests for one that hung.
            due = (due + pause).max(Instant::now().checked_sub(pause).unwrap_or(due));
        }
        seen
    }
}

impl Running {
    /// Lets every client have its last answer, and gathers what they saw.
    pub fn stop(self) -> Seen {
        let took = self.start.elapsed();
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Seen {
            took,
            ..Seen::default()
        };
        for client in self.clients {
            all.add(client.join().expect("a client does not panic"));
        }
        all
    }
}

impl Seen {
    /// Adds what another client saw meanwhile.
    pub fn add(&mut self, other: Self) {
        self.answers.extend(other.answers);
        self.faults.extend(other.faults);
    }

    /// Sends a request, and notes what comes of it. Returns when the client may come back, if that is said.
    pub fn note(&mut self, client: &mut Client, path: &str) -> Option<Duration> {
        let start = Instant::now();
        let answer = match client.get(path, "") {
            Ok(answer) => answer,
            Err(error) => {
                self.faults.push(error.to_string());
                return None;
            }
        };
        self.answers.push((answer.status, start.elapsed()));
        let retry_after = answer
            .header("retry-after")
            .and_then(|seconds| seconds.parse().ok());
        if !is_in_shape(&answer) || (answer.status == 503 && retry_after.is_none()) {
            self.faults
                .push(format!("{}\n{}", answer.head, answer.body));
        }
        retry_after.map(Duration::from_secs)
    }

    /// How many answers had a status that is `wanted`.
    pub fn count(&self, wanted: impl Fn(u16) -> bool) -> usize {
        let statuses = self.answers.iter().map(|(status, _)| *status);
        statuses.filter(|status| wanted(*status)).count()
    }

    /// How many answers with this status came in a second.
    pub fn rate(&self, status: u16) -> f64 {
        self.count(|seen| seen == status) as f64 / self.took.as_secs_f64()
    }

    /// The time within which this share of the answers with a status that is `wanted` came; zero when there are none.
    pub fn quantile(&self, share: f64, wanted: impl Fn(u16) -> bool) -> Duration {
        let wanted = self.answers.iter().filter(|(status, _)| wanted(*status));
        let mut times: Vec<_> = wanted.map(|(_, time)| *time).collect();
        times.sort_unstable();
        let last = times.len().saturating_sub(1);
        let place = (last as f64 * share).ceil() as usize;
        times.get(place).copied().unwrap_or_default()
    }

    /// # Panics
    /// When a client got no answer, or one out of shape.
    pub fn assert_no_faults(&self) {
        let some: Vec<_> = self.faults.iter().take(5).collect();
        let (count, all) = (self.faults.len(), self.answers.len());
        assert!(
            some.is_empty(),
            "{count} faults in {all} answers: {some:#?}"
        );
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut statuses: Vec<_> = self.answers.iter().map(|(status, _)| *status).collect();
        statuses.sort_unstable();
        for group in statuses.chunk_by(|one, next| one == next) {
            write!(f, "{} × {}, ", group.len(), group[0])?;
        }
        for (name, share) in [("p50", 0.5), ("p99", 0.99), ("max", 1.0)] {
            let time = self.quantile(share, |_| true).as_secs_f64() * 1000.0;
            write!(f, "{name} {time:.1} ms, ")?;
        }
        write!(f, "{} faults", self.faults.len())
    }
}
