//! The routes of `src/service.rs`. These tests are the sample's; replace them with it.

use serde_json::json;
use uservice::identity::ROUTE;
use wiremock::ResponseTemplate;

use crate::test_app::TestApp;

fn text(body: impl Into<Vec<u8>>) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_raw(body, "text/plain")
}

#[tokio::test]
async fn a_metric_of_a_job_answers_json_below_root_and_route() {
    let app = TestApp::start().await;
    app.backend_answers("GET", "/api", text("2m 41s")).await;
    for prefix in ["", ROUTE] {
        let answer = app.get(&format!("{prefix}/build/time")).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(
            answer.json(),
            json!({"jobname": "build", "metric": "time", "value": "2m 41s"})
        );
    }
}

#[tokio::test]
async fn the_back_end_is_asked_in_its_own_way_whatever_the_names_hold() {
    let app = TestApp::start().await;
    app.backend_answers("GET", "/api", text("1")).await;
    app.get("/a%2F..%2Fb%20c&d=e/m%C3%A9tric%3F").await;

    let asked = app.backend.received_requests().await.unwrap();
    let query: Vec<_> = asked[0].url.query_pairs().into_owned().collect();
    assert_eq!(asked[0].url.path(), "/api");
    assert_eq!(
        query,
        [
            ("metric".to_owned(), "métric?".to_owned()),
            ("job".to_owned(), "a/../b c&d=e".to_owned()),
        ]
    );
}

#[tokio::test]
async fn an_incomplete_request_gets_400_that_says_what_is_missing() {
    let app = TestApp::start().await;
    for path in ["", "/", "/build"] {
        let answer = app.get_anonymously(&format!("{ROUTE}{path}")).await;
        assert_eq!(answer.status, 400, "{path}");
        assert_eq!(
            answer.json(),
            json!({
                "reason": "Bad Request",
                "status_code": 400,
                "error_content": "Must specify metric and jobname.",
            })
        );
    }
}

#[tokio::test]
async fn a_value_that_is_no_utf_8_still_answers() {
    let app = TestApp::start().await;
    app.backend_answers("GET", "/api", text(*b"Ren\xe9e")).await;
    assert_eq!(
        app.get("/build/author").await.json()["value"],
        "Ren\u{fffd}e"
    );
}

#[tokio::test]
async fn a_value_in_a_declared_encoding_is_read_in_it() {
    let app = TestApp::start().await;
    let latin1 = ResponseTemplate::new(200);
    app.backend_answers(
        "GET",
        "/api",
        latin1.set_body_raw(*b"Ren\xe9e", "text/plain; charset=ISO-8859-1"),
    )
    .await;
    assert_eq!(app.get("/build/author").await.json()["value"], "Renée");
}

#[tokio::test]
async fn what_the_back_end_refuses_is_passed_on() {
    let app = TestApp::start().await;
    app.backend_answers(
        "GET",
        "/api",
        ResponseTemplate::new(404).set_body_string("no such job"),
    )
    .await;
    let answer = app.get("/build/time").await;
    assert_eq!(answer.status, 404);
    assert_eq!(
        answer.json(),
        json!({"reason": "Not Found", "status_code": 404, "error_content": "no such job"})
    );
}
