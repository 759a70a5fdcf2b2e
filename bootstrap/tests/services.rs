//! What is rendered, as a crate that others will read and as a service that others will call.
//!
//! Each rendering is checked as its author's CI would check it, and then asked over HTTP for
//! everything that the contract of a service promises.

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Mutex, MutexGuard},
};

use crate::{
    dashboard,
    support::{auth_types, hostile, house, ordinary},
};
use bootstrap::{
    answers::Answers,
    http::{self, Answer},
    refresh::refresh,
    render::{Manner, Template},
    running::{Project, backend_flags},
};
use serde_json::{Value, json};
use tempfile::TempDir;

/// `ada:demo`
const ADA: &str = "Authorization: Basic YWRhOmRlbW8=";

/// Renderings are written to one folder and built into another, one at a time, so that they share what they depend on:
/// apikit, too, which to cargo is another library wherever it lies.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

#[test]
fn none_with_ordinary_answers() {
    check(&ordinary("none"));
}

#[test]
fn none_with_hostile_answers() {
    check(&hostile("none"));
}

#[test]
fn basic_with_ordinary_answers() {
    check(&ordinary("basic"));
}

#[test]
fn basic_with_hostile_answers() {
    check(&hostile("basic"));
}

#[test]
fn bitly_proxy_with_ordinary_answers() {
    check(&ordinary("bitly-proxy"));
}

#[test]
fn bitly_proxy_with_hostile_answers() {
    check(&hostile("bitly-proxy"));
}

#[test]
fn every_auth_type_is_tested() {
    assert_eq!(
        auth_types(&Template::here()),
        ["none", "basic", "bitly-proxy"]
    );
}

/// What no answer changes, with what a service of an auth type has on. `basic` has no more on than `none`: `.ci/run` tests apikit for
/// it with all features, and documents it.
#[test]
fn apikit_passes_with_the_features_of_each_auth_type() {
    let _turn = turn();
    let project = rendered(&ordinary("none"), BTreeMap::new());
    cargo(&project, &["fmt", "--all", "--check"], &[]);
    let whole = [
        "clippy",
        "--locked",
        "--quiet",
        "--workspace",
        "--all-targets",
        "--all-features",
        "--",
        "-D",
        "warnings",
    ];
    cargo(&project, &whole, &[]);
    for (auth, features) in [("none", ""), ("bitly-proxy", "bitly-proxy")] {
        let test = [
            "test",
            "--locked",
            "--quiet",
            "--package",
            "apikit",
            "--features",
            features,
        ];
        cargo(&project, &test, &[("APIKIT_TEST_AUTH", auth)]);
    }
}

fn check(answers: &Answers) {
    let _turn = turn();
    let project = rendered(answers, BTreeMap::new());
    passes_as_a_crate(&project);
    keeps_its_contract(&project, answers);
}

/// The turn of one test. While it is held, no other test builds a rendering.
pub fn turn() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// A project is what its author's CI would pass. apikit is the same in all: it is linted and tested once, below.
pub fn passes_as_a_crate(project: &Project) {
    cargo(project, &["fmt", "--check"], &[]);
    cargo(
        project,
        &[
            "clippy",
            "--locked",
            "--no-deps",
            "--all-targets",
            "--all-features",
            "--quiet",
            "--",
            "-D",
            "warnings",
        ],
        &[],
    );
    cargo(
        project,
        &["build", "--locked", "--quiet", "--bins", "--examples"],
        &[],
    );
    leaves_the_lock_alone(project);
    cargo(project, &["test", "--locked", "--quiet"], &[]);
    let strict = [("RUSTDOCFLAGS", "-D warnings")];
    cargo(
        project,
        &["doc", "--locked", "--quiet", "--no-deps"],
        &strict,
    );
}

/// A build that may change the lock file finds nothing to change, not even the order.
fn leaves_the_lock_alone(project: &Project) {
    let lock = project.folder.join("Cargo.lock");
    let before = fs::read_to_string(&lock).unwrap();
    cargo(project, &["build", "--quiet"], &[]);
    assert!(
        fs::read_to_string(&lock).unwrap() == before,
        "{} was changed",
        lock.display()
    );
}

