//! What axe-core finds on a page that keeps people from reading it.

use std::{env, fs};

use serde_json::Value;

use crate::chromium::Browser;

/// What Swagger UI does of its own accord, by the names of axe-core's rules.
const OF_SWAGGER_UI: [&str; 0] = [];

/// Findings that are serious or worse: the rule, and where it is broken.
const FIND: &str = "axe.run(document).then(({ violations }) => violations
    .filter(({ impact }) => ['serious', 'critical'].includes(impact))
    .flatMap(({ id, nodes }) => nodes.map(({ target, html }) => ({ id, target: target.join(' '), html }))))";

/// axe-core finds nothing serious on the page, as it is now, but for what Swagger UI is known for.
pub fn has_no_serious_findings(browser: &mut Browser) {
    let file = env::var("AXE").expect(".ci/browser says where axe-core is");
    browser.value(&format!("{}; undefined", fs::read_to_string(file).unwrap()));
    let found = browser.value(FIND);
    let is_known = |finding: &&Value| {
        let is_inside = |place: &str| place.contains("swagger") || place.contains("#operations-");
        OF_SWAGGER_UI.iter().any(|rule| finding["id"] == *rule)
            && is_inside(finding["target"].as_str().unwrap())
    };
    let found = found.as_array().expect("axe-core lists what it finds");
    let found: Vec<_> = found.iter().filter(|one| !is_known(one)).collect();
    assert!(found.is_empty(), "{found:#?}");
}
