//! The template as a web page, from the first visit to a service that answers.

use std::io::Cursor;

use base64::{Engine, prelude::BASE64_STANDARD};
use bootstrap::{http, running::Project};
use serde_json::json;
use tempfile::TempDir;
use zip::ZipArchive;

use crate::{
    accessibility,
    chromium::Browser,
    document::{ANYTHING, is_valid},
    fuzzer::Fuzzed,
    program::Program,
    stage::{NAME, folder},
};

#[test]
#[ignore = "needs chromium: run .ci/browser"]
fn a_service_is_made_in_a_browser() {
    let scratch = TempDir::new().unwrap();
    let program = Program::start(scratch.path());
    let mut browser = Browser::start();
    browser.open(&program.url("/"));
    let first = browser.text("#standing");
    assert!(
        first.ends_with("files, as those of a service named my-service."),
        "{first}"
    );

    is_told_the_rule(&mut browser);
    browser.fill("#name", NAME);
    browser.text(".button[href^='/bootstrap/build-times.zip']");
    assert_eq!(browser.value("location.search"), "?name=build-times");
    assert_eq!(browser.text("#fault-name"), "");
    shows_a_file(&mut browser);
    shows_what_changes(&mut browser);
    browser.screenshot(&folder("screenshots").join("new-service.png"));
    is_for_all(&mut browser);

    let archive = downloaded(&mut browser);
    answers(&archive);
    let requests = browser.requests();
    let own = |url: &String| url.starts_with(&program.url("/")) || url.starts_with("data:");
    assert!(requests.iter().all(own), "{requests:?}");
    let complaints = browser.complaints();
    assert!(complaints.is_empty(), "{complaints:?}");
    assert_eq!(program.stop().0, Some(0));
}

fn is_told_the_rule(browser: &mut Browser) {
    browser.fill("#name", "Build_Times");
    browser.text("#name[aria-invalid=true]");
    let fault = browser.text("#fault-name");
    assert!(
        fault.contains("must be 1 to 50 lower-case letters"),
        "{fault}"
    );
    assert_eq!(browser.text("#standing"), "One answer breaks its rule.");
}

fn shows_a_file(browser: &mut Browser) {
    browser.click(".tree a[href$='file=README.md']");
    browser.text(".tree a[href$='file=README.md'][aria-current]");
    assert_eq!(browser.text("#path"), "README.md");
    assert!(browser.text(".file code").starts_with("# build-times\n"));
}

fn shows_what_changes(browser: &mut Browser) {
    browser.click(".views a[href$='to.auth_type=basic']");
    assert!(browser.text(".diff ins").starts_with('+'));
    browser.click(".views a:first-child");
    browser.text(".browser");
}

/// At a desk, and on a telephone.
fn is_for_all(browser: &mut Browser) {
    for width in [1000, 360] {
        browser.resize(width);
        let wide = browser.value("document.documentElement.scrollWidth");
        // A bar to scroll by may take some of it.
        assert!(wide.as_u64() <= Some(width.into()), "{wide} > {width}");
        accessibility::has_no_serious_findings(browser);
    }
    browser.screenshot(&folder("screenshots").join("new-service-360.png"));
}

#[test]
#[ignore = "needs chromium: run .ci/browser"]
fn a_service_is_shown_without_scripts() {
    let scratch = TempDir::new().unwrap();
    let program = Program::start(scratch.path());
    let mut browser = Browser::start();
    browser.forbid_scripts();
    browser.open(&program.url("/bootstrap/?name=Build_Times"));
    let text = |selector: &str| format!("document.querySelector({selector:?})?.textContent");
    browser.wait_until(&text("#standing"), &json!("One answer breaks its rule."));
    browser.open(&program.url("/bootstrap/?name=build-times&auth_type="));
    let is_whole = format!("{}?.startsWith('build-times has ')", text("#standing"));
    browser.wait_until(&is_whole, &json!(true));
    let file = "document.querySelector(\".tree a[href$='file=README.md']\").href";
    let file = browser.value(file);
    browser.open(file.as_str().unwrap());
    browser.wait_until(&text("#path"), &json!("README.md"));
    assert_eq!(program.stop().0, Some(0));
}

#[test]
#[ignore = "needs chromium: run .ci/browser"]
fn what_is_typed_before_the_script_is_loaded_counts() {
    let scratch = TempDir::new().unwrap();
    let program = Program::start(scratch.path());
    let mut browser = Browser::start();
    browser.fill_early("#name", NAME);
    browser.open(&program.url("/"));
    browser.text(".button[href^='/bootstrap/build-times.zip']");
    assert_eq!(browser.value("location.search"), "?name=build-times");
    assert_eq!(program.stop().0, Some(0));
}

/// The archive that the first button leads to.
fn downloaded(browser: &mut Browser) -> Vec<u8> {
    let text = browser.value(
        "fetch(document.querySelector('.button').href)
            .then((answer) => answer.blob())
            .then((file) => new Promise((read) => {
                const reader = new FileReader();
                reader.onload = () => read(reader.result.split(',')[1]);
                reader.readAsDataURL(file);
            }))",
    );
    BASE64_STANDARD.decode(text.as_str().unwrap()).unwrap()
}

fn answers(archive: &[u8]) {
    let unpacked = TempDir::new().unwrap();
    let mut archive = ZipArchive::new(Cursor::new(archive)).unwrap();
    archive.extract(unpacked.path()).unwrap();
    let project = Project {
        folder: unpacked.path().join(NAME),
        name: NAME.to_owned(),
        target: folder("renderings"),
    };
    project.build().unwrap();
    let nobody = "127.0.0.1:9".parse().unwrap();
    let service = project.start_before("127.0.0.1:0", nobody).unwrap();
    let metadata = http::request(service.address, "GET", "/build-times/metadata", &[]);
    assert!(metadata.unwrap().body.contains(r#""name":"build-times""#));
}

#[test]
#[ignore = "needs schemathesis and openapi-spec-validator: run .ci/browser"]
fn the_template_s_api_keeps_to_its_document() {
    let scratch = TempDir::new().unwrap();
    let program = Program::start(scratch.path());
    let document = program.url("/bootstrap/openapi.json");
    is_valid(&document, "bootstrap");
    let fuzzed = Fuzzed {
        name: "bootstrap",
        document: &document,
        operations: 17,
        credentials: None,
        // Most answers break a rule that JSON Schema has no words for.
        but: "positive_data_acceptance",
        examples: 10,
    };
    fuzzed.keeps_to_its_document(ANYTHING);
    assert_eq!(program.stop().0, Some(0));
}
