//! Crowds of clients that keep the service waiting: nobody else notices, and they are sent away in the end.

use std::{
    collections::BTreeMap,
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use crate::{
    backend::Backend,
    stage::{Service, command, none},
    watch::Watch,
};

/// How many there are of each kind.
const CROWD: usize = 1000;

/// How often each of them sends a little more.
const DRIP: Duration = Duration::from_secs(1);

/// How long each kind has to be gone, with some grace for a busy machine.
const KINDS: [(&str, &str, &str, u64); 4] = [
    (
        "slow heads",
        "GET / HTTP/1.1\r\nhost: a\r\n",
        "x: a\r\n",
        10,
    ),
    (
        "slow bodies",
        "POST /build/time HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\n",
        "a",
        2,
    ),
    (
        "slow chunks",
        "GET /build/time HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n",
        "1\r\na\r\n",
        2,
    ),
    ("half-open", "", "", 30),
];
const GRACE: Duration = Duration::from_secs(20);

/// A client that takes its time.
struct Slow {
    kind: &'static str,
    stream: TcpStream,
    drip: &'static str,
    answer: Vec<u8>,
    since: Instant,
    stayed: Option<Duration>,
}

#[test]
#[ignore = "needs thousands of file descriptors: run .ci/endurance"]
fn crowds_that_dawdle_are_sent_away_and_nobody_else_notices() {
    let backend = Backend::start();
    let service = Service::start(command(none(), &backend.url()));
    let health = Watch::on(service.address, "/");
    let start = Instant::now();
    let mut crowd = Vec::new();
    for (kind, beginning, drip, _) in KINDS {
        for _ in 0..CROWD {
            let mut stream = TcpStream::connect(service.address)
                .expect("there are enough file descriptors, as .ci/endurance sees to");
            stream.write_all(beginning.as_bytes()).unwrap();
            stream.set_nonblocking(true).unwrap();
            crowd.push(Slow {
                kind,
                stream,
                drip,
                answer: Vec::new(),
                since: Instant::now(),
                stayed: None,
            });
        }
    }
    let resident = service.resident();
    let came = start.elapsed();
    println!(
        "{} dawdling clients come within {came:.1?}: {resident} kB",
        crowd.len()
    );
    while crowd.iter().any(|slow| slow.stayed.is_none()) {
        assert!(
            start.elapsed() < Duration::from_secs(120),
            "some stay for ever"
        );
        thread::sleep(DRIP);
        for slow in crowd.iter_mut().filter(|slow| slow.stayed.is_none()) {
            slow.go_on();
        }
    }
    health.end("crowds that dawdle");

    for (kind, _, _, seconds) in KINDS {
        let of_kind = || crowd.iter().filter(|slow| slow.kind == kind);
        let last = of_kind().filter_map(|slow| slow.stayed).max().unwrap();
        let mut answers = BTreeMap::<_, usize>::new();
        for slow in of_kind() {
            *answers.entry(slow.status()).or_default() += 1;
        }
        println!("{kind}: none stays longer than {last:.1?}; they hear {answers:?}");
        assert!(
            !answers.keys().any(|status| status.starts_with('5')),
            "{kind}"
        );
        assert!(last < Duration::from_secs(seconds) + GRACE, "{kind}");
    }
}

impl Slow {
    /// Sends a little more, and hears what there is to hear.
    fn go_on(&mut self) {
        let _ = self.stream.write(self.drip.as_bytes());
        let mut bytes = [0; 1024];
        loop {
            match self.stream.read(&mut bytes) {
                Ok(length) if length > 0 => self.answer.extend(&bytes[..length]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                _ => break,
            }
        }
        self.stayed = Some(self.since.elapsed());
    }

    fn status(&self) -> String {
        let answer = String::from_utf8_lossy(&self.answer);
        let status = answer.split(' ').nth(1);
        status.unwrap_or("nothing").to_owned()
    }
}
