//! What may be answered, for programs and at a terminal.

use axum::http::header;
use bootstrap::new::PLACEHOLDERS;
use serde_json::{Value, json};

use crate::{app::Served, support::house};

#[tokio::test]
async fn the_questions_are_a_schema_with_the_defaults_of_the_house() {
    let served = Served::start().await;
    let (headers, text) = served.body("/bootstrap/questions").await;
    assert_eq!(headers[header::CONTENT_TYPE], "application/schema+json");
    let schema: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        schema["$schema"],
        "https://json-schema.org/draft/2020-12/schema"
    );
    assert_eq!(schema["required"], json!(["name"]));
    assert_eq!(schema["additionalProperties"], json!(false));
    let properties = schema["properties"].as_object().unwrap();
    let mut expected = Vec::from_iter(["name"].into_iter().chain(PLACEHOLDERS));
    expected.sort_unstable();
    assert!(properties.keys().eq(&expected), "{properties:?}");
    for (name, property) in properties {
        assert_eq!(property["type"], "string", "{name}");
        let default = match name.as_str() {
            "name" | "repository" | "route" | "copyright" | "registry" | "backend_url" | "year" => {
                Value::Null
            }
            name => house(name).into(),
        };
        assert_eq!(property["default"], default, "{name}");
    }
    assert_eq!(properties["route"]["examples"], json!(["/build-times"]));
    assert_eq!(
        properties["auth_type"]["enum"],
        json!(["none", "basic", "bitly-proxy"])
    );
}

#[tokio::test]
async fn who_has_the_questions_already_does_not_get_them_again() {
    let served = Served::start().await;
    let tag = served.get("/questions").await.headers()[header::ETAG].clone();
    let tag = tag.to_str().unwrap();
    for (known, status) in [(tag, 304), ("*", 304), ("\"x\"", 200)] {
        let answer = served
            .get_with("/questions", &[("if-none-match", known)])
            .await;
        assert_eq!(answer.status(), status, "{known}");
        assert_eq!(answer.headers()[header::ETAG], tag);
        assert_eq!(answer.text().await.unwrap().is_empty(), status == 304);
    }
}

/// Every command of the text is there, and its address answers.
#[tokio::test]
async fn a_person_with_curl_gets_a_text_whose_examples_work() {
    let served = Served::start().await;
    for path in ["/", "/bootstrap", "/bootstrap/"] {
        let curl = [("user-agent", "curl/8.5.0"), ("accept", "*/*")];
        let answer = served.get_with(path, &curl).await;
        let vary: Vec<_> = answer.headers().get_all("vary").iter().cloned().collect();
        assert!(
            vary.contains(&"accept".parse().unwrap()),
            "{path}: {vary:?}"
        );
        assert_eq!(
            vary.contains(&"user-agent".parse().unwrap()),
            path == "/",
            "{vary:?}"
        );
        let media_type = &answer.headers()[header::CONTENT_TYPE];
        assert_eq!(media_type, "text/plain; charset=utf-8");
        let text = answer.text().await.unwrap();
        let addresses: Vec<_> = text.split('\'').skip(1).step_by(2).collect();
        assert_eq!(addresses.len(), 5, "{text}");
        for address in addresses {
            let path = address.strip_prefix(&served.url("")).unwrap();
            assert_eq!(served.get(path).await.status(), 200, "{path}");
        }
    }
    let anyone = served.get("/").await.text().await.unwrap();
    assert_eq!(anyone, "OK");
}
