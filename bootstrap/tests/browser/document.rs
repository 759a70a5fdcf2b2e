//! The document is valid by the standard's own schema, and the service keeps to it whatever it is asked.

use std::{fs, process::Command};

use bootstrap::http;

use crate::stage::{PASSWORD, Stage, USER, folder};

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
    is_valid(&stage, auth);
    fuzz(&stage, auth, ANYTHING);
    fuzz(&stage, auth, SOMETHING_THAT_EXISTS);
}

fn is_valid(stage: &Stage, auth: &str) {
    let answer = http::request(stage.service.address, "GET", "/openapi.json", &[]).unwrap();
    let file = folder("browser").join(format!("{auth}.json"));
    fs::write(&file, answer.body).unwrap();
    let mut validator = Command::new("openapi-spec-validator");
    run(validator
        .args(["--schema", "3.1", "--validation-errors", "all"])
        .arg(file));
}

/// The fuzzer's own settings: what the path may hold.
const ANYTHING: &str = "";
const SOMETHING_THAT_EXISTS: &str = r#"
[[operations]]
include-name = "GET /{jobname}/{metric}"
parameters = { "path.jobname" = "build", "path.metric" = "time" }
"#;

/// Asks the service for whatever its document allows, and for more. Each answer must be one that the
/// document has, with its media type and shape, and none may be a 5xx; without credentials the answer must
/// be a refusal, and with a wrong method as well.
///
/// It cannot find an error that its author should have named: every operation has all of them, as `default`.
fn fuzz(stage: &Stage, auth: &str, settings: &str) {
    let config = folder("browser").join(format!("{auth}.toml"));
    fs::write(&config, settings).unwrap();
    let mut fuzzer = Command::new("schemathesis");
    fuzzer.current_dir(folder("browser"));
    fuzzer.arg("--config-file").arg(config);
    // The base of the requests is what the document says of itself: nothing is told here.
    fuzzer.arg("run").arg(stage.url("/openapi.json"));
    fuzzer.args(["--checks", "all", "--max-examples", "100", "--seed", "1"]);
    // The sample has paths that always answer 400, to say what is missing, and the example's login page
    // takes any password but `wrong`.
    let excluded = match auth {
        "bitly-proxy" => "positive_data_acceptance,ignored_auth",
        _ => "positive_data_acceptance",
    };
    fuzzer.args(["--exclude-checks", excluded]);
    fuzzer.args(["--generation-database", "none", "--no-color"]);
    if auth != "none" {
        fuzzer.args(["--auth", &format!("{USER}:{PASSWORD}")]);
    }
    let told = run(&mut fuzzer);
    assert!(
        told.contains("Operations:       15 selected / 15 total"),
        "{told}"
    );
}

fn run(command: &mut Command) -> String {
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