/// The rendering with the author's files over it, in a folder that keeps what has not changed, so that cargo rebuilds
/// no more than it must.
pub fn rendered(answers: &Answers, authors: BTreeMap<String, Vec<u8>>) -> Project {
    rendered_by(&Template::here(), answers, authors)
}

/// The same, by another template than this one.
pub fn rendered_by(
    template: &Template,
    answers: &Answers,
    authors: BTreeMap<String, Vec<u8>>,
) -> Project {
    let target = Template::here().root.join("target");
    let kept = target.join("rendered/service");
    let scratch = TempDir::new().unwrap();
    let fresh = template
        .render(answers, scratch.path(), Manner::SILENT)
        .unwrap();
    for (path, text) in authors {
        let file = fresh.join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    refresh(&kept, &fresh).unwrap();
    Project {
        folder: kept,
        name: answers.name.clone(),
        target: target.join("renderings"),
    }
}

/// Runs cargo in a project, and takes no warning for an answer.
pub fn cargo(project: &Project, arguments: &[&str], variables: &[(&str, &str)]) {
    let shown = arguments.join(" ");
    let mut command = project.cargo(arguments);
    let output = command.envs(variables.iter().copied()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && !said.contains("warning: "),
        "`cargo {shown}` fails or warns in {}:\n{}{said}",
        project.folder.display(),
        String::from_utf8_lossy(&output.stdout),
    );
}

/// A running service, and what its answers say it should be.
struct Service<'a> {
    address: SocketAddr,
    answers: &'a Answers,
    route: String,
    api_version: String,
}

impl Service<'_> {
    fn get(&self, path: &str) -> Answer {
        http::request(self.address, "GET", path, &[ADA]).unwrap()
    }

    fn auth(&self) -> &str {
        self.answers.get("auth_type").unwrap()
    }
}

/// The answer, or the default in its place.
fn given_or_house(answers: &Answers, placeholder: &str) -> String {
    let given = answers.get(placeholder).map(str::to_owned);
    given.unwrap_or_else(|| house(placeholder))
}

fn keeps_its_contract(project: &Project, answers: &Answers) {
    let auth = answers.get("auth_type").unwrap();
    let backend = project.start_backend(backend_flags(auth)).unwrap();
    let running = project.start("127.0.0.1:0", &backend).unwrap();
    let route = format!("/{}", answers.name);
    let service = Service {
        address: running.address,
        answers,
        route: answers.get("route").unwrap_or(&route).to_owned(),
        api_version: given_or_house(answers, "api_version"),
    };
    says_that_it_lives(&service);
    says_who_it_is(&service, project);
    says_what_it_answers(&service, project);
    answers_the_sample(&service);
    fails_in_one_shape(&service);
    wants_credentials_if_it_needs_them(&service);
    conforms(&service);
    let told = service.get("/metrics");
    dashboard::asks_for_what_is_told(&told.body, auth);

    readme_and_manifests_name_the_settings(project);
    client_who_leaves_leaves_a_line(project);

    let (code, log) = running.stop().unwrap();
    assert_eq!(code, Some(0));
    for line in log.lines() {
        serde_json::from_str::<Value>(line).expect("every log line is JSON");
    }
}

fn says_that_it_lives(service: &Service) {
    for path in ["/", "/healthz", "/readyz"] {
        let answer = service.get(path);
        assert_eq!((answer.status, answer.body.as_str()), (200, "OK"), "{path}");
        let head = http::request(service.address, "HEAD", path, &[]).unwrap();
        assert_eq!((head.status, head.body.as_str()), (200, ""), "{path}");
        assert_eq!(head.header("content-length"), Some("2"), "{path}");
    }
}

