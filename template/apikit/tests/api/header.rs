//! Every answer has the header of the identity, if there is one.

use apikit::app;
use axum::{Router, body::Body, extract::Request, routing::get};
use tower::ServiceExt;

use crate::probe::HEADER;

use crate::test_app::TestApp;

#[tokio::test]
async fn every_answer_has_the_header_of_the_identity_if_there_is_one() {
    let app = TestApp::start().await;
    let (name, value) = HEADER;
    for path in ["/", "/metadata", "/docs", "/metrics", "/nowhere", "/panic"] {
        let answer = app.get(path).await;
        if !name.is_empty() {
            assert_eq!(answer.header(name), Some(value), "{path}");
        }
    }
}

#[tokio::test]
async fn a_router_carries_the_header_that_it_is_given_and_none_without_a_name() {
    for (header, carried) in [(("x-house", "a, b"), Some("a, b")), (("", ""), None)] {
        let routes = Router::new().route("/", get(async || "answer"));
        let app = app::with_header(routes, header);
        for path in ["/", "/nowhere"] {
            let request = Request::get(path).body(Body::empty()).unwrap();
            let answer = app.clone().oneshot(request).await.unwrap();
            let found = answer.headers().get("x-house");
            assert_eq!(found.map(|value| value.to_str().unwrap()), carried);
        }
    }
}
