//! The routes of `src/service.rs`: lists in pages, uploads that stream, reports that are made after the answer.

use reqwest::Method;
use serde_json::{Value, json};
use wiremock::{Mock, MockServer, ResponseTemplate, matchers};

use crate::test_app::{Answer, TestApp, answers};

/// Lets the keeper give out a token, and take nothing without it.
async fn with_token(keeper: &MockServer) {
    let token = ResponseTemplate::new(200).set_body_string("fresh");
    Mock::given(matchers::path("/tokens"))
        .and(matchers::basic_auth("robot", "for-tests"))
        .respond_with(token)
        .mount(keeper)
        .await;
    Mock::given(matchers::header("authorization", "Bearer fresh"))
        .and(matchers::path("/reports"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({"key": "r-7"})))
        .mount(keeper)
        .await;
    Mock::given(matchers::header("authorization", "Bearer fresh"))
        .and(matchers::method("PUT"))
        .respond_with(ResponseTemplate::new(201))
        .mount(keeper)
        .await;
}

/// Orders a report, and returns where it will be.
async fn ordered(app: &TestApp) -> String {
    let order = app.request(Method::POST, "/reports");
    let answer = Answer::of(order.json(&json!({"notebook": "lsst/moon.ipynb"}))).await;
    assert_eq!(answer.status, 202, "{}", answer.body);
    answer.headers["location"].to_str().unwrap().to_owned()
}

/// What a report has come to, once it is not under way any more.
async fn ended(app: &TestApp, place: &str) -> Value {
    loop {
        let answer = app.get(&format!("/{place}")).await;
        if answer.json()["state"] != "under-way" {
            return answer.json();
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_notebooks_of_all_pages_are_listed_as_the_caller() {
    let app = TestApp::start().await;
    let first = ResponseTemplate::new(200)
        .insert_header("link", "</groups/lsst/notebooks?page=2>; rel=\"next\"")
        .set_body_json(json!([{"name": "moon.ipynb", "size": 7}]));
    let last = ResponseTemplate::new(200).set_body_json(json!([{"name": "stars.ipynb"}]));
    Mock::given(matchers::query_param("page", "2"))
        .respond_with(last)
        .with_priority(1)
        .mount(&app.github)
        .await;
    answers(&app.github, "GET", "/groups/lsst/notebooks", first).await;
    let answer = app.get("/notebooks/lsst").await;
    assert_eq!(answer.json(), json!(["moon.ipynb", "stars.ipynb"]));
    for asked in app.github.received_requests().await.unwrap() {
        let sent = asked.headers["authorization"].to_str().unwrap();
        assert!(sent.starts_with("Basic "), "{sent}");
    }
}

#[tokio::test]
async fn a_report_is_accepted_at_once_and_kept_later() {
    let app = TestApp::start().await;
    with_token(&app.keeper).await;
    let place = ordered(&app).await;
    assert_eq!(place, "reports/1");
    assert_eq!(
        ended(&app, &place).await,
        json!({"state": "kept", "key": "r-7"})
    );
    assert_eq!(ordered(&app).await, "reports/2");
    assert_eq!(app.get("/reports/9").await.status, 404);
}

#[tokio::test]
async fn a_report_that_is_under_way_is_made_before_the_service_ends() {
    let app = TestApp::start().await;
    with_token(&app.keeper).await;
    ordered(&app).await;
    let keeper = app.stopped().await.unwrap();
    let asked = keeper.received_requests().await.unwrap();
    assert!(asked.iter().any(|asked| asked.url.path() == "/reports"));
}

#[tokio::test]
async fn a_report_that_the_keeper_refuses_says_why() {
    let app = TestApp::start().await;
    let away = ResponseTemplate::new(418).set_body_string("no room");
    answers(&app.keeper, "POST", "/tokens", away).await;
    let place = ordered(&app).await;
    let failed = json!({"state": "failed", "why": "502 Bad Gateway: No token for the back-end keeper was to be had."});
    assert_eq!(ended(&app, &place).await, failed);
}

#[tokio::test]
async fn an_order_without_a_notebook_is_refused() {
    let app = TestApp::start().await;
    for (order, status) in [(json!({"notebook": ""}), 400), (json!({}), 422)] {
        let answer = Answer::of(app.request(Method::POST, "/reports").json(&order)).await;
        assert_eq!(answer.status, status, "{order}");
    }
}

#[tokio::test]
async fn a_notebook_is_passed_on_up_to_its_limit() {
    let app = TestApp::with(&["--max-notebook=3000000"]).await;
    with_token(&app.keeper).await;
    for (length, status) in [(3_000_000, 201), (3_000_001, 413)] {
        let upload = app.request(Method::PUT, "/notebooks/lsst/moon.ipynb");
        let answer = Answer::of(upload.body(vec![b' '; length])).await;
        assert_eq!(answer.status, status, "{}", answer.body);
    }
    let kept = app.keeper.received_requests().await.unwrap();
    let kept = kept.iter().find(|asked| asked.method == "PUT").unwrap();
    assert_eq!(kept.url.path(), "/notebooks/lsst/moon.ipynb");
    assert_eq!(kept.body.len(), 3_000_000);
}
