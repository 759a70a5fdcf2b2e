//! Whether services keep the contract of all services.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use axum::{
    Json, Router,
    http::{HeaderMap, StatusCode},
    response::IntoResponse,
    routing::get,
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    stand_in::{StandIn, document, metadata, nothing},
    test_app::TestApp,
};

/// A service of another family: its metadata lacks members, and its errors are in another shape.
async fn foreign() -> StandIn {
    let said = json!({"name": "foreign", "version": "1.0.0"});
    let app = Router::new()
        .route("/metadata", get(async || Json(said)))
        .route("/openapi.json", get(async || Json(document("foreign"))));
    StandIn::start(app).await
}

fn rules(service: &Value) -> Vec<&str> {
    let departures = service["departures"].as_array().unwrap().iter();
    departures
        .map(|departure| departure["rule"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_service_that_departs_from_the_contract_is_up_and_says_where() {
    let (good, foreign) = (StandIn::good("good").await, foreign().await);
    let app = TestApp::of(&[("good", &good), ("foreign", &foreign)]).await;
    let asked = |service: &Value| !service["departures"].is_null();
    assert_eq!(rules(&app.service("good", asked).await), [""; 0]);
    let told = app.service("foreign", asked).await;
    assert_eq!(rules(&told), ["metadata", "unknown-path", "request-id"]);
    assert_eq!(told["departures"][0]["seen"], "`description` is missing.");
    assert_eq!(told["status"], "pass");

    let page = app.page("/catalogue/").await;
    assert_eq!(page.matches("Departs from the contract: 3").count(), 1);
    let metrics = app.ask(Method::GET, "/metrics", "*/*").await;
    let metrics = metrics.text().await.unwrap();
    for (service, count) in [("good", 0), ("foreign", 3)] {
        let line = format!("catalogue_service_departures{{service=\"{service}\"}} {count}\n");
        assert!(metrics.contains(&line), "{metrics}");
    }
}

/// A service that answers no path it has not with an error of the shape, until it is renewed.
fn renewable(renewed: Arc<AtomicBool>) -> Router {
    let is_new = move || renewed.load(Ordering::SeqCst);
    let version = {
        let is_new = is_new.clone();
        async move || {
            let mut said = metadata("builds");
            said["version"] = json!(if is_new() { "2.0.0" } else { "1.0.0" });
            Json(said)
        }
    };
    let fallback = async move |headers: HeaderMap| match is_new() {
        true => nothing(headers).await,
        false => StatusCode::NOT_FOUND.into_response(),
    };
    Router::new()
        .route("/metadata", get(version))
        .route("/openapi.json", get(async || Json(document("builds"))))
        .fallback(fallback)
}

#[tokio::test]
async fn a_new_version_is_asked_anew() {
    let renewed = Arc::new(AtomicBool::new(false));
    let builds = StandIn::start(renewable(Arc::clone(&renewed))).await;
    let app = TestApp::of(&[("builds", &builds)]).await;
    let departures = |count| {
        move |service: &Value| service["departures"].as_array().map(Vec::len) == Some(count)
    };
    app.service("builds", departures(2)).await;
    renewed.store(true, Ordering::SeqCst);
    app.service("builds", departures(0)).await;
}
