//! An axum program outside the repository takes `apikit` from git: `examples/axum-program`, as its readers would.

use std::{
    fs,
    io::BufRead,
    path::{Path, PathBuf},
};

use bootstrap::{
    http::{self, Answer},
    render::Template,
    running::Project,
};
use git2::{IndexAddOption, Repository, Signature, Time};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    services::{cargo, turn},
    support::files,
    versions::write,
};

/// Where the example has `apikit` from.
const UPSTREAM: &str = "https://github.com/lsst-sqre/uservice-bootstrap";

/// A crate that needs no registry, by which cargo comes to know the repository before it is told to stay offline.
const PROBE: &str = "needs-nothing";

/// A copy of this repository as a git repository, in a place that lasts. Where nothing has changed, it has the same
/// commit, and cargo builds nothing again.
fn repository() -> PathBuf {
    let folder = Template::here().root.join("target/repository");
    let _ = fs::remove_dir_all(&folder);
    for (path, text) in files(&Template::here().root) {
        write(&folder.join(path), &text);
    }
    write_crate(&folder.join(PROBE), PROBE, "");
    let repository = Repository::init(&folder).unwrap();
    let mut index = repository.index().unwrap();
    index.add_all(["*"], IndexAddOption::DEFAULT, None).unwrap();
    let tree = repository.find_tree(index.write_tree().unwrap()).unwrap();
    let once = Time::new(1_700_000_000, 0);
    let author = Signature::new("nobody", "nobody@example.org", &once).unwrap();
    repository
        .commit(Some("HEAD"), &author, &author, "All", &tree, &[])
        .unwrap();
    folder
}

fn write_crate(folder: &Path, name: &str, dependencies: &str) {
    let manifest = format!(
        "[package]\nname = \"{name}\"\nedition = \"2024\"\n\n[dependencies]\n{dependencies}"
    );
    write(&folder.join("Cargo.toml"), manifest.as_bytes());
    write(&folder.join("src/lib.rs"), b"");
}

/// The example in a folder outside of this repository, with `apikit` from the copy.
fn program(scratch: &Path) -> Project {
    let root = Template::here().root;
    let url = format!("file://{}", repository().display());
    let project = |name: &str| Project {
        folder: scratch.join(name),
        name: name.to_owned(),
        target: root.join("target/renderings"),
    };
    let probe = project("probe");
    write_crate(
        &probe.folder,
        "probe",
        &format!("{PROBE} = {{ git = \"{url}\" }}\n"),
    );
    cargo(&probe, &["fetch", "--quiet"], &[]);

    let program = project("axum-program");
    for (path, text) in files(&root.join("examples/axum-program")) {
        let text = String::from_utf8(text).unwrap().replace(UPSTREAM, &url);
        write(&program.folder.join(path), text.as_bytes());
    }
    let manifest = fs::read_to_string(program.folder.join("Cargo.toml")).unwrap();
    assert!(manifest.contains(&url), "{manifest}");
    // The versions that are here already; cargo drops what the program has no use for.
    let lock = root.join("template/Cargo.lock");
    fs::copy(lock, program.folder.join("Cargo.lock")).unwrap();
    program
}

#[test]
fn an_axum_program_takes_apikit_from_git_piece_by_piece() {
    let _turn = turn();
    let scratch = TempDir::new().unwrap();
    let program = program(scratch.path());
    cargo(&program, &["fmt", "--check"], &[]);
    let clippy = ["clippy", "--offline", "--quiet", "--", "-D", "warnings"];
    cargo(&program, &clippy, &[]);
    cargo(&program, &["build", "--offline", "--quiet"], &[]);
    let lock = fs::read_to_string(program.folder.join("Cargo.lock")).unwrap();
    assert!(lock.contains("name = \"apikit\"\n") && lock.contains("source = \"git+file://"));

    let binary = program.target.join("debug/axum-program");
    let listen = [("LISTEN", "127.0.0.1:0"), ("LOG_FORMAT", "json")];
    let mut running = program.start_program(&binary, &listen).unwrap();
    let address = running.address;
    let ask = |path: &str| http::request(address, "GET", path, &[]).unwrap();
    for prefix in ["", "/hours-program"] {
        let metadata = body(&ask(&format!("{prefix}/metadata")), 200);
        assert_eq!(metadata["name"], "axum-program");
        assert_eq!(metadata["auth"], "none");
        let hours = body(&ask(&format!("{prefix}/hours/pachon")), 200);
        assert_eq!(hours["opens"], "18:00");
        let error = body(&ask(&format!("{prefix}/hours/nowhere")), 404);
        assert_eq!(error, not_found("There is no site nowhere.".into()));
    }
    // What axum itself refuses has the shape, too.
    assert_eq!(body(&ask("/nowhere"), 404), not_found(Value::Null));
    let metrics = ask("/metrics").body;
    let counted =
        r#"http_server_requests_total{method="GET",route="/hours/{site}",status="200"} 2"#;
    assert!(metrics.contains(counted), "{metrics}");

    let lines = running.output().unwrap().lines().map(Result::unwrap);
    let mut lines = lines.map(|line| serde_json::from_str::<Value>(&line).unwrap());
    let told = lines.find(|line| line["path"] == "/hours-program/hours/pachon");
    assert_eq!(told.unwrap()["status"], 200);
}

fn not_found(content: Value) -> Value {
    json!({"reason": "Not Found", "status_code": 404, "error_content": content})
}

/// The JSON of an answer, which must have this status.
fn body(answer: &Answer, status: u16) -> Value {
    assert_eq!(answer.status, status, "{}", answer.body);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    serde_json::from_str(&answer.body).unwrap()
}
