//! The routes of `src/service.rs`.

use serde_json::{Value, json};
use uservice::identity::ROUTE;
use wiremock::ResponseTemplate;

use crate::test_app::{Answer, TestApp};

const MEASUREMENTS: &str = "/dashboard/api/measurements/";

/// What the service answers to `path` where the dashboard has these measurements, the oldest first.
async fn answer_to(path: &str, results: Value) -> Answer {
    let app = TestApp::start().await;
    let page = ResponseTemplate::new(200).set_body_json(json!({ "results": results }));
    app.backend_answers("GET", MEASUREMENTS, page).await;
    app.get(path).await
}

#[tokio::test]
async fn a_change_above_the_threshold_is_told_below_root_and_route() {
    let results = json!([
        {"value": 99, "units": "mmag", "changed_packages": []},
        {"value": 5.0, "units": "mmag", "changed_packages": []},
        {"value": 4.9, "units": "mmag", "changed_packages": ["afw", ["meas_base", "1b2c"]], "id": 7},
    ]);
    for prefix in ["", ROUTE] {
        let answer = answer_to(&format!("{prefix}/AM1/1.99"), results.clone()).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(
            answer.json(),
            json!({
                "changed": true,
                "current": 4.9,
                "previous": 5.0,
                "delta_pct": 2.0,
                "units": "mmag",
                "changecount": 2,
                "changed_packages": ["afw", ["meas_base", "1b2c"]],
            })
        );
    }
}

#[tokio::test]
async fn what_the_dashboard_leaves_out_is_empty() {
    for results in [
        json!([{"value": 1}, {"value": 2}]),
        json!([{"value": 1}, {"value": 2, "units": null, "changed_packages": null}]),
    ] {
        assert_eq!(
            answer_to("/AM1", results).await.json(),
            json!({
                "changed": true,
                "current": 2.0,
                "previous": 1.0,
                "delta_pct": 100.0,
                "units": "",
                "changecount": 0,
                "changed_packages": [],
            })
        );
    }
}

#[tokio::test]
async fn what_is_not_above_the_threshold_is_no_change() {
    for (path, previous, current, percent) in [
        ("/AM1", 5.0, 5.0, 0.0),
        ("/AM1", 5.0, 5.0004, 0.0), // the same, rounded
        ("/AM1", 0.0, -0.0004, 0.0),
        ("/AM1/2", 5.0, 5.1, 2.0),
        ("/AM1/2", 5.0, 4.9, 2.0),
        ("/AM1/2.00", -5.0, -5.1, 2.0),
        ("/AM1/1e9", 0.001, 1.0, 99900.0),
    ] {
        let results = json!([{"value": previous}, {"value": current}]);
        let answer = answer_to(path, results).await.json();
        assert_eq!(answer["changed"], false, "{path}: {answer}");
        assert_eq!(answer["delta_pct"], percent, "{path}: {answer}");
    }
}

#[tokio::test]
async fn values_are_rounded_to_three_digits_and_percentages_to_two() {
    for (previous, current, told) in [
        (3.0, 4.0, (3.0, 4.0, 33.33)),
        (1.0005, 1.0025, (1.0, 1.002, 0.2)), // both a hair below the half
        (1.0004, 1.0006, (1.0, 1.001, 0.1)),
        (-8.0, 1.0, (-8.0, 1.0, 112.5)),
        (0.3, 0.1, (0.3, 0.1, 66.67)),
    ] {
        let results = json!([{"value": previous}, {"value": current}]);
        let answer = answer_to("/AM1", results).await.json();
        let (previous, current, percent) = told;
        assert_eq!(answer["previous"], previous, "{answer}");
        assert_eq!(answer["current"], current, "{answer}");
        assert_eq!(answer["delta_pct"], percent, "{answer}");
    }
}

#[tokio::test]
async fn a_change_from_zero_has_no_percentage_and_is_above_every_threshold() {
    let results = json!([{"value": 0.0}, {"value": 0.25}]);
    let answer = answer_to("/AM1/1000", results).await.json();
    assert_eq!(answer["changed"], true);
    assert_eq!(answer["delta_pct"], Value::Null);
}

#[tokio::test]
async fn fewer_than_two_measurements_are_not_found() {
    for results in [json!([]), json!([{"value": 5.0}])] {
        let answer = answer_to("/AM1/1", results).await;
        assert_eq!(answer.status, 404);
        assert_eq!(
            answer.json()["error_content"],
            "The dashboard's last page has no two measurements of AM1 to compare."
        );
    }
}

#[tokio::test]
async fn a_threshold_that_is_no_percentage_is_refused() {
    for threshold in ["little", "-1", "NaN", "inf", "1,5", "5%25"] {
        let answer = answer_to(&format!("/AM1/{threshold}"), json!([])).await;
        assert_eq!(answer.status, 400, "{threshold}");
        let content = answer.json()["error_content"].as_str().unwrap().to_owned();
        let rule = "must be a percentage of at least 0, such as 0.5";
        assert!(content.ends_with(rule), "{content}");
    }
}

#[tokio::test]
async fn the_dashboard_is_asked_for_the_last_page_of_the_data_set() {
    let app = TestApp::with(&["--dataset", "hsc"]).await;
    app.backend_answers("GET", MEASUREMENTS, ResponseTemplate::new(200))
        .await;
    app.get("/A%2F1&page=1").await;
    let asked = app.backend.received_requests().await.unwrap();
    let query: Vec<_> = asked[0].url.query_pairs().into_owned().collect();
    let expected = [
        ("job__ci_dataset", "hsc"),
        ("metric", "A/1&page=1"),
        ("page", "last"),
    ];
    assert_eq!(
        query,
        expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
    );
}

#[tokio::test]
async fn an_answer_that_is_no_page_of_measurements_is_a_502() {
    for body in ["", "<html>", "{}", r#"{"results": [{"value": "5.0"}]}"#] {
        let app = TestApp::start().await;
        let answer = ResponseTemplate::new(200).set_body_raw(body, "application/json");
        app.backend_answers("GET", MEASUREMENTS, answer).await;
        assert_eq!(app.get("/AM1").await.status, 502, "{body}");
    }
}

#[tokio::test]
async fn what_the_dashboard_refuses_is_passed_on() {
    let app = TestApp::start().await;
    let answer = ResponseTemplate::new(418).set_body_string("no such data set");
    app.backend_answers("GET", MEASUREMENTS, answer).await;
    let answer = app.get("/AM1").await;
    assert_eq!(answer.status, 418);
    assert_eq!(answer.json()["error_content"], "no such data set");
}

#[tokio::test]
async fn a_request_without_a_metric_is_told_what_is_missing() {
    let app = TestApp::start().await;
    for path in ["", "/"] {
        let answer = app.get_anonymously(&format!("{ROUTE}{path}")).await;
        assert_eq!(answer.status, 400);
        assert_eq!(
            answer.json()["error_content"],
            "Must specify a metric, and perhaps a threshold in percent."
        );
    }
}
