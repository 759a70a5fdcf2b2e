//! The pages, as a browser without scripts gets them.

use std::time::Instant;

use reqwest::Method;
use serde_json::json;

use crate::{
    stand_in::{StandIn, answering, document, metadata},
    test_app::TestApp,
};

#[tokio::test]
async fn browsers_get_the_services_at_the_root_and_load_balancers_the_health_check() {
    let app = TestApp::listing("").await;
    for path in ["/", "/catalogue", "/catalogue/"] {
        let page = app.page(path).await;
        assert!(page.contains("<h1>Services</h1>"), "{path}");
        assert!(page.contains("No services are known yet"), "{path}");
    }
    let check = app.ask(Method::GET, "/", "*/*").await;
    assert_eq!(check.text().await.unwrap(), "OK");
}

#[tokio::test]
async fn the_page_has_everything_without_scripts() {
    let builds = StandIn::good("build-times").await;
    let list = format!("build-times={},gone=http://127.0.0.1:1", builds.url);
    let app = TestApp::listing(&list).await;
    app.service("build-times", |service| service["status"] == "pass")
        .await;
    app.looked_at("gone").await;
    let page = app.page("/catalogue/").await;
    for text in [
        "<html lang=\"en\">",
        "<main id=\"main\">",
        "<a href=\"/catalogue/apis?service=build-times\">build-times</a>",
        "What build-times is for.",
        "1.2.3",
        "<bdi>basic</bdi>",
        "<code>/build-times</code>",
        "href=\"https://example.org/build-times\"",
        "<b>up</b>",
        "<b>down</b>",
        "The health check cannot be reached.",
        "2 services",
    ] {
        assert!(page.contains(text), "{text}\n{page}");
    }
    for (query, found) in [
        ("?q=BUILD+is+for", "1 of 2 services"),
        ("?q=nothing", "0 of 2 services"),
        ("?status=fail", "1 of 2 services"),
        ("?q=build&status=fail", "0 of 2 services"),
    ] {
        let page = app.page(&format!("/catalogue/{query}")).await;
        assert!(page.contains(found), "{query}");
    }
    let refused = app
        .ask(Method::GET, "/catalogue/?status=odd", "text/html")
        .await;
    assert_eq!(refused.status(), 400);
}

#[tokio::test]
async fn nothing_that_a_service_says_is_markup() {
    let hostile = "</p><script>alert(1)</script><img src=x onerror=alert(1)>\"'&";
    let said = json!({
        "name": hostile, "description": hostile, "version": hostile, "api_version": hostile, "auth": hostile,
        "repository": "javascript:alert(1)", "documentation_url": "https://example.org/\"><script>",
    });
    let mut document = document("hostile");
    document["info"]["title"] = json!(hostile);
    let service = StandIn::start(answering(said, document)).await;
    let app = TestApp::of(&[("hostile", &service)]).await;
    app.service("hostile", |service| service["status"] == "pass")
        .await;
    for path in [
        "/catalogue/",
        "/catalogue/?q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E",
        "/catalogue/apis?service=hostile",
    ] {
        let page = app.page(path).await;
        assert!(!page.contains("<script>"), "{path}\n{page}");
        assert!(!page.contains("<img"), "{path}");
        assert!(!page.contains("javascript:"), "{path}");
    }
}

#[tokio::test]
async fn pages_may_load_from_this_host_alone_and_name_no_other_but_in_links() {
    let app = TestApp::listing("").await;
    for path in ["/", "/catalogue/", "/catalogue/apis"] {
        let answer = app.ask(Method::GET, path, "text/html").await;
        let policy = answer.headers()["content-security-policy"]
            .to_str()
            .unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"));
        assert!(!policy.contains("unsafe"), "{policy}");
        let page = answer.text().await.unwrap();
        let loaded = page
            .split(" src=\"")
            .chain(page.split("rel=\"stylesheet\" href=\""))
            .skip(1);
        for address in loaded.filter(|rest| rest.starts_with('/')) {
            let address = address.split('"').next().unwrap();
            let file = app.ask(Method::GET, address, "*/*").await;
            assert_eq!(file.status(), 200, "{address}");
        }
        assert!(
            !page.contains("style=\"") && !page.contains("onclick"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn the_apis_are_chosen_by_a_form_and_shown_from_this_host() {
    let builds = StandIn::good("build-times").await;
    let app = TestApp::of(&[("build-times", &builds)]).await;
    app.service("build-times", |service| service["status"] == "pass")
        .await;
    let all = app.page("/catalogue/apis").await;
    assert!(
        all.contains("data-document=\"/catalogue/merged/openapi.json\""),
        "{all}"
    );
    assert!(
        all.contains("<option value=\"build-times\">build-times</option>"),
        "{all}"
    );
    let one = app.page("/catalogue/apis?service=build-times").await;
    assert!(one.contains("data-document=\"/catalogue/services/build-times/openapi.json\""));
    assert!(one.contains("<option value=\"build-times\" selected>build-times</option>"));
    let none = app
        .ask(Method::GET, "/catalogue/apis?service=none", "text/html")
        .await;
    assert_eq!(none.status(), 404);
}

/// A thousand services, all of which answer. The figures are printed: `cargo test thousand -- --nocapture`.
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_services_are_on_one_page() {
    let service = StandIn::start(answering(metadata("same"), document("same"))).await;
    let list = (0..1000).map(|number| format!("s-{number:04}={}", service.url));
    let list = format!("--catalogue-services={}", Vec::from_iter(list).join(","));
    let begun = Instant::now();
    let app = TestApp::with(&[&list]).await.unwrap();
    app.service("s-0999", |service| service["status"] == "pass")
        .await;
    println!("a thousand services: seen within {:?}", begun.elapsed());
    for path in [
        "/catalogue/",
        "/catalogue/services",
        "/catalogue/merged/openapi.json",
        "/.well-known/api-catalog",
    ] {
        let begun = Instant::now();
        let answer = app.ask(Method::GET, path, "text/html").await;
        assert_eq!(answer.status(), 200, "{path}");
        let bytes = answer.bytes().await.unwrap().len();
        println!("{path}: {bytes} bytes in {:?}", begun.elapsed());
    }
    let metrics = app
        .ask(Method::GET, "/metrics", "*/*")
        .await
        .text()
        .await
        .unwrap();
    let resident = metrics
        .lines()
        .find(|line| line.starts_with("process_resident_memory_bytes"));
    println!("{}", resident.unwrap_or_default());
    assert!(app.page("/catalogue/").await.contains("1000 services"));
}
