//! Log lines say what they should, and no sink keeps a request waiting.

use std::{
    fs,
    io::{BufRead, Read},
    net::{TcpListener, UdpSocket},
    path::PathBuf,
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use crate::probe::NAME;
use apikit::logs::{LogSettings, Writing};
use clap::Parser;
use serde_json::{Value, json};
use tracing::{Dispatch, subscriber::DefaultGuard};
use tracing_subscriber::layer::SubscriberExt;

use crate::{
    running::{NOWHERE, Running, ask, program},
    test_app::{TestApp, heard_by},
};

#[derive(Parser)]
struct Settings {
    #[command(flatten)]
    logs: LogSettings,
}

/// The log of one test: what its thread logs.
pub struct Log {
    file: PathBuf,
    writing: Writing,
    _hearing: (DefaultGuard, Dispatch),
}

impl Log {
    pub fn start(test: &str) -> Self {
        let name = format!("apikit-{test}-{}.log", std::process::id());
        let file = std::env::temp_dir().join(name);
        let path = file.to_str().unwrap();
        let arguments = ["test", "--log-level=debug", "--log-file", path];
        let settings = Settings::parse_from(arguments);
        let filter = settings.logs.filter().unwrap();
        let (lines, writing) = settings.logs.layer("test", &Default::default()).unwrap();
        let subscriber = tracing_subscriber::registry().with(lines).with(filter);
        Self {
            file,
            writing,
            _hearing: heard_by(subscriber),
        }
    }

    fn text(self) -> String {
        drop(self.writing);
        let text = fs::read_to_string(&self.file).unwrap();
        fs::remove_file(self.file).unwrap();
        text
    }

    pub fn lines(self) -> Vec<Value> {
        let text = self.text();
        text.lines()
            .map(|line| serde_json::from_str(line).expect(line))
            .collect()
    }
}

#[tokio::test]
async fn every_line_of_a_request_has_its_id_and_its_trace() {
    let log = Log::start("every_line_of_a_request");
    let app = TestApp::start().await;
    let request = app.request(reqwest::Method::GET, "/probe");
    let answer = crate::test_app::Answer::of(
        request
            .header("x-request-id", "the-id")
            .header("traceparent", crate::request_context::PARENT),
    )
    .await;
    // Nothing is mounted there, so the mock refuses.
    assert_eq!(answer.status, 404);
    app.get("/panic").await;

    let lines = log.lines();
    let own: Vec<_> = lines
        .iter()
        .filter(|line| line["target"] == "access" || line["target"] == "apikit::error")
        .collect();
    let messages: Vec<_> = own.iter().map(|line| &line["message"]).collect();
    let expected = [
        "the request was refused",
        "answered",
        "the request failed",
        "answered",
    ];
    assert_eq!(messages, expected);
    for line in &own[..2] {
        assert_eq!(line["request_id"], "the-id", "{line}");
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        assert_eq!(line["trace_id"], trace, "{line}");
    }
    assert_eq!(own[2]["request_id"], own[3]["request_id"]);
    assert!(own[3].get("trace_id").is_none());
    let access = own[1].as_object().unwrap();
    let names: Vec<_> = access.keys().map(String::as_str).collect();
    let mut expected = vec![
        "timestamp",
        "level",
        "target",
        "message",
        "method",
        "path",
        "status",
        "milliseconds",
        "request_id",
        "trace_id",
    ];
    expected.sort_unstable();
    assert_eq!(names, expected);
}

#[tokio::test]
async fn a_call_from_a_task_of_its_own_has_the_id_of_its_request() {
    let log = Log::start("a_call_from_a_task_of_its_own");
    let app = TestApp::start().await;
    app.backend_answers("GET", "/api", wiremock::ResponseTemplate::new(503))
        .await;
    for path in ["/spawned", "/moved"] {
        let request = app.request(reqwest::Method::GET, path);
        let request = request.header("x-request-id", "the-id");
        assert_eq!(crate::test_app::Answer::of(request).await.status, 503);
    }
    let lines = log.lines();
    let retries = lines
        .iter()
        .filter(|line| line["message"] == "the back-end is asked again");
    let ids: Vec<_> = retries.map(|line| &line["request_id"]).collect();
    assert_eq!(ids, ["the-id"; 4]);
}

#[tokio::test]
async fn probes_of_a_service_that_drains_warn_of_nothing() {
    let log = Log::start("probes_of_a_service_that_drains");
    let app = TestApp::start().await;
    app.shutdown.drain();
    for _ in 0..3 {
        assert_eq!(app.get_anonymously("/readyz").await.status, 503);
    }
    let lines = log.lines();
    let refused = lines
        .iter()
        .filter(|line| line["target"] == "apikit::error");
    let levels: Vec<_> = refused.map(|line| &line["level"]).collect();
    assert_eq!(levels, ["DEBUG"; 3]);
    assert!(lines.iter().all(|line| line["level"] != "WARN"));
}

#[test]
fn a_line_is_json_whatever_is_in_it_and_has_no_name_twice() {
    struct Odd;
    impl std::fmt::Debug for Odd {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("half \"of it")?;
            Err(std::fmt::Error)
        }
    }
    let log = Log::start("a_line_is_json");
    let outer = tracing::info_span!(
        "outer",
        job = "outer",
        level = 7,
        late = tracing::field::Empty
    );
    let _in_outer = outer.enter();
    outer.record("late", 1.5);
    let inner = tracing::info_span!("inner", job = %"inner \"quoted\"\n", otel.name = "hidden");
    let _in_inner = inner.enter();
    tracing::info!(
        text = "é \u{1F980} \u{7} \\ \"",
        odd = ?Odd,
        no_number = f64::NAN,
        yes = true,
        large = u64::MAX,
        target = "a field",
        "hello {}",
        "world"
    );
    let text = log.text();
    assert_eq!(text.matches("\"target\":").count(), 1, "{text}");
    assert_eq!(text.matches("\"job\":").count(), 1, "{text}");
    let mut line: Value = serde_json::from_str(&text).unwrap();
    let timestamp = line["timestamp"].take();
    assert!(humantime::parse_rfc3339(timestamp.as_str().unwrap()).is_ok());
    let expected = json!({
        "timestamp": null,
        "level": "INFO",
        "target": module_path!(),
        "message": "hello world",
        "text": "é \u{1F980} \u{7} \\ \"",
        "odd": "half \"of it",
        "no_number": null,
        "yes": true,
        "large": u64::MAX,
        "job": "inner \"quoted\"\n",
        "late": 1.5,
    });
    assert_eq!(line, expected);
}