fn says_who_it_is(service: &Service, project: &Project) {
    let manifest = fs::read_to_string(project.folder.join("Cargo.toml")).unwrap();
    let manifest: toml::Table = manifest.parse().unwrap();
    let name = &service.answers.name;
    let expected = json!({
        "name": name,
        "description": service.answers.get("description"),
        "repository": manifest["package"]["repository"].as_str(),
        "version": given_or_house(service.answers, "version"),
        "api_version": service.api_version,
        "auth": service.auth(),
    });
    let version = &service.api_version;
    for prefix in ["", &service.route] {
        for path in [
            "/metadata",
            &format!("/v{version}/metadata"),
            &format!("/{version}/metadata"),
        ] {
            for suffix in ["", ".json"] {
                let answer = service.get(&format!("{prefix}{path}{suffix}"));
                assert_eq!(answer.status, 200, "{prefix}{path}{suffix}");
                assert_eq!(answer.header("content-type"), Some("application/json"));
                assert_eq!(
                    serde_json::from_str::<Value>(&answer.body).unwrap(),
                    expected
                );
            }
        }
    }
    let program = project.target.join("debug").join(name);
    let printed = std::process::Command::new(program)
        .arg("metadata")
        .output()
        .unwrap();
    assert_eq!(
        serde_json::from_slice::<Value>(&printed.stdout).unwrap(),
        expected
    );
}

fn says_what_it_answers(service: &Service, project: &Project) {
    let program = project.target.join("debug").join(&project.name);
    let printed = std::process::Command::new(program).arg("openapi").output();
    let printed = String::from_utf8(printed.unwrap().stdout).unwrap();
    for prefix in ["", &service.route] {
        let answer = service.get(&format!("{prefix}/openapi.json"));
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.body, printed.trim_end());
        let page = service.get(&format!("{prefix}/docs"));
        assert_eq!(
            page.header("content-type"),
            Some("text/html; charset=utf-8")
        );
    }
    let document: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(
        document["info"],
        json!({
            "title": service.answers.name,
            "description": service.answers.get("description"),
            "version": given_or_house(service.answers, "version"),
        })
    );
    assert_eq!(document["servers"], json!([{"url": service.route}]));
    let schemes = document["components"]["securitySchemes"].as_object();
    let schemes: Vec<_> = schemes
        .into_iter()
        .flatten()
        .map(|(name, _)| name.as_str())
        .collect();
    let expected: &[&str] = match service.auth() {
        "none" => &[],
        "basic" => &["basic"],
        _ => &["basic", "bearer"],
    };
    assert_eq!(schemes, expected);
}

fn answers_the_sample(service: &Service) {
    for prefix in ["", &service.route] {
        for (metric, value) in [
            ("time", "2m 41s"),
            ("size", "17.4 MB"),
            ("author", "Ren\u{fffd}e"),
        ] {
            let answer = service.get(&format!("{prefix}/build/{metric}"));
            assert_eq!(answer.status, 200, "{}", answer.body);
            assert_eq!(
                serde_json::from_str::<Value>(&answer.body).unwrap(),
                json!({"metric": metric, "jobname": "build", "value": value})
            );
        }
    }
}

fn fails_in_one_shape(service: &Service) {
    let route = &service.route;
    let long = format!("/{}", "a".repeat(9_000));
    let incomplete = "Must specify metric and jobname.";
    for (method, path, status, reason, content) in [
        ("GET", route.as_str(), 400, "Bad Request", incomplete),
        ("GET", &format!("{route}/"), 400, "Bad Request", incomplete),
        (
            "GET",
            &format!("{route}/build"),
            400,
            "Bad Request",
            incomplete,
        ),
        (
            "GET",
            "/nowhere",
            404,
            "Not Found",
            "Nothing is served at /nowhere.",
        ),
        (
            "GET",
            &format!("{route}x"),
            404,
            "Not Found",
            "Nothing is served at",
        ),
        (
            "GET",
            "/build/nothing",
            404,
            "Not Found",
            "no nothing of build",
        ),
        ("GET", "/%FF/x", 400, "Bad Request", "Invalid URL"),
        ("POST", "/metadata", 405, "Method Not Allowed", ""),
        (
            "DELETE",
            &format!("{route}/build/time"),
            405,
            "Method Not Allowed",
            "",
        ),
        ("GET", &long, 414, "URI Too Long", "The URI is longer than"),
    ] {
        let answer = http::request(service.address, method, path, &[ADA]).unwrap();
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.body);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        let body: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(body.as_object().unwrap().len(), 3, "{body}");
        assert_eq!(body["reason"], reason);
        assert_eq!(body["status_code"], status);
        assert!(
            body["error_content"]
                .as_str()
                .unwrap_or("")
                .starts_with(content),
            "{body}"
        );
        assert_eq!(answer.header("allow").is_some(), status == 405);
    }
}

