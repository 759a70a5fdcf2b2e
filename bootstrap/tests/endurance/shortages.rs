//! A machine that is short of something: file descriptors, room for logs, or time that goes forward.

use std::{
    env::consts::ARCH,
    fs,
    io::{BufRead, BufReader},
    net::TcpStream,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;

use crate::{
    backend::Backend,
    client::Client,
    load::{Load, Pace, Seen},
    stage::{METADATA, SAMPLE, Service, command, command_in_shell, eventually, none},
    watch::Watch,
};

/// What counts the lines of the log that were not written.
const DROPPED: &str = "log_lines_dropped_total";

#[test]
#[ignore = "needs a release build: run .ci/endurance"]
fn callers_are_served_when_file_descriptors_run_out() {
    let backend = Backend::start();
    let scratch = TempDir::new().unwrap();
    let log = scratch.path().join("log");
    let mut command = command_in_shell(r#"ulimit -n 64; exec "$0""#, none(), &backend.url());
    command.env("LOGFILE", &log).env("MAX_CONNECTIONS", "1000");
    let service = Service::start(command);
    let mut caller = Client::of(service.address);
    let mut seen = Seen::default();
    let mut crowd = Vec::new();
    for _ in 0..200 {
        crowd.push(TcpStream::connect(service.address).unwrap());
        seen.note(&mut caller, SAMPLE);
        seen.note(&mut caller, METADATA);
    }
    println!("no file descriptors left: who is connected: {seen}");
    seen.assert_no_faults();
    assert_eq!(seen.count(|status| status != 200), 0, "{seen}");

    let mut newcomer = Client::of(service.address);
    assert_eq!(newcomer.get(SAMPLE, "").unwrap().status, 200);
    let said = "a connection could not be taken";
    eventually("the log tells of it", || {
        fs::read_to_string(&log).unwrap().contains(said)
    });
    drop(crowd);
    let lines = fs::read_to_string(&log).unwrap().matches(said).count();
    assert!(lines < 10, "{lines} lines tell of it");
}

#[test]
#[ignore = "needs a release build: run .ci/endurance"]
fn a_log_that_nobody_reads_holds_nobody_up() {
    let backend = Backend::start();
    let mut command = command(none(), &backend.url());
    command.stdout(Stdio::piped());
    let mut service = Service::start(command);
    serves_without_a_log("nobody reads the log", &service);
    // Somebody does in the end, and is told.
    let log = BufReader::new(service.child.stdout.take().unwrap());
    let told = log
        .lines()
        .map_while(Result::ok)
        .any(|line| line.contains("log lines were dropped"));
    assert!(told);
}

#[test]
#[ignore = "needs a release build: run .ci/endurance"]
fn a_log_that_is_closed_holds_nobody_up() {
    let backend = Backend::start();
    let mut command = command(none(), &backend.url());
    command.stdout(Stdio::piped());
    let mut service = Service::start(command);
    drop(service.child.stdout.take());
    serves_without_a_log("the log is closed", &service);
    service.terminate();
    assert_eq!(service.ended(), Some(0));
}

#[test]
#[ignore = "needs a release build: run .ci/endurance"]
fn a_disk_that_is_full_holds_nobody_up() {
    let backend = Backend::start();
    let mut command = command(none(), &backend.url());
    command.env("LOGFILE", "/dev/full");
    serves_without_a_log("the disk is full", &Service::start(command));
}

/// Asks until lines are dropped, and a little longer.
fn serves_without_a_log(what: &str, service: &Service) {
    let watch = Watch::on(service.address, METADATA);
    let load = Load {
        service: service.address,
        path: SAMPLE,
        clients: 8,
        pace: Pace::PerSecond(4000.0),
    };
    let load = load.start();
    eventually("lines are dropped", || service.figure(DROPPED) > 0.0);
    thread::sleep(Duration::from_secs(1));
    let seen = load.stop();
    let dropped = service.figure(DROPPED);
    println!(
        "{what}: {dropped} lines dropped; {seen}; {} kB",
        service.resident()
    );
    seen.assert_no_faults();
    assert_eq!(seen.count(|status| status != 200), 0, "{seen}");
    watch.end(what);
}

/// Where Debian has the library that tells a program another time. It cannot be loaded into the static program
/// of an image, which is made from the same sources.
fn library() -> String {
    format!("/usr/lib/{ARCH}-linux-gnu/faketime/libfaketimeMT.so.1")
}

#[test]
#[ignore = "needs libfaketime: run .ci/endurance"]
fn a_clock_that_is_set_back_or_forward_holds_nobody_up() {
    let library = library();
    assert!(Path::new(&library).exists(), "{library} is missing");
    let backend = Backend::start();
    let scratch = TempDir::new().unwrap();
    let (log, clock) = (scratch.path().join("log"), scratch.path().join("clock"));
    fs::write(&clock, "+0").unwrap();
    let mut command = command(none(), &backend.url());
    command
        .env("LOGFILE", &log)
        .env("LD_PRELOAD", library)
        .env("FAKETIME_TIMESTAMP_FILE", &clock)
        .env("FAKETIME_NO_CACHE", "1")
        // The time that passes goes on as ever, on any machine.
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    let service = Service::start(command);
    let watch = Watch::on(service.address, METADATA);
    for (set, hour) in [
        ("-30h", "-30 hours"),
        ("+50h", "50 hours"),
        ("+0", "0 hours"),
    ] {
        fs::write(&clock, set).unwrap();
        let load = Load {
            service: service.address,
            path: SAMPLE,
            clients: 4,
            pace: Pace::PerSecond(200.0),
        };
        let seen = load.run(Duration::from_secs(1));
        println!("the clock is set by {set}: {seen}");
        seen.assert_no_faults();
        assert_eq!(seen.count(|status| status != 200), 0, "{set}: {seen}");
        // And the log goes by the clock.
        eventually("a line has the new time", || {
            let text = fs::read_to_string(&log).unwrap();
            let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
            let written = last["timestamp"].as_str().unwrap();
            written.starts_with(&hour_of(hour))
        });
    }
    watch.end("a clock that is set");
}

/// The date and the hour of another time, such as `-30 hours`.
fn hour_of(time: &str) -> String {
    let format = "+%Y-%m-%dT%H:";
    let output = Command::new("date")
        .args(["--utc", "--date", time, format])
        .output();
    String::from_utf8(output.unwrap().stdout)
        .unwrap()
        .trim()
        .to_owned()
}