/// A port that nobody listens on, for programs that cannot tell which one they have.
fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

/// A program whose log is not on a standard output that a test reads.
struct Silent {
    child: Child,
    address: String,
}

impl Silent {
    fn start(variables: &[(&str, &str)], stdout: Stdio) -> Self {
        let address = free_address();
        let mut command = program(&["--listen", &address], variables);
        let child = command.stdout(stdout).spawn().unwrap();
        let silent = Self { child, address };
        let end = Instant::now() + Duration::from_secs(10);
        while std::net::TcpStream::connect(&silent.address).is_err() {
            assert!(Instant::now() < end, "the program does not listen");
            std::thread::yield_now();
        }
        silent
    }

    /// The lines that could not be written, as `/metrics` tells.
    fn dropped(&self) -> u64 {
        dropped(&self.address)
    }

    /// Waits until some lines could not be written, and asks until then.
    fn drops(&self) {
        let end = Instant::now() + Duration::from_secs(10);
        while self.dropped() == 0 {
            assert!(Instant::now() < end, "no line is dropped");
            assert!(ask(&self.address, "/metadata").starts_with("HTTP/1.1 200"));
        }
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn dropped(address: &str) -> u64 {
    let metrics = ask(address, "/metrics");
    let line = metrics
        .lines()
        .find_map(|line| line.strip_prefix("log_lines_dropped_total "));
    line.unwrap().parse().unwrap()
}

#[cfg(unix)]
#[test]
fn a_full_pipe_keeps_no_request_waiting_and_what_is_dropped_is_logged() {
    let mut service = Running::start(&[]);
    let long = format!("{NOWHERE}{}", "x".repeat(8000));
    let asked = 700;
    for _ in 0..asked {
        // The queue takes some five hundred lines as long as these, and nobody reads them.
        let start = Instant::now();
        assert!(ask(&service.address, &long).starts_with("HTTP/1.1 404"));
        assert!(start.elapsed() < Duration::from_secs(2));
    }
    let dropped = dropped(&service.address);
    assert!(dropped > 0 && dropped < asked, "{dropped}");

    let mut log = service.log.take().unwrap();
    let mut text = String::new();
    for _ in dropped..asked {
        log.read_line(&mut text).unwrap();
    }
    let reader = std::thread::spawn(move || {
        log.read_to_string(&mut text).unwrap();
        text
    });
    let pid = service.child.id().to_string();
    std::process::Command::new("kill")
        .arg(&pid)
        .status()
        .unwrap();
    assert_eq!(service.child.wait().unwrap().code(), Some(0));
    let text = reader.join().unwrap();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect(line))
        .collect();
    let told: u64 = lines
        .iter()
        .filter(|line| line["message"] == "log lines were dropped")
        .map(|line| line["lines"].as_u64().unwrap())
        .sum();
    assert_eq!(told, dropped);
    let written = lines.iter().filter(|line| line["target"] == "access");
    assert_eq!(written.count() as u64 + dropped, asked);
    assert_eq!(
        lines.last().unwrap()["message"],
        format!("{NAME} has stopped")
    );
}

#[cfg(unix)]
#[test]
fn a_pipe_that_stays_full_does_not_keep_the_program_from_ending() {
    let mut service = Running::start(&[]);
    let long = format!("{NOWHERE}{}", "x".repeat(8000));
    for _ in 0..20 {
        ask(&service.address, &long);
    }
    let pid = service.child.id().to_string();
    std::process::Command::new("kill")
        .arg(&pid)
        .status()
        .unwrap();
    let end = Instant::now() + Duration::from_secs(4);
    let ended = loop {
        match service.child.try_wait().unwrap() {
            None if Instant::now() < end => std::thread::yield_now(),
            ended => break ended,
        }
    };
    assert_eq!(ended.expect("it ends in time").code(), Some(0));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_drops_lines_and_nothing_else() {
    let service = Silent::start(&[("LOGFILE", "/dev/full")], Stdio::null());
    service.drops();
}

#[cfg(unix)]
#[test]
fn a_closed_pipe_drops_lines_and_nothing_else() {
    let mut service = Silent::start(&[], Stdio::piped());
    drop(service.child.stdout.take());
    service.drops();
}

#[test]
fn a_syslog_server_gets_each_line_as_a_message() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let wait = Some(Duration::from_secs(10));
    server.set_read_timeout(wait).unwrap();
    let host = server.local_addr().unwrap().to_string();
    let variables = [
        ("LOG_TO_SYSLOG", "true"),
        ("LOGHOST", host.as_str()),
        ("LOGLEVEL", "debug"),
        ("HOSTNAME", "pod-1"),
    ];
    let service = Silent::start(&variables, Stdio::null());
    ask(&service.address, "/healthz");
    ask(&service.address, NOWHERE);

    let process = service.child.id();
    // No program's name is longer in such a message.
    let name = &NAME[..NAME.len().min(48)];
    let origin = format!(" pod-1 {name} {process} - - ");
    let mut buffer = [0; 65536];
    let mut access = Vec::new();
    while access.len() < 2 {
        let length = server.recv(&mut buffer).unwrap();
        let message = std::str::from_utf8(&buffer[..length]).unwrap();
        let (head, line) = message.split_once(&origin).expect(message);
        let line: Value = serde_json::from_str(line).expect(line);
        let (priority, time) = head.split_once(' ').unwrap();
        assert_eq!(time, line["timestamp"]);
        if line["target"] == "access" {
            access.push((
                priority.to_owned(),
                line["path"].as_str().unwrap().to_owned(),
            ));
        }
    }
    let expected = [("<15>1", "/healthz"), ("<14>1", NOWHERE)];
    assert_eq!(
        access,
        expected.map(|(p, path)| (p.to_owned(), path.to_owned()))
    );
}

#[test]
fn a_syslog_server_that_is_away_drops_lines_and_nothing_else() {
    let free = UdpSocket::bind("127.0.0.1:0").unwrap();
    let host = free.local_addr().unwrap().to_string();
    drop(free);
    let variables = [("LOG_TO_SYSLOG", "1"), ("LOGHOST", host.as_str())];
    Silent::start(&variables, Stdio::null()).drops();
}
