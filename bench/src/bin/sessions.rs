//! What sessions through the OAuth2 proxy cost: a request in a session beside one without, and
//! memory and look-up against the number of sessions.
//!
//! The server, a proxy and back-end that does next to nothing, is a process of its own, so that the
//! CPU time counted is the client's alone. Slices of both kinds take turns.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::Duration,
};

use axum::{
    Router,
    extract::Query,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Redirect},
    routing::get,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use clap::Parser;
use tokio::{net::TcpListener, task::JoinSet};
use uservice::apikit::{Auth, Backend, Caller, backend::BackendSettings};

/// Requests that are under way at once.
const AT_ONCE: usize = 64;

/// Requests in one slice of a comparison.
const SLICE: usize = 20_000;

/// Slices of each kind.
const SLICES: usize = 7;

#[derive(Parser)]
struct Settings {
    #[command(flatten)]
    backend: BackendSettings,
}

#[tokio::main]
async fn main() {
    if std::env::args().nth(1).as_deref() == Some("serve") {
        return serve().await;
    }
    let server = Server::start();
    compare(&server.url).await;
    for count in [10, 1_000, 100_000] {
        grow(&server.url, count).await;
    }
}

/// A request in a live session beside one with auth type `none`.
async fn compare(url: &str) {
    let plain = backend(url, Auth::None);
    let proxied = backend(url, Auth::BitlyProxy);
    let mut ratios = Vec::new();
    let (mut nones, mut sessions) = (Vec::new(), Vec::new());
    for slice in 0..=SLICES {
        let none = cpu_per_request(&plain, 1, SLICE).await;
        let session = cpu_per_request(&proxied, 1, SLICE).await;
        if slice > 0 {
            ratios.push(session / none);
            nones.push(none);
            sessions.push(session);
        }
    }
    println!("CPU per request, median of {SLICES} slices of {SLICE}:");
    println!("  none           {:6.1} µs", median(&mut nones));
    println!("  live session   {:6.1} µs", median(&mut sessions));
    println!(
        "  ratio          {:6.3}, from {:.3} to {:.3}",
        median(&mut ratios),
        ratios[0],
        ratios[SLICES - 1]
    );
}

/// Memory and CPU per request with this many sessions.
async fn grow(url: &str, count: usize) {
    let backend = backend(url, Auth::BitlyProxy);
    cpu_per_request(&backend, 1, AT_ONCE).await;
    let before = resident();
    cpu_per_request(&backend, count, count).await;
    let grown = resident().saturating_sub(before);
    let cost = cpu_per_request(&backend, count, SLICE).await;
    let logins = backend.session_counts().logins;
    assert_eq!(logins as usize, count, "each caller logs in once");
    println!(
        "{count:7} sessions: {:6.1} MB more memory, {cost:5.1} µs CPU per request",
        grown as f64 / 1e6
    );
}

/// Sends `count` requests, of `callers` in turn; µs of this process's CPU time for each.
async fn cpu_per_request(backend: &Backend, callers: usize, count: usize) -> f64 {
    let start = cpu_time();
    let mut tasks = JoinSet::new();
    for worker in 0..AT_ONCE {
        let backend = backend.clone();
        tasks.spawn(async move {
            for number in (worker..count).step_by(AT_ONCE) {
                let caller = caller(number % callers);
                let answer = backend.get("/api").send_as(&caller).await;
                let answer = answer.expect("it is answered");
                answer.bytes().await.expect("it is read");
            }
        });
    }
    tasks.join_all().await;
    (cpu_time() - start).as_secs_f64() * 1e6 / count as f64
}

fn backend(url: &str, auth: Auth) -> Backend {
    let flags = [
        "bench",
        "--backend-url",
        url,
        "--session-capacity",
        "200000",
    ];
    let settings = Settings::parse_from(flags);
    Backend::new(&settings.backend, auth, "bench", Duration::from_secs(30))
        .expect("it is configured")
}

fn caller(number: usize) -> Caller {
    let pair = BASE64_STANDARD.encode(format!("user-{number}:a password"));
    let mut headers = HeaderMap::new();
    headers.insert(
        header::AUTHORIZATION,
        format!("Basic {pair}").parse().expect("it is legal"),
    );
    Caller::from_headers(&headers)
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The CPU time that this process has used, to a hundredth of a second.
fn cpu_time() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").expect("this is Linux");
    let after_name = stat.rsplit(')').next().expect("the name is in brackets");
    let fields: Vec<_> = after_name.split_whitespace().collect();
    let ticks = |field: usize| fields[field].parse::<u64>().expect("it is a number");
    Duration::from_millis((ticks(11) + ticks(12)) * 10)
}

/// The memory that this process holds, in bytes.
fn resident() -> usize {
    let status = fs::read_to_string("/proc/self/status").expect("this is Linux");
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<usize>().ok());
    kilobytes.expect("it is a number") * 1024
}

/// The server, which ends with this.
struct Server {
    url: String,
    child: Child,
}

impl Server {
    fn start() -> Self {
        let program = std::env::current_exe().expect("it is running");
        let mut child = Command::new(program)
            .arg("serve")
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut url = String::new();
        let output = child.stdout.take().expect("it is piped");
        BufReader::new(output)
            .read_line(&mut url)
            .expect("it says where it listens");
        Self {
            url: url.trim().to_owned(),
            child,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A proxy that knows everybody, and a back-end that says little.
async fn serve() {
    let start = |Query(asked): Query<Vec<(String, String)>>| async move {
        let next = asked.into_iter().find(|(name, _)| name == "rd");
        let next = next.map_or("/".to_owned(), |(_, path)| path);
        let value = "a".repeat(110);
        let cookie = format!("_oauth2_proxy={value}|1700000000|{value:.28}=; Path=/; HttpOnly");
        ([(header::SET_COOKIE, cookie)], Redirect::to(&next)).into_response()
    };
    let app = Router::new()
        .route("/oauth2/start", get(start))
        .route("/oauth2/auth", get(|| async { StatusCode::ACCEPTED }))
        .route("/api", get(|| async { "42" }));
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port is free");
    println!("http://{}", listener.local_addr().expect("it is bound"));
    axum::serve(listener, app).await.expect("it serves");
}
