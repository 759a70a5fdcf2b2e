//! The image of a service: built as its Dockerfile says, and run as a cluster runs it.

use std::{
    fs,
    path::Path,
    process::Command,
    sync::LazyLock,
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use bootstrap::{answers::Answers, render::Template};

use crate::{
    commands::{finish, run, run_with},
    manifests::{Build, Rendered},
    namespace::Namespace,
    pods::probed,
    support::{HOSTILE, house},
};

/// What the published base has in bytes, at most; the stand-in for it in the tests has more.
const BASE: u64 = 3_000_000;

/// The base of all images of services, as template/Dockerfile.liquid names it.
const BASE_IMAGE: &str = "gcr.io/distroless/static-debian12:nonroot";

/// The image of a service that was rendered for `auth`, built once.
pub fn of(auth: &str) -> &'static Image {
    static NONE: LazyLock<Image> = LazyLock::new(|| Image::build("none"));
    static BASIC: LazyLock<Image> = LazyLock::new(|| Image::build("basic"));
    static BITLY_PROXY: LazyLock<Image> = LazyLock::new(|| Image::build("bitly-proxy"));
    match auth {
        "none" => &NONE,
        "basic" => &BASIC,
        "bitly-proxy" => &BITLY_PROXY,
        _ => panic!("there is no auth type {auth}"),
    }
}

/// An image, and what it was built from.
pub struct Image {
    pub name: String,
    pub rendered: Rendered,
}

impl Image {
    fn build(auth: &str) -> Self {
        let name = format!("tested-{auth}");
        let answers = Answers::named(&name)
            .with("description", HOSTILE)
            .with("auth_type", auth);
        // Routes of which one is the beginning of the other.
        let answers = match auth {
            "none" => answers.with("route", "/app"),
            "basic" => answers.with("route", "/apples"),
            _ => answers,
        };
        let image = Self {
            name,
            rendered: Rendered::of(answers),
        };
        image.build_again();
        image
    }

    /// Builds it with all layers that are there already.
    fn build_again(&self) -> String {
        build(&self.name, &self.rendered.folder)
    }

    fn size(&self) -> u64 {
        size(&self.name) - size(BASE_IMAGE) + BASE
    }
}

/// Builds the image of a folder with a Dockerfile, and returns what was said of each step.
pub fn build(name: &str, folder: &Path) -> String {
    let mut command = Command::new("buildah");
    command.args(["bud", "--isolation", "chroot", "--pull-never", "--layers"]);
    command.args(["--format", "docker", "--tag", name]);
    // What was fetched once is not fetched again.
    let home = std::env::var("CARGO_HOME").unwrap_or(std::env::var("HOME").unwrap() + "/.cargo");
    let registry = format!("{home}/registry:/usr/local/cargo/registry");
    run(command.args(["--volume", &registry]).arg(folder))
}

fn size(image: &str) -> u64 {
    let mut command = Command::new("podman");
    command.args(["image", "inspect", image, "--format", "{{.Size}}"]);
    run(&mut command).trim().parse().unwrap()
}

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
    let image = of(auth);
    let size = image.size();
    println!("{}: {:.1} MB", image.name, size as f64 / 1e6);
    assert!(size < 15_000_000, "{size} bytes");

    let mut namespace = Namespace::new();
    let container = format!("{}-running", image.name);
    let variables = [("LISTEN", "127.0.0.1:8080"), ("DRAIN_DELAY", "6s")];
    namespace.start_container(&container, &image.name, &variables);
    namespace.wait_for("http://127.0.0.1:8080/readyz");
    answers_its_probes(&namespace, image);
    is_nobody_without_a_shell(&namespace, &container);
    says_whether_it_is_healthy(&namespace, &container, &image.name);
    tells_its_figures(&namespace);
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

