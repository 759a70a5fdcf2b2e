//! What it costs to see inside a service: `GET /metadata` with request ids, metrics, spans and log lines at their
//! defaults, beside the same service without them and beside bare axum.
//!
//! Each server is a process of its own with one worker. Slices of all three take turns, over 64
//! connections that stay open.

use std::{
    fs,
    io::{self, BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use axum::{Router, routing::get};
use clap::Parser;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use uservice::{
    apikit::{Metrics, Readiness, Settings, Vitals, json, limits, metadata, serve},
    app,
    identity::{METADATA, NAME, ROUTE},
};

/// Connections of the load.
const CONNECTIONS: usize = 64;

/// Requests in one slice.
const SLICE: usize = 50_000;

/// Slices of each kind.
const SLICES: usize = 9;

/// The kinds of server: bare axum, the house without insight, and the house as it is.
const KINDS: [&str; 3] = ["bare axum", "without", "with"];

#[derive(Parser)]
struct Configured {
    #[command(flatten)]
    house: Settings,
}

fn main() {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(1).enable_all().build();
    let runtime = runtime.expect("it starts");
    match std::env::args().nth(1).as_deref() {
        Some("serve") => {
            let kind = std::env::args().nth(2).expect("a kind is named");
            runtime.block_on(serve(&kind));
        }
        _ => runtime.block_on(compare()),
    }
}

/// The costs of one slice.
struct Cost {
    /// CPU time of the server for each request, in µs.
    cpu: f64,
    /// Requests in each second.
    rate: f64,
}

async fn compare() {
    let servers = KINDS.map(Server::start);
    let mut costs: [Vec<Cost>; 3] = Default::default();
    for slice in 0..=SLICES {
        for (server, costs) in servers.iter().zip(&mut costs) {
            let cost = server.cost().await;
            // The first slice warms up.
            if slice > 0 {
                costs.push(cost);
            }
        }
    }
    println!("GET /metadata, median of {SLICES} slices of {SLICE}:");
    for (kind, costs) in KINDS.iter().zip(&costs) {
        let cpu = median(costs.iter().map(|cost| cost.cpu));
        let rate = median(costs.iter().map(|cost| cost.rate));
        println!("  {kind:10} {cpu:6.2} µs CPU, {rate:7.0} requests/s");
    }
    for (name, over) in [("bare axum", 0), ("without", 1)] {
        let pairs = || costs[2].iter().zip(&costs[over]);
        let cpu = median(pairs().map(|(with, other)| with.cpu / other.cpu));
        let rate = median(pairs().map(|(with, other)| with.rate / other.rate));
        println!("  with, to {name:10} {cpu:5.2} of the CPU, {rate:5.2} of the requests/s");
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// A server, which ends with this.
struct Server {
    address: String,
    child: Child,
}

impl Server {
    fn start(kind: &str) -> Self {
        let program = std::env::current_exe().expect("it is running");
        let mut child = Command::new(program)
            .args(["serve", kind])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut address = String::new();
        BufReader::new(child.stderr.take().expect("it is piped"))
            .read_line(&mut address)
            .expect("it says where it listens");
        // Somebody takes the log lines, as in production.
        let mut log = child.stdout.take().expect("it is piped");
        std::thread::spawn(move || io::copy(&mut log, &mut io::sink()));
        Self {
            address: address.trim().to_owned(),
            child,
        }
    }

    async fn cost(&self) -> Cost {
        let (start, cpu) = (Instant::now(), self.cpu_time());
        let mut load = JoinSet::new();
        for _ in 0..CONNECTIONS {
            let stream = TcpStream::connect(&self.address).await;
            load.spawn(ask(stream.expect("it listens"), SLICE / CONNECTIONS));
        }
        load.join_all().await;
        let count = (SLICE / CONNECTIONS * CONNECTIONS) as f64;
        Cost {
            cpu: (self.cpu_time() - cpu).as_secs_f64() * 1e6 / count,
            rate: count / start.elapsed().as_secs_f64(),
        }
    }

    /// The CPU time that the server has used, to a hundredth of a second.
    fn cpu_time(&self) -> Duration {
        let stat = format!("/proc/{}/stat", self.child.id());
        let stat = fs::read_to_string(stat).expect("this is Linux");
        let after_name = stat.rsplit(')').next().expect("the name is in brackets");
        let fields: Vec<_> = after_name.split_whitespace().collect();
        let ticks = |field: usize| fields[field].parse::<u64>().expect("it is a number");
        Duration::from_millis((ticks(11) + ticks(12)) * 10)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks for the metadata so many times, one after the other.
async fn ask(mut stream: TcpStream, count: usize) {
    let request = b"GET /metadata HTTP/1.1\r\nhost: bench\r\n\r\n";
    let mut answer = vec![0; 4096];
    for _ in 0..count {
        stream.write_all(request).await.expect("it is sent");
        let length = stream.read(&mut answer).await.expect("it is answered");
        let head = &answer[..length];
        assert!(head.starts_with(b"HTTP/1.1 200") && head.ends_with(b"}"));
    }
}

async fn serve(kind: &str) {
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    let settings = Configured::parse_from(["bench"]).house;
    let vitals = Vitals {
        metrics: Metrics::new(&METADATA, ROUTE),
        readiness: Readiness::default(),
    };
    let mut writing = None;
    let app = match kind {
        "bare axum" => {
            let body = axum::body::Bytes::from(METADATA.to_json());
            let answer = || async { ([("content-type", "application/json")], body) };
            let app = Router::new().route("/metadata", get(answer));
            eprintln!("{address}");
            axum::serve(listener, app).await.expect("it serves");
            return;
        }
        "without" => metadata::router(&METADATA).layer((json::ErrorsAsJson, limits::Head)),
        _ => {
            let dropped = vitals.metrics.dropped_lines();
            let started = settings.logs.start(NAME, dropped, None);
            writing = Some(started.expect("it can be written"));
            app::house(
                &settings,
                &vitals,
                Router::new().into(),
                Router::new().into(),
            )
        }
    };
    eprintln!("{address}");
    let stop = std::future::pending();
    let served = serve::serve(listener, app, vitals.readiness, settings.stopping(), stop);
    served.await.expect("it serves");
    drop(writing);
}
