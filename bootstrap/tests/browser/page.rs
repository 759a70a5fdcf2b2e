//! The API is read and tried out in a browser, at the service itself and behind the front end.

use crate::{
    chromium::Browser,
    front_end::FrontEnd,
    stage::{DESCRIPTION, NAME, PASSWORD, ROUTE, Stage, USER, folder},
};

/// The sample's operation on the page.
const SAMPLE: &str = "#operations-build-times-job_metric";

#[test]
#[ignore = "needs chromium, nginx and openssl: run .ci/browser"]
fn none_is_browsed_and_tried_out() {
    is_browsed_and_tried_out("none");
}

#[test]
#[ignore = "needs chromium, nginx and openssl: run .ci/browser"]
fn basic_is_browsed_and_tried_out() {
    is_browsed_and_tried_out("basic");
}

#[test]
#[ignore = "needs chromium, nginx and openssl: run .ci/browser"]
fn bitly_proxy_is_browsed_and_tried_out() {
    is_browsed_and_tried_out("bitly-proxy");
}

fn is_browsed_and_tried_out(auth: &str) {
    let stage = Stage::with(auth);
    let front_end = FrontEnd::before(stage.service.address);
    let (own, public) = (stage.url(""), front_end.url(""));
    for (place, page, host) in [
        ("root", stage.url("/docs"), &own),
        ("route", stage.url(&format!("{ROUTE}/docs")), &own),
        (
            "front-end",
            front_end.url(&format!("{ROUTE}/docs")),
            &public,
        ),
        (
            "front-end-slash",
            front_end.url(&format!("{ROUTE}/docs/")),
            &public,
        ),
    ] {
        let mut browser = Browser::start();
        browser.open(&page);
        says_what_the_service_is(&mut browser);
        let sample = Sample {
            operation: SAMPLE,
            url: format!("{host}{ROUTE}/build/time"),
        };
        is_tried_out(&mut browser, &sample, auth);
        let screenshot = format!("{auth}-{place}.png");
        browser.screenshot(&folder("screenshots").join(screenshot));
        keeps_to_its_host(&browser, host, 7);
    }
}

fn says_what_the_service_is(browser: &mut Browser) {
    assert!(browser.text("#api .info .title").starts_with(NAME));
    assert_eq!(browser.text("#api .info .description").trim(), DESCRIPTION);
    browser.text(SAMPLE);
    assert_eq!(browser.value("document.title"), NAME);
}

/// The sample's operation on a page: where it is there, and the URL that it asks for the time of a build.
pub struct Sample<'a> {
    pub operation: &'a str,
    pub url: String,
}

/// Asks for the time of a build: without credentials first, where the auth type wants some.
pub fn is_tried_out(browser: &mut Browser, sample: &Sample, auth: &str) {
    if auth != "none" {
        try_out(browser, sample, "401");
        browser.click(&format!("{} .btn-clear", sample.operation));
        authorize(browser);
    }
    let answer = try_out(browser, sample, "200");
    assert!(answer.contains("2m 41s"), "{answer}");
}

fn authorize(browser: &mut Browser) {
    browser.click(".btn.authorize");
    browser.fill("#auth-basic-username", USER);
    browser.fill("#auth-basic-password", PASSWORD);
    browser.click(".auth-container:has(#auth-basic-username) .btn.authorize");
    browser.text(".auth-container .btn:not(.authorize):not(.btn-done)");
    browser.click(".auth-container .btn-done");
}

/// Fills in the sample's form, sends it, and returns what the page shows as the answer.
fn try_out(browser: &mut Browser, sample: &Sample, status: &str) -> String {
    let Sample { operation, url } = sample;
    let open = browser.value(&format!(
        "document.querySelector('{operation} .btn.execute') !== null"
    ));
    if open == false {
        browser.click(&format!("{operation} .opblock-summary-control"));
    }
    browser.fill(
        &format!("{operation} [data-param-name=jobname] input"),
        "build",
    );
    browser.fill(
        &format!("{operation} [data-param-name=metric] input"),
        "time",
    );
    browser.click(&format!("{operation} .btn.execute"));
    let answered = browser.text(&format!(
        "{operation} .live-responses-table .response .response-col_status"
    ));
    assert!(answered.trim().starts_with(status), "{answered}");
    let asked = browser.text(&format!("{operation} .request-url pre"));
    assert_eq!(asked, *url);
    browser.text(&format!(
        "{operation} .live-responses-table .response .response-col_description"
    ))
}

/// The page complains of nothing, and has asked its host alone: so many times at least.
pub fn keeps_to_its_host(browser: &Browser, host: &str, times: usize) {
    let requests = browser.requests();
    let own = |url: &&String| url.starts_with(&format!("{host}/")) || url.starts_with("data:");
    let foreign: Vec<_> = requests.iter().filter(|url| !own(url)).collect();
    assert!(foreign.is_empty(), "{foreign:?}");
    assert!(requests.len() >= times, "{requests:?}");
    let complaints = browser.complaints();
    assert!(complaints.is_empty(), "{complaints:?}");
}
