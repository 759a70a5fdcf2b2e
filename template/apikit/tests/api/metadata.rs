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
async fn links_lead_to_what_describes_the_service() {
    let app = TestApp::start().await;
    let links = [
        ("openapi.json", "service-desc", "application/json"),
        ("docs", "service-doc", "text/html"),
        ("metadata", "service-meta", "application/json"),
    ];
    let mut expected = links.map(|(path, relation, kind)| {
        format!("<{ROUTE}/{path}>; rel=\"{relation}\"; type=\"{kind}\"")
    });
    for path in ["/metadata", "/v1.0/metadata.json", "/docs", "/openapi.json"] {
        for path in [path.to_owned(), format!("{ROUTE}{path}")] {
            let answer = app.get_anonymously(&path).await;
            assert_eq!(answer.header("link"), Some(&*expected.join(", ")), "{path}");
        }
    }
    for path in [ROUTE.to_owned(), format!("{ROUTE}/")] {
        let answer = app.get_anonymously(&path).await;
        assert_eq!(answer.header("link"), Some(&*expected.join(", ")), "{path}");
    }
    for path in ["/", "/healthz", "/nowhere"] {
        assert_eq!(app.get_anonymously(path).await.header("link"), None);
    }
    for ((path, _, kind), link) in links.iter().zip(&mut expected) {
        let answer = app.get_anonymously(&format!("{ROUTE}/{path}")).await;
        let found = answer.header("content-type").unwrap();
        assert!(found.starts_with(kind), "{link}: {found}");
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
