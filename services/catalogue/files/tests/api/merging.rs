//! The OpenAPI document of all services.

use serde_json::{Value, json};

use crate::{
    stand_in::{StandIn, answering, document, metadata},
    test_app::TestApp,
};

async fn merged(services: &[(&str, Value)]) -> Value {
    let mut running = Vec::new();
    for (name, document) in services {
        let service = StandIn::start(answering(metadata(name), document.clone())).await;
        running.push((*name, service));
    }
    let services = Vec::from_iter(running.iter().map(|(name, service)| (*name, service)));
    let app = TestApp::of(&services).await;
    for (name, _) in &services {
        app.looked_at(name).await;
    }
    app.json("/catalogue/merged/openapi.json").await
}

#[tokio::test]
async fn services_with_the_same_names_do_not_meet_and_a_broken_one_is_left_out() {
    let mut broken = document("broken");
    broken["components"]["schemas"] = json!({});
    let merged = merged(&[
        ("builds", document("builds")),
        ("runs", document("runs")),
        ("broken", broken),
    ])
    .await;
    let paths: Vec<_> = merged["paths"].as_object().unwrap().keys().collect();
    assert_eq!(paths, ["/builds/jobs/{job}", "/runs/jobs/{job}"]);
    for name in ["builds", "runs"] {
        let operation = &merged["paths"][format!("/{name}/jobs/{{job}}")]["get"];
        assert_eq!(operation["operationId"], format!("{name}_job"));
        assert_eq!(operation["tags"], json!([name]));
        assert_eq!(
            operation["security"],
            json!([{format!("{name}_basic"): []}])
        );
        let job = format!("#/components/schemas/{name}_Job");
        let answer = &operation["responses"]["200"]["content"]["application/json"];
        assert_eq!(answer["schema"]["$ref"], job);
        let error = format!("#/components/responses/{name}_Error");
        assert_eq!(operation["responses"]["default"]["$ref"], error);
        let next = &merged["components"]["schemas"][format!("{name}_Job")]["properties"]["next"];
        assert_eq!(next["$ref"], job);
    }
    let schemes = merged["components"]["securitySchemes"].as_object().unwrap();
    assert_eq!(
        schemes.keys().collect::<Vec<_>>(),
        ["builds_basic", "runs_basic"]
    );
    assert_eq!(
        merged["tags"],
        json!([{"name": "builds"}, {"name": "runs"}])
    );
    assert_eq!(merged["openapi"], "3.1.0");
    assert_eq!(merged["servers"], json!([{"url": "/"}]));
    let left_out = json!([{
        "name": "broken",
        "why": "It refers to \"#/components/schemas/Job\", which is not in its document.",
    }]);
    assert_eq!(merged["x-left-out"], left_out);
}

#[tokio::test]
async fn only_what_is_below_a_services_own_path_is_merged() {
    let mut greedy = document("greedy");
    let item = greedy["paths"]["/jobs/{job}"].clone();
    for (path, server) in [
        ("/taken", "/runs"),
        ("/root", "/"),
        ("/greedy", "/"),
        ("/greedy-too", "/"),
    ] {
        let mut item = item.clone();
        item["get"]["operationId"] = json!(path);
        item["servers"] = json!([{"url": server}]);
        greedy["paths"][path] = item;
    }
    let merged = merged(&[("greedy", greedy)]).await;
    let paths: Vec<_> = merged["paths"].as_object().unwrap().keys().collect();
    assert_eq!(paths, ["/greedy", "/greedy/jobs/{job}"]);
}

