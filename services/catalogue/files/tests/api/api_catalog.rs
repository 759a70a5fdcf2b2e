//! The links at `/.well-known/api-catalog`, held to the rules of RFC 9727 and RFC 9264.

use std::collections::BTreeSet;

use reqwest::{Method, Url};
use serde_json::{Value, json};

use crate::{stand_in::StandIn, test_app::TestApp};

const PATH: &str = "/.well-known/api-catalog";

const MEDIA_TYPE: &str =
    "application/linkset+json; profile=\"https://www.rfc-editor.org/info/rfc9727\"";

async fn catalogue() -> (StandIn, TestApp) {
    let builds = StandIn::good("build-times").await;
    let list = format!("build-times={},gone=http://127.0.0.1:1", builds.url);
    let app = TestApp::listing(&list).await;
    app.service("build-times", |service| service["status"] == "pass")
        .await;
    (builds, app)
}

#[tokio::test]
async fn get_and_head_have_the_media_type_the_link_and_cors() {
    let (_builds, app) = catalogue().await;
    for method in [Method::GET, Method::HEAD] {
        let answer = app.ask(method, PATH, "*/*").await;
        assert_eq!(answer.status(), 200);
        let header = |name: &str| answer.headers()[name].to_str().unwrap();
        assert_eq!(header("content-type"), MEDIA_TYPE);
        assert_eq!(header("access-control-allow-origin"), "*");
        let itself = format!("<http://{}{PATH}>; rel=\"api-catalog\"", app.address());
        assert!(header("link").starts_with(&itself), "{}", header("link"));
    }
}

/// RFC 9264, 4.2: one member `linkset`, an array of contexts, each with one `anchor` at most, and arrays of targets with
/// an `href` each. Relations here are all registered ones.
#[tokio::test]
async fn it_is_a_linkset_with_absolute_links_and_all_services_as_items() {
    let (_builds, app) = catalogue().await;
    let links = app.json(PATH).await;
    let host = format!("http://{}", app.address());
    assert_eq!(links.as_object().unwrap().len(), 1);
    let relations = [
        "item",
        "service-desc",
        "service-doc",
        "service-meta",
        "status",
    ];
    let mut anchors = BTreeSet::new();
    for context in links["linkset"].as_array().unwrap() {
        for (member, value) in context.as_object().unwrap() {
            if member == "anchor" {
                assert!(value.as_str().unwrap().parse::<Url>().is_ok());
                assert!(anchors.insert(value.as_str().unwrap()), "{value}");
                continue;
            }
            assert!(relations.contains(&member.as_str()), "{member}");
            for target in value.as_array().unwrap() {
                let url: Url = target["href"].as_str().unwrap().parse().unwrap();
                assert!(url.as_str().starts_with(&host), "{url}");
            }
        }
    }
    let item = |path: &str| json!({"href": format!("{host}{path}")});
    let expected = json!({
        "anchor": format!("{host}{PATH}"),
        "item": [item("/build-times"), item("/gone")],
    });
    assert_eq!(links["linkset"][0], expected);
    let of = |path: &str| {
        let contexts = links["linkset"].as_array().unwrap().iter();
        contexts
            .clone()
            .find(|context| context["anchor"] == format!("{host}{path}"))
            .unwrap()
    };
    let target = |path: &str, media_type: &str| json!([{"href": format!("{host}{path}"), "type": media_type}]);
    let expected: Value = json!({
        "anchor": format!("{host}/build-times"),
        "service-desc": target("/build-times/openapi.json", "application/json"),
        "service-doc": target("/catalogue/apis?service=build-times", "text/html"),
        "service-meta": target("/build-times/metadata", "application/json"),
        "status": target("/catalogue/services/build-times", "application/json"),
    });
    assert_eq!(of("/build-times"), &expected);
    assert_eq!(of("/gone").get("service-desc"), None);
}

#[tokio::test]
async fn links_begin_with_the_public_url_where_there_is_one() {
    let flags = [
        "--catalogue-public-url=https://api.example.org",
        "--catalogue-services=a=http://127.0.0.1:1",
    ];
    let app = TestApp::with(&flags).await.unwrap();
    let links = app.json(PATH).await;
    assert_eq!(
        links["linkset"][0]["item"][0]["href"],
        "https://api.example.org/a"
    );
    for refused in [
        "api.example.org",
        "https://api.example.org/a",
        "ftp://api.example.org",
    ] {
        let flag = format!("--catalogue-public-url={refused}");
        assert!(TestApp::with(&[&flag]).await.is_err(), "{refused}");
    }
}
