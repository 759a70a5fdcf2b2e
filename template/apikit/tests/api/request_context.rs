//! A request's id and its place in a trace go with it wherever it goes.

use axum::http::HeaderMap;
use reqwest::Method;
use wiremock::ResponseTemplate;

use crate::test_app::{Answer, TestApp};

/// A place in a trace, as the standard's own example has it.
pub const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// What the back-end was sent when `/probe` was asked with these headers, and the answer.
async fn passed_on(sent: &[(&'static str, &str)]) -> (HeaderMap, Answer) {
    let app = TestApp::start().await;
    app.backend_answers("GET", "/api", ResponseTemplate::new(200))
        .await;
    let request = sent.iter().fold(
        app.request(Method::GET, "/probe"),
        |request, (name, value)| request.header(*name, *value),
    );
    let answer = Answer::of(request).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let mut asked = app.backend.received_requests().await.unwrap();
    (asked.pop().unwrap().headers, answer)
}

#[tokio::test]
async fn the_back_end_gets_the_request_id() {
    let (asked, answer) = passed_on(&[]).await;
    assert_eq!(
        asked["x-request-id"],
        answer.header("x-request-id").unwrap()
    );
    let (asked, _) = passed_on(&[("x-request-id", "mine-1")]).await;
    assert_eq!(asked["x-request-id"], "mine-1");
}

#[tokio::test]
async fn a_place_in_a_trace_goes_on_to_the_back_end_as_it_came() {
    let state = "vendor=value,other=thing";
    let (asked, _) = passed_on(&[("traceparent", PARENT), ("tracestate", state)]).await;
    assert_eq!(asked["traceparent"], PARENT);
    assert_eq!(asked["tracestate"], state);

    let lists = [
        ("traceparent", PARENT),
        ("tracestate", "a=1"),
        ("tracestate", "b=2"),
    ];
    let (asked, _) = passed_on(&lists).await;
    assert_eq!(asked["tracestate"], "a=1,b=2");

    let later = format!("01{}-and-more", &PARENT[2..]);
    let (asked, _) = passed_on(&[("traceparent", &later)]).await;
    assert_eq!(asked["traceparent"], later);
}

#[tokio::test]
async fn what_is_no_place_in_a_trace_stops_here() {
    for nonsense in [
        "",
        "00-x",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00F067AA0BA902B7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    ] {
        let (asked, _) = passed_on(&[("traceparent", nonsense), ("tracestate", "a=1")]).await;
        assert!(!asked.contains_key("traceparent"), "{nonsense}");
        assert!(!asked.contains_key("tracestate"), "{nonsense}");
    }
}