/// Each document that cannot be merged, and why.
#[tokio::test]
async fn a_document_that_cannot_be_merged_is_named_with_the_reason() {
    let with = |pointer: &str, value: Value| {
        let mut document = document("odd");
        *document.pointer_mut(pointer).unwrap() = value;
        document
    };
    let operation = "/paths/~1jobs~1{job}/get";
    let twice = with("/paths/~1healthz/servers", json!([{"url": "/odd"}]));
    let mut twice = twice;
    twice["paths"]["/healthz"]["get"]["operationId"] = json!("job");
    for (odd, why) in [
        (with("/openapi", json!("3.0.3")), "of version \"3.0.3\""),
        (
            with("/paths", json!({"jobs": {}})),
            "Its path \"jobs\" is none.",
        ),
        (
            with("/paths/~1jobs~1{job}", json!(7)),
            "Its path \"/jobs/{job}\" is none.",
        ),
        (
            with(operation, json!("none")),
            "An operation of \"/jobs/{job}\" is none.",
        ),
        (
            with(&format!("{operation}/responses"), json!([])),
            "has responses that are none",
        ),
        (
            with(&format!("{operation}/parameters"), json!({})),
            "has parameters that are none",
        ),
        (
            with(
                &format!("{operation}/parameters/0"),
                json!({"$ref": "https://example.org/x.json#/a"}),
            ),
            "It refers to \"https://example.org/x.json#/a\"",
        ),
        (
            with("/components/schemas", json!([])),
            "Its schemas are none.",
        ),
        (
            with("/components/schemas", json!({"a b": {}})),
            "\"a b\" of its schemas is none.",
        ),
        (
            with("/components/securitySchemes", json!({})),
            "It refers to \"basic\"",
        ),
        (twice, "Two of its operations have the id \"job\"."),
    ] {
        let merged = merged(&[("odd", odd), ("runs", document("runs"))]).await;
        let left_out = merged["x-left-out"].to_string();
        assert!(
            left_out.contains(&why.replace('"', "\\\"")),
            "{why}\n{left_out}"
        );
        assert_eq!(merged["paths"].as_object().unwrap().len(), 1, "{why}");
    }
}

/// References where they are words of the format; texts that look like one stay as they are.
#[tokio::test]
async fn references_are_renamed_wherever_they_are_and_data_is_left_alone() {
    let mut document = document("odd");
    let own = "#/components/schemas/Job";
    document["components"]["schemas"]["Any"] = json!({
        "properties": {"default": {"$ref": own}, "$ref": {"type": "string"}, "tags": {"type": "array", "items": {"$ref": own}}},
        "example": {"$ref": "anything"},
        "default": {"$ref": "anything"},
        "examples": [{"$ref": "anything"}],
        "x-note": {"$ref": "anything"},
        "discriminator": {"propertyName": "kind", "mapping": {"job": "Job", "other": own}},
        "oneOf": [{"$ref": own}],
    });
    document["components"]["links"] = json!({
        "Next": {"operationRef": "#/paths/~1jobs~1{job}/get", "parameters": {"job": "$response.body#/next"}},
        "Other": {"operationId": "job"},
    });
    let merged = merged(&[("odd", document)]).await;
    let renamed = "#/components/schemas/odd_Job";
    let expected = json!({
        "properties": {"default": {"$ref": renamed}, "$ref": {"type": "string"}, "tags": {"type": "array", "items": {"$ref": renamed}}},
        "example": {"$ref": "anything"},
        "default": {"$ref": "anything"},
        "examples": [{"$ref": "anything"}],
        "x-note": {"$ref": "anything"},
        "discriminator": {"propertyName": "kind", "mapping": {"job": renamed, "other": renamed}},
        "oneOf": [{"$ref": renamed}],
    });
    assert_eq!(
        merged["components"]["schemas"]["odd_Any"], expected,
        "{}",
        merged["x-left-out"]
    );
    let links = &merged["components"]["links"];
    assert_eq!(
        links["odd_Next"]["operationRef"],
        "#/paths/~1odd~1jobs~1{job}/get"
    );
    assert_eq!(links["odd_Other"]["operationId"], "odd_job");
}

#[tokio::test]
async fn a_catalogue_of_no_services_has_a_document_of_no_paths() {
    let app = TestApp::listing("").await;
    let empty = app.json("/catalogue/merged/openapi.json").await;
    assert_eq!(
        (&empty["paths"], &empty["x-left-out"]),
        (&json!({}), &json!([]))
    );
}
