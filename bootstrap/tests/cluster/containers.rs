//! The image of a service at work, as a cluster runs it.

use std::{collections::BTreeSet, fs, process::Command, thread, time::Duration};

use crate::{
    commands::{finish, run, run_with},
    front_end::start_backend,
    images::{self, Image},
    manifests::Build,
    namespace::Namespace,
    pods::probed,
};

#[test]
#[ignore = "needs root, buildah and podman: run .ci/cluster"]
fn image_for_none_runs_as_a_cluster_runs_it() {
    runs_as_a_cluster_runs_it("none");
}

#[test]
#[ignore = "needs root, buildah and podman: run .ci/cluster"]
fn image_for_basic_runs_as_a_cluster_runs_it() {
    runs_as_a_cluster_runs_it("basic");
}

#[test]
#[ignore = "needs root, buildah and podman: run .ci/cluster"]
fn image_for_bitly_proxy_runs_as_a_cluster_runs_it() {
    runs_as_a_cluster_runs_it("bitly-proxy");
}

fn runs_as_a_cluster_runs_it(auth: &str) {
    let image = images::of(auth);
    let mut namespace = Namespace::new();
    start_backend(&mut namespace, &image.rendered, "127.0.0.1:9101");
    let container = format!("{}-running", image.name);
    let variables = [
        ("LISTEN", "127.0.0.1:8080"),
        ("BACKEND_URL", "http://127.0.0.1:9101"),
        ("AUTH_LOGIN_HOSTS", "localhost:9102"),
        ("DRAIN_DELAY", "6s"),
    ];
    namespace.start_container(&container, &image.name, &variables);
    namespace.wait_for("http://127.0.0.1:8080/readyz");
    answers_its_probes(&namespace, image);
    is_nobody_without_a_shell(&namespace, &container);
    says_whether_it_is_healthy(&namespace, &container, &image.name);
    tells_its_figures(&namespace, auth);
    stops_without_losing_a_request(&namespace, &container);
}

fn answers_its_probes(namespace: &Namespace, image: &Image) {
    let base = Build::of(&image.name, &image.rendered.folder.join("kubernetes/base"));
    for path in probed(base.get("Deployment", &image.name)) {
        namespace.wait_for(&format!("http://127.0.0.1:8080{path}"));
    }
}

fn is_nobody_without_a_shell(namespace: &Namespace, container: &str) {
    let process = namespace.inspect(container, "{{.State.Pid}}");
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace()
            .skip(1)
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(line("Uid:"), "65532 65532 65532 65532");
    assert_eq!(line("CapEff:"), "0000000000000000");
    assert_eq!(line("NoNewPrivs:"), "1");
    let shell = ["exec", container, "/bin/sh", "-c", "true"];
    assert!(
        !finish(namespace.command("podman").args(shell))
            .status
            .success()
    );
}

fn says_whether_it_is_healthy(namespace: &Namespace, container: &str, image: &str) {
    run(namespace
        .command("podman")
        .args(["healthcheck", "run", container]));
    // Nothing listens there.
    let lonely = [
        "run",
        "--rm",
        "--pull",
        "never",
        "--network",
        "host",
        "--env",
        "LISTEN=127.0.0.1:9",
    ];
    let asked = finish(
        namespace
            .command("podman")
            .args(lonely)
            .args([image, "healthcheck"]),
    );
    assert_eq!(asked.status.code(), Some(1));
}

/// Figures that there are when there was a request, a call, and an error of each.
const FAMILIES: [&str; 14] = [
    "backend_call_duration_seconds",
    "backend_calls",
    "body_memory_bytes",
    "body_memory_limit_bytes",
    "http_server_connections",
    "http_server_connections_limit",
    "http_server_request_duration_seconds",
    "http_server_requests",
    "http_server_requests_in_flight",
    "log_lines_dropped",
    "process_max_fds",
    "process_resident_memory_bytes",
    "process_start_time_seconds",
    "uservice_build_info",
];

/// And when there was a login.
const LOGIN_FAMILIES: [&str; 2] = ["backend_logins", "backend_sessions"];

/// Prometheus's own reader, for Python, which takes nothing that is not as OpenMetrics has it. It says
/// which figures have values.
const READER: &str = "import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families as families
for family in families(sys.stdin.read()):
    if family.samples:
        print(family.name)
";