/// The reader is Prometheus's own, for Python, and takes nothing that is not as OpenMetrics has it.
fn tells_its_figures(namespace: &Namespace) {
    let ask = ["--silent", "--fail", "http://127.0.0.1:8080/metrics"];
    let text = run(namespace.command("curl").args(ask));
    let read = "import sys; from prometheus_client.openmetrics.parser import *; \
                print(len(list(text_string_to_metric_families(sys.stdin.read()))))";
    let families = run_with(&text, Command::new("python").args(["-c", read]));
    assert!(families.trim().parse::<u32>().unwrap() >= 5, "{families}");
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

/// A back-end that takes three seconds.
const SLOW: &str = "
import http.server, time
class Slow(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        time.sleep(3)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'late')
http.server.ThreadingHTTPServer(('127.0.0.1', 9101), Slow).serve_forever()
";

#[test]
#[ignore = "needs root, buildah and podman: run .ci/cluster"]
fn a_request_in_flight_is_answered_after_the_drain() {
    let image = of("none");
    let mut namespace = Namespace::new();
    let mut slow = namespace.command("python3");
    namespace.start(slow.args(["-c", SLOW]));
    let variables = [
        ("LISTEN", "127.0.0.1:8080"),
        ("BACKEND_URL", "http://127.0.0.1:9101"),
        ("DRAIN_DELAY", "1s"),
    ];
    namespace.start_container("none-draining", &image.name, &variables);
    namespace.wait_for("http://127.0.0.1:8080/readyz");
    let mut asked = namespace.command("curl");
    asked.args(["--silent", "--fail", "http://127.0.0.1:8080/build/time"]);
    let asked = thread::spawn(move || run(&mut asked));
    thread::sleep(Duration::from_secs(1));
    let term = ["kill", "--signal", "TERM", "none-draining"];
    run(namespace.command("podman").args(term));
    assert!(asked.join().unwrap().contains("late"));
    run(namespace.command("podman").args(["wait", "none-draining"]));
    assert_eq!(
        namespace.inspect("none-draining", "{{.State.ExitCode}}"),
        "0"
    );
}

#[test]
#[ignore = "needs root, buildah and podman: run .ci/cluster"]
fn labels_say_what_was_answered() {
    let image = of("none");
    let label = |name: &str| {
        let format = format!("{{{{index .Labels \"org.opencontainers.image.{name}\"}}}}");
        let mut command = Command::new("podman");
        let printed = run(command.args(["image", "inspect", &image.name, "--format", &format]));
        printed.strip_suffix('\n').unwrap().to_owned()
    };
    assert_eq!(label("title"), image.name);
    assert_eq!(label("description"), HOSTILE);
    assert!(label("source").ends_with(&format!("/{}", image.name)));
    assert_eq!(label("licenses"), house("license"));
}

#[test]
#[ignore = "needs root, buildah and podman: run .ci/cluster"]
fn a_change_of_the_source_builds_no_dependency_again() {
    let image = of("bitly-proxy");
    let source = image.rendered.folder.join("src/service.rs");
    let text = fs::read_to_string(&source).unwrap();
    // A change that no earlier run has made: layers outlive the test.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    fs::write(&source, format!("{text}// {}\n", now.as_nanos())).unwrap();
    let start = Instant::now();
    let said = image.build_again();
    // No limit: machines differ. All dependencies together take several times as long.
    let taken = start.elapsed().as_secs_f64();
    println!("rebuilt after a change of the source in {taken:.1} s");
    fs::write(&source, text).unwrap();

    let (_, after) = said
        .split_once("RUN mkdir src")
        .expect("a step builds the dependencies");
    let outcome = after.lines().nth(1).unwrap();
    assert!(outcome.starts_with("--> Using cache"), "{said}");
    assert!(said.contains("COPY src src\n-->"), "{said}");
    assert!(!said.contains("COPY src src\n--> Using cache"), "{said}");
}

#[test]
#[ignore = "needs the repository alone, and goes with the others: run .ci/cluster"]
fn the_base_is_the_one_that_is_measured_with() {
    let dockerfile = Template::here().root.join("template/Dockerfile.liquid");
    let dockerfile = fs::read_to_string(dockerfile).unwrap();
    assert!(dockerfile.contains(&format!("ARG BASE={BASE_IMAGE}\n")));
}