fn wants_credentials_if_it_needs_them(service: &Service) {
    let path = format!("{}/build/time", service.route);
    let answer = http::request(service.address, "GET", &path, &[]).unwrap();
    if service.auth() == "none" {
        assert_eq!(answer.status, 200);
        return;
    }
    assert_eq!(answer.status, 401);
    assert_eq!(
        answer.header("www-authenticate").unwrap(),
        format!(r#"Basic realm="{}", charset="UTF-8""#, service.answers.name)
    );
    assert_eq!(
        serde_json::from_str::<Value>(&answer.body).unwrap(),
        json!({
            "reason": "Unauthorized",
            "status_code": 401,
            "error_content": "No authorization provided.",
        })
    );
    let wrong = "Authorization: Basic YWRhOndyb25n";
    let answer = http::request(service.address, "GET", &path, &[wrong]).unwrap();
    assert_eq!(answer.status, 401);
    assert!(answer.header("www-authenticate").is_some());
}

/// What `verify` finds of it: every rule is kept that can be tried, as if seen from outside.
fn conforms(service: &Service) {
    let url = format!("http://{}{}", service.address, service.route);
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_bootstrap"));
    let output = command
        .args(["verify", &url, "--direct", "--json"])
        .output();
    let output = output.unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{report:#}");
    let rules = report["rules"].as_array().unwrap();
    for rule in rules.iter().filter(|rule| rule["mark"] != "pass") {
        let may_differ =
            rule["rule"] == "credentials" && rule["mark"] == "skip" && service.auth() == "none";
        assert!(may_differ, "{rule:#}");
    }
}

fn readme_and_manifests_name_the_settings(project: &Project) {
    let program = project.target.join("debug").join(&project.name);
    let help = std::process::Command::new(program)
        .arg("--help")
        .output()
        .unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let readme = fs::read_to_string(project.folder.join("README.md")).unwrap();
    let variables: Vec<_> = help.split("[env: ").skip(1).collect();
    assert!(variables.len() >= 13, "{help}");
    let variables = variables
        .iter()
        .map(|rest| &rest[..rest.find(['=', ']']).unwrap()]);
    let variables: Vec<_> = variables.collect();
    for variable in &variables {
        assert!(readme.contains(&format!("`{variable}`")), "{variable}");
    }
    // And the manifests name no other.
    let base = project.folder.join("kubernetes/base");
    let settings = fs::read_to_string(base.join("settings.env")).unwrap();
    let set = settings.lines().filter_map(|line| line.split_once('='));
    for (variable, _) in set.filter(|(name, _)| !name.starts_with('#')) {
        assert!(variables.contains(&variable), "{variable}");
    }
}

/// A client who asks and leaves before the answer is in the log as well.
fn client_who_leaves_leaves_a_line(project: &Project) {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let running = project
        .start_before("127.0.0.1:0", silent.local_addr().unwrap())
        .unwrap();
    let mut client = TcpStream::connect(running.address).unwrap();
    write!(
        client,
        "GET /build/time HTTP/1.1\r\nhost: a\r\n{ADA}\r\n\r\n"
    )
    .unwrap();
    let _asked = silent.accept().unwrap();
    drop(client);

    let (code, log) = running.stop().unwrap();
    assert_eq!(code, Some(0));
    let lines = log
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let told: Vec<_> = lines.filter(|line| line["target"] == "access").collect();
    assert_eq!(told.len(), 1, "{log}");
    assert_eq!(
        (&told[0]["path"], &told[0]["status"]),
        (&json!("/build/time"), &json!(499))
    );
}
