//! The catalogue is read, searched and tried out in a browser, with a service that goes and comes back.

mod stage;

use serde_json::json;

use crate::{
    accessibility,
    chromium::Browser,
    document::{ANYTHING, is_valid},
    fuzzer::Fuzzed,
    page::{Sample, is_tried_out, keeps_to_its_host},
    stage::folder,
};
use stage::{SERVICES, Stage};

/// The service that goes and comes back.
const LOST: &str = "runs";

/// One stage for all, since three services and the catalogue take their time to be built.
#[test]
#[ignore = "needs chromium, nginx, openssl, axe-core and schemathesis: run .ci/browser"]
fn the_catalogue_is_browsed_and_services_are_tried_out() {
    let mut stage = Stage::set();
    for (name, _) in SERVICES {
        stage.wait_until(name, "pass");
    }
    shows_all_services(&stage);
    searches_from_the_first_key(&stage);
    is_read_without_scripts(&stage);
    has_the_api_of_each_service_and_of_all(&stage);
    shows_a_service_that_is_down_and_up_again(&mut stage);
    keeps_to_its_document(&stage);
}

fn keeps_to_its_document(stage: &Stage) {
    let document = stage.catalogue_url("/catalogue/openapi.json");
    is_valid(&document, "catalogue");
    let fuzzed = Fuzzed {
        name: "catalogue",
        document: &document,
        operations: 19,
        credentials: None,
        // Few names are those of services.
        but: "positive_data_acceptance",
        examples: 30,
    };
    fuzzed.keeps_to_its_document(ANYTHING);
}

fn shows_all_services(stage: &Stage) {
    let host = stage.front_end.url("");
    let mut browser = Browser::start();
    browser.open(&stage.front_end.url("/"));
    let shown = "[...document.querySelectorAll('#services > .card:not([hidden]) h2')].map((name) => name.textContent)";
    browser.text("#services");
    assert_eq!(browser.value(shown), json!(["builds", "jobs", "runs"]));
    for (name, auth) in SERVICES {
        let card = browser.text(&card(name, ""));
        assert!(card.contains("up") && card.contains(auth), "{card}");
    }
    // As one types, and by the keyboard.
    browser.fill("#q", LOST);
    browser.wait_until(shown, &json!([LOST]));
    assert_eq!(browser.text("#found"), "1 of 3 services");
    browser.fill("#q", "");
    browser.wait_until(
        "document.querySelector('#found').textContent",
        &json!("3 services"),
    );
    for width in [1000, 360] {
        browser.resize(width);
        let page = "document.documentElement.scrollWidth";
        assert_eq!(
            browser.value(page),
            width,
            "the page is wider than {width} pixels"
        );
        accessibility::has_no_serious_findings(&mut browser);
    }
    browser.screenshot(&folder("screenshots").join("catalogue-360.png"));
    keeps_to_its_host(&browser, &host, 3);
}

/// What is typed before the script is loaded is searched for.
fn searches_from_the_first_key(stage: &Stage) {
    let mut browser = Browser::start();
    browser.fill_early("#q", LOST);
    browser.open(&stage.front_end.url("/"));
    let found = "document.querySelector('#found')?.textContent";
    browser.wait_until(found, &json!("1 of 3 services"));
    browser.fill("#q", "");
    browser.wait_until(found, &json!("3 services"));
}

fn is_read_without_scripts(stage: &Stage) {
    let mut browser = Browser::start();
    browser.forbid_scripts();
    browser.open(
        &stage
            .front_end
            .url(&format!("/catalogue/?q={LOST}&status=pass")),
    );
    let shown = "document.querySelectorAll('#services > .card').length";
    browser.wait_until(shown, &json!(1));
    let link = format!("document.querySelector({:?}).href", card(LOST, " h2 a"));
    let page = browser.value(&link);
    assert_eq!(
        page,
        stage
            .front_end
            .url(&format!("/catalogue/apis?service={LOST}"))
    );
    browser.open(page.as_str().unwrap());
    let document = stage
        .front_end
        .url(&format!("/catalogue/services/{LOST}/openapi.json"));
    let link = "document.querySelector('noscript a')?.href";
    browser.wait_until(link, &json!(document));
}

fn has_the_api_of_each_service_and_of_all(stage: &Stage) {
    let host = stage.front_end.url("");
    let mut browser = Browser::start();
    browser.open(&stage.front_end.url("/catalogue/"));
    browser.click(&card("builds", " .links a"));
    for (name, auth) in SERVICES {
        choose(&mut browser, name);
        let title = browser.text("#api .info .title");
        assert!(title.starts_with(name), "{title}");
        let sample = Sample {
            operation: &format!("#operations-{name}-job_metric"),
            url: format!("{host}/{name}/build/time"),
        };
        is_tried_out(&mut browser, &sample, auth);
        accessibility::has_no_serious_findings(&mut browser);
        keeps_to_its_host(&browser, &host, 7);
    }
    browser.screenshot(&folder("screenshots").join("catalogue-apis.png"));
    choose(&mut browser, "");
    for (name, _) in SERVICES {
        browser.text(&format!("#api [data-path*='/{name}/']"));
    }
    keeps_to_its_host(&browser, &host, 7);
}

/// Chooses a service on the page with the APIs; the one that it shows already is chosen by coming from its card.
fn choose(browser: &mut Browser, name: &str) {
    let here = "location.pathname + location.search";
    let there = json!(format!("/catalogue/apis?service={name}"));
    if browser.value(here) != there {
        browser.text("#service");
        browser.value(&format!(
            "{{ const chooser = document.querySelector('#service');
                chooser.value = {name:?};
                chooser.dispatchEvent(new Event('change')); }}"
        ));
    }
    browser.wait_until(here, &there);
}

fn shows_a_service_that_is_down_and_up_again(stage: &mut Stage) {
    stage.stop(LOST);
    let told = stage.wait_until(LOST, "fail");
    let mut browser = Browser::start();
    browser.open(&stage.front_end.url("/"));
    let standing = browser.text(&card(LOST, " .standing.fail"));
    assert!(
        standing.contains("down") && standing.contains("as seen"),
        "{standing}"
    );
    let since = format!(
        "document.querySelector({:?}).dateTime",
        card(LOST, " .standing time")
    );
    assert_eq!(browser.value(&since), told["since"]);
    let problem = browser.text(&card(LOST, " .problems"));
    assert_eq!(problem, "The health check cannot be reached.");
    // What was seen last of it is still there.
    let shown = browser.text(&card(LOST, ""));
    assert!(shown.contains("basic"), "{shown}");
    assert_eq!(browser.text(".count.fail b"), "1");
    accessibility::has_no_serious_findings(&mut browser);
    browser.screenshot(&folder("screenshots").join("catalogue-down.png"));

    stage.start(LOST);
    stage.wait_until(LOST, "pass");
    browser.open(&stage.front_end.url("/catalogue/"));
    browser.text(&card(LOST, " .standing.pass"));
    assert_eq!(browser.text(".count.fail b"), "0");
    keeps_to_its_host(&browser, &stage.front_end.url(""), 3);
}

/// What selects a part of a service's card.
fn card(name: &str, part: &str) -> String {
    format!(".card:has([id='s-{name}']){part}")
}
