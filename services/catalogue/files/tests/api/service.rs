//! Which services there are, and how they stand.

use reqwest::Method;
use serde_json::json;

use crate::{
    stand_in::{StandIn, answering, document, metadata},
    test_app::TestApp,
};

#[tokio::test]
async fn a_service_is_told_with_what_it_says_of_itself() {
    let builds = StandIn::good("build-times").await;
    let app = TestApp::of(&[("build-times", &builds)]).await;
    let mut told = app
        .service("build-times", |service| !service["departures"].is_null())
        .await;
    for member in ["since", "checked_at"] {
        let time = told.as_object_mut().unwrap().remove(member).unwrap();
        assert!(
            humantime::parse_rfc3339(time.as_str().unwrap()).is_ok(),
            "{time}"
        );
    }
    for answer in ["metadata", "openapi"] {
        let answer = told[answer].as_object_mut().unwrap();
        answer.remove("seen_at").unwrap();
        assert!(answer.remove("age_seconds").unwrap().as_u64().unwrap() < 5);
    }
    let expected = json!({
        "name": "build-times",
        "route": "/build-times",
        "status": "pass",
        "problems": [],
        "departures": [],
        "metadata": {
            "name": "build-times",
            "description": "What build-times is for.",
            "version": "1.2.3",
            "api_version": "1.0",
            "auth": "basic",
            "repository": "https://example.org/build-times",
            "documentation": null,
        },
        "openapi": {"href": "/catalogue/services/build-times/openapi.json"},
    });
    assert_eq!(told, expected);
    let served = app
        .json("/catalogue/services/build-times/openapi.json")
        .await;
    assert_eq!(served, document("build-times"));
    let all = app.json("/catalogue/services").await;
    assert_eq!(all["services"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_service_that_goes_is_down_with_its_last_answers() {
    let builds = StandIn::good("build-times").await;
    let app = TestApp::of(&[("build-times", &builds)]).await;
    app.service("build-times", |service| service["status"] == "pass")
        .await;
    drop(builds);
    let down = app
        .service("build-times", |service| service["status"] == "fail")
        .await;
    assert_eq!(down["metadata"]["version"], "1.2.3");
    assert_eq!(down["problems"][0], "The health check cannot be reached.");
    let served = app
        .json("/catalogue/services/build-times/openapi.json")
        .await;
    assert_eq!(served, document("build-times"));
}

#[tokio::test]
async fn a_service_of_safir_is_understood() {
    let safir = json!({
        "name": "runs", "version": "2.0.0", "description": "Runs.",
        "repository_url": "https://example.org/runs", "documentation_url": "https://runs.example.org/",
    });
    let index = axum::Router::new().route(
        "/",
        axum::routing::get(async move || json!({"metadata": safir}).to_string()),
    );
    let document = document("runs");
    let paths = axum::Router::new().route(
        "/openapi.json",
        axum::routing::get(async move || document.to_string()),
    );
    let runs = StandIn::start(index.merge(paths)).await;
    let app = TestApp::of(&[("runs", &runs)]).await;
    let told = app
        .service("runs", |service| service["status"] == "pass")
        .await;
    let said = &told["metadata"];
    assert_eq!(said["repository"], "https://example.org/runs");
    assert_eq!(said["documentation"], "https://runs.example.org/");
}

#[tokio::test]
async fn prometheus_is_told_how_services_stand() {
    let builds = StandIn::good("build-times").await;
    let broken = StandIn::start(answering(metadata("broken"), json!("none"))).await;
    let list = format!(
        "build-times={},broken={},gone=http://127.0.0.1:1",
        builds.url, broken.url
    );
    let app = TestApp::listing(&list).await;
    app.service("build-times", |service| service["status"] == "pass")
        .await;
    for name in ["broken", "gone"] {
        app.looked_at(name).await;
    }
    let metrics = app
        .ask(Method::GET, "/metrics", "*/*")
        .await
        .text()
        .await
        .unwrap();
    for line in [
        "catalogue_services{status=\"pass\"} 1",
        "catalogue_services{status=\"warn\"} 1",
        "catalogue_services{status=\"fail\"} 1",
        "catalogue_service_up{service=\"build-times\"} 1",
        "catalogue_service_up{service=\"broken\"} 1",
        "catalogue_service_up{service=\"gone\"} 0",
        &format!(
            "catalogue_document_bytes {}",
            document("build-times").to_string().len()
        ),
    ] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
}

#[tokio::test]
async fn a_list_in_a_file_is_read_as_toml_and_as_json() {
    let builds = StandIn::good("build-times").await;
    let url = &builds.url;
    let toml = format!(
        "services = [\"builds={url}\", {{name = \"times\", url = \"{url}\", route = \"/t\", health = \"{url}/metadata\"}}]"
    );
    let json = json!({"services": [format!("builds={url}"), {"name": "times", "url": url, "route": "/t"}]});
    let folder = std::env::temp_dir().join(format!("catalogue-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    for (file, text) in [("list.toml", toml), ("list.json", json.to_string())] {
        let path = folder.join(file);
        std::fs::write(&path, text).unwrap();
        let flag = format!("--catalogue-file={}", path.display());
        let app = TestApp::with(&[&flag]).await.unwrap();
        let told = app
            .service("times", |service| service["status"] == "pass")
            .await;
        assert_eq!(told["route"], "/t");
        assert_eq!(app.looked_at("builds").await["route"], "/build-times");
    }
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn a_list_that_is_none_keeps_the_catalogue_from_starting() {
    for (list, why) in [
        ("a=b", "CATALOGUE_SERVICES: \"b\" is no URL of a service"),
        (
            "A=http://localhost",
            "CATALOGUE_SERVICES: \"A\" is no name of a service",
        ),
        (
            "a=http://localhost,a=http://localhost",
            "Two services are named \"a\"",
        ),
    ] {
        let flag = format!("--catalogue-services={list}");
        let refused = TestApp::with(&[&flag]).await.err().unwrap();
        assert!(refused.contains(why), "{refused}");
    }
    let missing = TestApp::with(&["--catalogue-file=/nowhere.toml"]).await;
    assert!(missing.err().unwrap().starts_with("/nowhere.toml: "));
}
