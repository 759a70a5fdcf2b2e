//! `verify` on services in Python, as the benchmark has them: its report names how they depart. `.ci/predecessors`
//! installs what they need.

use std::{
    collections::BTreeMap,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use bootstrap::{http, render::Template};
use serde_json::Value;

/// How long a service may take to answer for the first time.
const START: Duration = Duration::from_secs(60);

/// A running service. It ends when this is dropped.
struct Predecessor {
    address: SocketAddr,
    child: Child,
}

impl Predecessor {
    /// Starts a command, which listens where it is told, and waits for its metadata.
    fn start(command: impl FnOnce(SocketAddr) -> Command) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let mut command = command(address);
        command
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("BACKEND_URL", "http://127.0.0.1:1")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut service = Self {
            address,
            child: command.spawn().unwrap(),
        };
        let begun = Instant::now();
        while http::request(address, "GET", "/metadata", &[]).is_err() {
            assert_eq!(service.child.try_wait().unwrap(), None, "{command:?}");
            assert!(begun.elapsed() < START, "{command:?} does not answer");
            thread::sleep(Duration::from_millis(100));
        }
        service
    }

    /// What `verify` finds, by rule and prefix.
    fn verified(&self, path: &str) -> BTreeMap<(String, String), (String, String)> {
        let url = format!("http://{}{path}", self.address);
        let mut command = Command::new(env!("CARGO_BIN_EXE_bootstrap"));
        let output = command.args(["verify", &url, "--json"]).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        println!("{report:#}");
        let text = |rule: &Value, member: &str| rule[member].as_str().unwrap().to_owned();
        let rules = report["rules"].as_array().unwrap().iter();
        let rules = rules.map(|rule| {
            let key = (text(rule, "rule"), text(rule, "prefix"));
            (key, (text(rule, "mark"), text(rule, "seen")))
        });
        rules.collect()
    }
}

impl Drop for Predecessor {
    fn drop(&mut self) {
        // uWSGI ends its workers when it is told so, and leaves them when it is killed.
        let process = self.child.id().to_string();
        let _ = Command::new("kill").arg(process).status();
        let _ = self.child.wait();
    }
}

fn installed(name: &str, program: &str) -> PathBuf {
    let folder = std::env::var_os("PREDECESSORS").expect(".ci/predecessors sets PREDECESSORS");
    Path::new(&folder).join(name).join("bin").join(program)
}

fn services() -> PathBuf {
    Template::here().root.join("bench/peers/python")
}

/// Each rule at a prefix has this mark, and what was seen has this part.
fn assert_found(
    found: &BTreeMap<(String, String), (String, String)>,
    prefix: &str,
    expected: &[(&str, &str, &str)],
) {
    for (rule, mark, part) in expected {
        let (found, seen) = &found[&((*rule).to_owned(), prefix.to_owned())];
        assert_eq!(found, mark, "{rule}: {seen}");
        assert!(seen.contains(part), "{rule}: {seen}");
    }
}

#[test]
#[ignore = "needs Python packages: run .ci/predecessors"]
fn apikit_under_uwsgi_has_metadata_and_answers_errors_in_html() {
    let service = Predecessor::start(|address| {
        let mut command = Command::new(installed("apikit", "uwsgi"));
        command.args([
            "--master",
            "--die-on-term",
            "--need-app",
            "--module",
            "apikit_service:app",
        ]);
        command
            .args(["--http", &address.to_string(), "--chdir"])
            .arg(services());
        command
    });
    let found = service.verified("/measured-none");
    let html = "404 text/html";
    assert_found(
        &found,
        "",
        &[
            ("health-check", "fail", "200 text/html"),
            ("liveness", "fail", html),
            ("readiness", "fail", html),
            ("metadata", "pass", "measured-none 0.1.0, auth none"),
        ],
    );
    assert_found(
        &found,
        "/measured-none",
        &[
            ("prefixes", "pass", "are the same"),
            ("metadata", "pass", "measured-none 0.1.0, auth none"),
            (
                "metadata-spellings",
                "fail",
                "GET /measured-none/1.0/metadata: 404 text/html",
            ),
            ("head", "pass", "200 application/json"),
            ("unknown-path", "fail", html),
            ("wrong-method", "fail", "405 text/html"),
            ("request-id", "fail", "no X-Request-Id"),
            // The sample takes these paths for a job's metric, and no back-end answers it.
            ("openapi", "fail", "500 text/html"),
            ("docs", "fail", "500 text/html"),
            ("openapi-paths", "skip", ""),
            ("links", "warn", "no Link to"),
        ],
    );
}

#[test]
#[ignore = "needs Python packages: run .ci/predecessors"]
fn safir_under_uvicorn_has_openapi_and_errors_of_its_own() {
    let service = Predecessor::start(|address| {
        let mut command = Command::new(installed("safir", "python"));
        command.arg(services().join("safir_service.py"));
        command.env("LISTEN", address.to_string());
        command
    });
    let found = service.verified("");
    assert_found(
        &found,
        "",
        &[
            ("health-check", "pass", "200 text/plain"),
            ("liveness", "fail", "404 application/json"),
            ("readiness", "fail", "404 application/json"),
            ("prefixes", "skip", "the URL has no path"),
            ("metadata", "pass", "measured-none 0.1.0, auth none"),
            ("metadata-spellings", "fail", "GET /metadata.json: 404"),
            ("head", "fail", "HEAD /metadata: 405"),
            (
                "unknown-path",
                "fail",
                "404 application/json, reason is null",
            ),
            (
                "wrong-method",
                "fail",
                "405 application/json, reason is null",
            ),
            ("request-id", "fail", "no X-Request-Id"),
            ("openapi", "pass", "OpenAPI 3.1.0"),
            ("docs", "pass", "200 text/html"),
            ("links", "warn", "no Link to"),
        ],
    );
    // It knows nothing of the prefix below which the front end would ask it.
    let found = service.verified("/measured-none");
    assert_found(
        &found,
        "/measured-none",
        &[
            ("metadata", "fail", "500 text/plain"),
            ("prefixes", "skip", "--direct"),
        ],
    );
}
