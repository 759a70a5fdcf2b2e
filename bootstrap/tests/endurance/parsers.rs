//! What parses the words of strangers, held to its properties for many more words than its own tests take.

use bootstrap::{render::Template, running::Project};

/// How many cases each property is tried with; its own tests take 256.
const CASES: &str = "4000";

#[test]
#[ignore = "takes long: run .ci/endurance"]
fn parsers_keep_their_properties_in_many_cases() {
    let template = Template::here();
    let project = Project {
        folder: template.root.join("template"),
        name: "job-metrics".to_owned(),
        target: template.root.join("target/renderings"),
    };
    let mut tests = project.cargo([
        "test",
        "--locked",
        "--quiet",
        "--all-features",
        "properties::",
    ]);
    let passed = tests.env("PROPTEST_CASES", CASES).status().unwrap();
    assert!(passed.success());
}
