//! What axe-core finds on a page that keeps people from reading it.

use std::{env, fs};

use crate::chromium::Browser;

/// The rules of axe-core that Swagger UI breaks by itself: names of its buttons and of its list of servers, its greys and
/// the white on its colours, and a link within the button of an operation.
const OF_SWAGGER_UI: [&str; 4] = [
    "button-name",
    "color-contrast",
    "nested-interactive",
    "select-name",
];

/// Findings that are serious or worse: the rule, where it is broken, and whether that is within Swagger UI.
const FIND: &str = "axe.run(document).then(({ violations }) => violations
    .filter(({ impact }) => ['serious', 'critical'].includes(impact))
    .flatMap(({ id, nodes }) => nodes.map(({ target, html }) => ({
        id, html, isOfSwaggerUi: document.querySelector(target[0])?.closest('.swagger-ui') != null,
    }))))";

/// axe-core finds nothing serious on the page, as it is now, but for what Swagger UI is known for.
pub fn has_no_serious_findings(browser: &mut Browser) {
    let file = env::var("AXE").expect(".ci/browser says where axe-core is");
    browser.value(&format!("{}; undefined", fs::read_to_string(file).unwrap()));
    let found = browser.value(FIND);
    let found = found.as_array().expect("axe-core lists what it finds");
    let unknown = found.iter().filter(|finding| {
        let is_known = OF_SWAGGER_UI.iter().any(|rule| finding["id"] == *rule);
        !(is_known && finding["isOfSwaggerUi"] == true)
    });
    let unknown: Vec<_> = unknown.collect();
    assert!(unknown.is_empty(), "{unknown:#?}");
}
