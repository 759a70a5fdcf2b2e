//! The back-end in trouble: every caller gets an answer in time, others do not notice, and all is well
//! a second after the back-end is.

use std::{
    process::Command,
    thread,
    time::{Duration, Instant},
};

use crate::{
    backend::{Backend, Manner},
    client::Client,
    load::{Load, Pace},
    stage::{METADATA, SAMPLE, Service, command, eventually, none},
    watch::Watch,
};

/// What the service is told of time, and how long its callers may then have to wait on a machine that is busy.
const BACKEND_TIMEOUT: &str = "1s";
const REQUEST_TIMEOUT: &str = "2s";
const WAIT: Duration = Duration::from_secs(4);

/// How long each trouble lasts.
pub const TROUBLE: Duration = Duration::from_secs(3);

/// Answers that are none.
const GARBAGE: [&[u8]; 5] = [
    b"\x00\xff\xfe\x01 this is no HTTP\r\n\r\n",
    b"HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nZZZ\r\nhello\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 7\r\n\r\nhello",
    b"HTTP/1.1 99999 \r\n\r\n",
];

#[test]
#[ignore = "needs a release build: run .ci/endurance"]
fn callers_get_answers_in_time_whatever_the_backend_does() {
    let backend = Backend::start();
    let service = start(command(none(), &backend.url()));
    let troubles = [
        ("it hangs", Manner::Hangs),
        ("it answers a byte in a second", Manner::Trickles),
        ("it closes within the body", Manner::BreaksOff),
    ];
    let garbage = GARBAGE.map(|bytes| ("it answers garbage", Manner::Babbles(bytes)));
    for (what, manner) in troubles.into_iter().chain(garbage) {
        let short = matches!(manner, Manner::Babbles(_));
        survives(
            &service,
            what,
            if short { TROUBLE / 3 } else { TROUBLE },
            || backend.turn(manner),
            || backend.turn(Manner::WELL),
        );
    }
}

#[test]
#[ignore = "needs a release build: run .ci/endurance"]
fn a_backend_that_is_killed_is_found_again() {
    let backend = Backend::start();
    let address = backend.address;
    let service = start(command(none(), &backend.url()));
    let mut backend = Some(backend);
    let mut again = None;
    survives(
        &service,
        "it is killed",
        TROUBLE,
        || backend = None,
        || again = Some(Backend::at(address)),
    );
}

/// Starts a service that has little time.
pub fn start(mut command: Command) -> Service {
    command
        .env("BACKEND_TIMEOUT", BACKEND_TIMEOUT)
        .env("REQUEST_TIMEOUT", REQUEST_TIMEOUT);
    Service::start(command)
}

/// Lets callers ask before, while and after the back-end is in trouble.
pub fn survives(
    service: &Service,
    what: &str,
    trouble: Duration,
    begin: impl FnOnce(),
    end: impl FnOnce(),
) {
    let callers = Load {
        service: service.address,
        path: SAMPLE,
        clients: 300,
        pace: Pace::PerSecond(200.0),
    };
    let before = callers.run(Duration::from_millis(300));
    assert_eq!(
        before.count(|status| status != 200),
        0,
        "before {what}: {before}"
    );

    let watch = Watch::on(service.address, METADATA);
    let asking = callers.start();
    begin();
    thread::sleep(trouble);
    end();
    let well = Instant::now();
    let mut caller = Client::of(service.address);
    eventually("a caller is served again", || {
        caller.get(SAMPLE, "").unwrap().status == 200
    });
    let recovery = well.elapsed();
    let seen = asking.stop();
    let after = callers.run(Duration::from_millis(300));

    println!(
        "{what}: {seen}; well again after {:.0} ms",
        recovery.as_secs_f64() * 1000.0
    );
    watch.end(what);
    seen.assert_no_faults();
    assert!(
        seen.count(|status| matches!(status, 502 | 504)) > 0,
        "{what}: {seen}"
    );
    let other = seen.count(|status| !matches!(status, 200 | 502 | 504));
    assert_eq!(other, 0, "{what}: {seen}");
    assert!(seen.quantile(1.0, |_| true) < WAIT, "{what}: {seen}");
    assert_eq!(
        after.count(|status| status != 200),
        0,
        "after {what}: {after}"
    );
}
