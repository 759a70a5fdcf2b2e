//! The service says who it is.

use crate::probe::{AUTH, METADATA, ROUTE};
use serde_json::json;

use crate::test_app::{Answer, TestApp, client};

#[tokio::test]
async fn every_metadata_route_answers_the_same_six_strings() {
    let app = TestApp::start().await;
    let expected = json!({
        "name": METADATA.name,
        "description": METADATA.description,
        "repository": METADATA.repository,
        "version": METADATA.version,
        "api_version": METADATA.api_version,
        "auth": AUTH,
    });
    let version = METADATA.api_version;
    for prefix in ["", ROUTE] {
        for path in [
            "/metadata".to_owned(),
            format!("/v{version}/metadata"),
            format!("/{version}/metadata"),
        ] {
            for suffix in ["", ".json"] {
                let answer = app
                    .get_anonymously(&format!("{prefix}{path}{suffix}"))
                    .await;
                assert_eq!(answer.status, 200, "{prefix}{path}{suffix}");
                assert_eq!(answer.json(), expected, "{prefix}{path}{suffix}");
            }
        }
    }
}

#[tokio::test]
async fn head_answers_like_get_without_a_body() {
    let app = TestApp::start().await;
    let get = app.get_anonymously("/metadata").await;
    let head = Answer::of(client().head(app.url("/metadata"))).await;
    assert_eq!(head.status, 200);
    assert_eq!(head.header("content-type"), Some("application/json"));
    assert_eq!(head.header("content-length"), get.header("content-length"));
    assert_eq!(head.body, "");
}
