//! The document is valid by the standard's own schema, and the service keeps to it whatever it is asked.

use std::{fs, process::Command};

use bootstrap::http;

use crate::{
    fuzzer::Fuzzed,
    stage::{PASSWORD, Stage, USER, folder},
};

#[test]
#[ignore = "needs schemathesis and openapi-spec-validator: run .ci/browser"]
fn none_keeps_to_its_document() {
    keeps_to_its_document("none");
}

#[test]
#[ignore = "needs schemathesis and openapi-spec-validator: run .ci/browser"]
fn basic_keeps_to_its_document() {
    keeps_to_its_document("basic");
}

#[test]
#[ignore = "needs schemathesis and openapi-spec-validator: run .ci/browser"]
fn bitly_proxy_keeps_to_its_document() {
    keeps_to_its_document("bitly-proxy");
}

fn keeps_to_its_document(auth: &str) {
    let stage = Stage::with(auth);
    let document = stage.url("/openapi.json");
    is_valid(&document, auth);
    let credentials = format!("{USER}:{PASSWORD}");
    let fuzzed = Fuzzed {
        name: auth,
        document: &document,
        operations: 15,
        credentials: Some(credentials.as_str()).filter(|_| auth != "none"),
        // The sample has paths that always answer 400, to say what is missing, and the example's login page
        // takes any password but `wrong`.
        but: match auth {
            "bitly-proxy" => "positive_data_acceptance,ignored_auth",
            _ => "positive_data_acceptance",
        },
        examples: 100,
    };
    fuzzed.keeps_to_its_document(ANYTHING);
    fuzzed.keeps_to_its_document(SOMETHING_THAT_EXISTS);
}

/// Whether the document at a URL is valid by the schema of OpenAPI 3.1.
pub fn is_valid(url: &str, name: &str) {
    let file = folder("browser").join(format!("{name}.json"));
    fs::write(&file, read(url)).unwrap();
    let mut validator = Command::new("openapi-spec-validator");
    run(validator
        .args(["--schema", "3.1", "--validation-errors", "all"])
        .arg(file));
}

/// What is at a URL.
fn read(url: &str) -> String {
    let (host, path) = url
        .strip_prefix("http://")
        .unwrap()
        .split_once('/')
        .unwrap();
    let answer = http::request(host.parse().unwrap(), "GET", &format!("/{path}"), &[]);
    answer.unwrap().body
}

/// The fuzzer's own settings: what the path may hold.
pub const ANYTHING: &str = "";
const SOMETHING_THAT_EXISTS: &str = r#"
[[operations]]
include-name = "GET /{jobname}/{metric}"
parameters = { "path.jobname" = "build", "path.metric" = "time" }
"#;

pub fn run(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{:?} cannot be run: {error}", command.get_program()));
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{command:?} fails:\n{told}{errors}"
    );
    told
}
