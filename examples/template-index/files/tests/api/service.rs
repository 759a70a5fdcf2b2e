//! The routes of `src/service.rs`: anonymous reading at the route itself, writing as the caller.

use reqwest::Method;
use serde_json::json;
use uservice::identity::ROUTE;
use wiremock::{MockServer, ResponseTemplate};

use crate::test_app::{TestApp, answer, answers, started};

#[tokio::test]
async fn the_route_itself_lists_all_templates_to_anybody() {
    let app = TestApp::start().await;
    for path in [ROUTE.to_owned(), format!("{ROUTE}/")] {
        let listed = answer(app.request(Method::GET, &path)).await;
        assert_eq!(listed, (200, json!(["service", "technote"])), "{path}");
    }
}

#[tokio::test]
async fn a_template_says_what_it_asks_for() {
    let app = TestApp::start().await;
    for prefix in ["", ROUTE] {
        let told = answer(app.request(Method::GET, &format!("{prefix}/service"))).await;
        assert_eq!(told, (200, json!({"name": "string"})));
        let (status, error) = answer(app.request(Method::GET, &format!("{prefix}/none"))).await;
        assert_eq!(
            (status, &error["error_content"]),
            (404, &json!("There is no template none."))
        );
    }
}

#[tokio::test]
async fn a_project_is_begun_as_the_caller() {
    let app = TestApp::start().await;
    let begun = ResponseTemplate::new(200).set_body_json(json!({"url": "x"}));
    answers(&app.github, "POST", "/projects/service", begun).await;
    let request = || {
        app.request(Method::POST, "/service")
            .json(&json!({"name": "a"}))
    };
    let sent = answer(request().basic_auth("ada", Some("a token for tests"))).await;
    assert_eq!(sent, (201, json!({"url": "x"})));
    let asked = app.github.received_requests().await.unwrap();
    let [list, project] = &asked[..] else {
        panic!("GitHub is asked for the list and for a project");
    };
    assert!(list.headers["authorization"] != project.headers["authorization"]);
    assert_eq!(project.body, br#"{"name":"a"}"#);
}

#[tokio::test]
async fn a_service_that_has_no_list_does_not_start() {
    let github = MockServer::start().await;
    answers(&github, "GET", "/templates", ResponseTemplate::new(404)).await;
    let refused = started(&github).await.unwrap_err();
    assert_eq!(refused, "the first list: 404 Not Found.");
}