fn tells_its_figures(namespace: &Namespace, auth: &str) {
    let service = "http://127.0.0.1:8080";
    for path in ["/build/time", "/build/nothing", "/not/to/be/found"] {
        let mut curl = namespace.command("curl");
        run(curl.args([
            "--silent",
            "--user",
            "ada:demo",
            &format!("{service}{path}"),
        ]));
    }
    let metrics = format!("{service}/metrics");
    let mut curl = namespace.command("curl");
    let text = run(curl.args(["--silent", "--fail", &metrics]));
    for status in ["200", "404"] {
        assert!(text.contains(&format!(r#"status="{status}""#)), "{text}");
    }
    let read = run_with(&text, Command::new("python").args(["-c", READER]));
    let found: BTreeSet<_> = read.lines().collect();
    let logins = LOGIN_FAMILIES.iter().filter(|_| auth == "bitly-proxy");
    for family in FAMILIES.iter().chain(logins) {
        assert!(found.contains(family), "{family} is not in {found:?}");
    }
}

/// Connections come and stay while it drains, as before a load balancer that has not noticed yet.
fn stops_without_losing_a_request(namespace: &Namespace, container: &str) {
    let mut load = namespace.command("wrk");
    load.args(["-t1", "-c16", "-d4s", "http://127.0.0.1:8080/metadata"]);
    let load = thread::spawn(move || run(&mut load));
    thread::sleep(Duration::from_secs(1));
    run(namespace
        .command("podman")
        .args(["kill", "--signal", "TERM", container]));
    let said = load.join().unwrap();
    assert!(
        !said.contains("Non-2xx") && !said.contains("Socket errors"),
        "{said}"
    );
    let rate = said.lines().find(|line| line.contains("requests in"));
    println!("{container}:{}", rate.expect("wrk counts requests"));

    run(namespace.command("podman").args(["wait", container]));
    assert_eq!(namespace.inspect(container, "{{.State.ExitCode}}"), "0");
}

/// A back-end that takes twelve seconds.
const SLOW: &str = "
import http.server, time
class Slow(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        time.sleep(12)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'late')
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer(('127.0.0.1', 9101), Slow).serve_forever()
";

/// Half of the requests come before it is told to stop, half while it drains, and all are answered after
/// the port was closed.
#[test]
#[ignore = "needs root, buildah and podman: run .ci/cluster"]
fn requests_in_flight_are_answered_after_the_port_is_closed() {
    let image = images::of("none");
    let mut namespace = Namespace::new();
    let mut slow = namespace.command("python3");
    namespace.start(slow.args(["-c", SLOW]));
    let variables = [
        ("LISTEN", "127.0.0.1:8080"),
        ("BACKEND_URL", "http://127.0.0.1:9101"),
        ("BACKEND_TIMEOUT", "20s"),
        ("DRAIN_DELAY", "4s"),
    ];
    let container = "none-draining";
    namespace.start_container(container, &image.name, &variables);
    namespace.wait_for("http://127.0.0.1:8080/readyz");

    let mut asked = ask_eight_times(&namespace);
    wait_for_in_flight(&namespace, 8);
    let term = ["kill", "--signal", "TERM", container];
    run(namespace.command("podman").args(term));
    asked.extend(ask_eight_times(&namespace));
    wait_for_in_flight(&namespace, 16);
    namespace.wait_until_closed("http://127.0.0.1:8080/healthz");
    assert!(!asked.iter().any(thread::JoinHandle::is_finished));

    for answer in asked {
        assert!(answer.join().unwrap().contains("late"));
    }
    run(namespace.command("podman").args(["wait", container]));
    assert_eq!(namespace.inspect(container, "{{.State.ExitCode}}"), "0");
}

fn ask_eight_times(namespace: &Namespace) -> Vec<thread::JoinHandle<String>> {
    let ask = |_| {
        let mut curl = namespace.command("curl");
        curl.args(["--silent", "--fail", "http://127.0.0.1:8080/build/time"]);
        thread::spawn(move || run(&mut curl))
    };
    (0..8).map(ask).collect()
}

/// Waits until the service says that it is at work on so many requests of the sample.
fn wait_for_in_flight(namespace: &Namespace, count: u32) {
    let line = format!(r#"route="/{{jobname}}/{{metric}}"}} {count}"#);
    namespace.wait_until(&format!("{count} requests are in flight"), || {
        let mut curl = namespace.command("curl");
        let text = run(curl.args(["--silent", "--fail", "http://127.0.0.1:8080/metrics"]));
        let mut figures = text.lines();
        figures.any(|figure| {
            figure.starts_with("http_server_requests_in_flight") && figure.ends_with(&line)
        })
    });
}
