//! The service describes itself in OpenAPI 3.1, and authors write the least of it.

use std::collections::BTreeSet;

use crate::probe::{METADATA, ROUTE};
use apikit::{Auth, BackendError, Metadata, openapi};
use serde_json::{Map, Value, json};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    documented::document,
    test_app::{Answer, TestApp, client},
};

/// What an author has to write: a method and a path.
#[utoipa::path(get, path = "/files/{id}/{*rest}")]
async fn least() -> BackendError {
    BackendError::not_found("")
}

/// What an author may write.
#[utoipa::path(
    post,
    path = "/most/{id}",
    params(("id" = u64, Path)),
    responses((status = 201, body = String), (status = 409, description = "It is taken")),
    security(()),
    tag = "Files",
)]
async fn most() -> BackendError {
    BackendError::not_found("")
}

/// A path of which the author describes the end alone, beside a query.
#[utoipa::path(get, path = "/part/{a}/{b}", params(("q" = String, Query), ("b" = u64, Path)))]
async fn part() -> BackendError {
    BackendError::not_found("")
}

/// The description of a service with such routes and with another auth type.
fn described(auth: Auth) -> Value {
    let who = Metadata { auth, ..METADATA };
    let routes = OpenApiRouter::<()>::new()
        .routes(routes!(least))
        .routes(routes!(most))
        .routes(routes!(part));
    let index = OpenApiRouter::<()>::new();
    let document = openapi::document(&who, "/route", routes.into_openapi(), index.into_openapi());
    serde_json::from_str(&document).unwrap()
}

/// The operations of a document, each with its path.
fn operations(document: &Value) -> impl Iterator<Item = (&String, &Map<String, Value>)> {
    let paths = document["paths"].as_object().unwrap().iter();
    paths.flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().iter();
        let methods = methods.filter(|(name, _)| *name != "servers");
        methods.map(move |(_, operation)| (path, operation.as_object().unwrap()))
    })
}

#[tokio::test]
async fn the_document_is_served_at_both_places_and_is_that_of_the_service() {
    let app = TestApp::start().await;
    let document = document();
    for prefix in ["", ROUTE] {
        let answer = app.get_anonymously(&format!("{prefix}/openapi.json")).await;
        assert_eq!(answer.status, 200);
        assert!(answer.json() == document, "{}", answer.body);
    }
}

#[tokio::test]
async fn a_client_that_has_the_document_gets_304() {
    let app = TestApp::start().await;
    let url = app.url("/openapi.json");
    let first = Answer::of(client().get(&url)).await;
    let tag = first.header("etag").unwrap();
    let again = client()
        .get(&url)
        .header("if-none-match", format!("\"x\", {tag}"));
    let again = Answer::of(again).await;
    assert_eq!((again.status, again.body.as_str()), (304, ""));
    assert_eq!(again.header("etag"), Some(tag));
    let other = client().get(&url).header("if-none-match", "\"x\"");
    assert_eq!(Answer::of(other).await.status, 200);
}

#[test]
fn the_document_says_who_the_service_is_and_where() {
    let document = described(Auth::None);
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(
        document["info"],
        json!({
            "title": METADATA.name,
            "description": METADATA.description,
            "version": METADATA.version,
        })
    );
    assert_eq!(document["externalDocs"]["url"], METADATA.repository);
    assert_eq!(document["servers"], json!([{"url": "/route"}]));
    let headings = document["tags"].as_array().unwrap();
    assert_eq!(headings[0]["name"], METADATA.name);
}

#[test]
fn an_author_need_not_describe_parameters_errors_and_credentials() {
    let document = described(Auth::Basic);
    let operation = &document["paths"]["/files/{id}/{rest}"]["get"];
    let string = json!({"type": "string"});
    assert_eq!(
        *operation,
        json!({
            "operationId": "least",
            "summary": "What an author has to write: a method and a path.",
            "tags": [METADATA.name],
            "parameters": [
                {"name": "id", "in": "path", "required": true, "schema": string},
                {"name": "rest", "in": "path", "required": true, "schema": string},
            ],
            "responses": {
                "401": {"$ref": "#/components/responses/Unauthorized"},
                "default": {"$ref": "#/components/responses/Error"},
            },
            "security": [{"basic": []}],
        })
    );
}

#[test]
fn what_an_author_describes_stays() {
    let document = described(Auth::Basic);
    let operation = &document["paths"]["/most/{id}"]["post"];
    let parameters = operation["parameters"].as_array().unwrap();
    assert_eq!(parameters.len(), 1);
    assert_eq!(parameters[0]["schema"]["type"], "integer");
    assert_eq!(operation["tags"], json!(["Files"]));
    assert_eq!(operation["security"], json!([{}]));
    assert!(operation["responses"]["401"].is_null());
    assert_eq!(operation["responses"]["201"]["description"], "Created");
    assert_eq!(
        operation["responses"]["409"],
        json!({
            "description": "It is taken",
            "content": {
                "application/json": {"schema": {"$ref": "#/components/schemas/BackendError"}},
                "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}},
            },
        })
    );
}

#[test]
fn parameters_come_in_the_order_of_the_path_whoever_describes_them() {
    let document = described(Auth::None);
    let parameters = &document["paths"]["/part/{a}/{b}"]["get"]["parameters"];
    let parameters = parameters.as_array().unwrap().iter();
    let names: Vec<_> = parameters.map(|parameter| &parameter["name"]).collect();
    assert_eq!(names, ["a", "b", "q"]);
}

#[test]
fn each_auth_type_has_its_ways_to_authenticate() {
    let of = |auth| {
        let document = described(auth);
        let mut schemes = document["components"]["securitySchemes"].clone();
        for scheme in schemes
            .as_object_mut()
            .into_iter()
            .flat_map(Map::values_mut)
        {
            assert!(
                scheme
                    .as_object_mut()
                    .unwrap()
                    .remove("description")
                    .is_some()
            );
        }
        let operation = &document["paths"]["/files/{id}/{rest}"]["get"];
        (schemes, operation["security"].clone())
    };
    let basic = json!({"type": "http", "scheme": "basic"});
    assert_eq!(of(Auth::None), (Value::Null, Value::Null));
    assert_eq!(
        of(Auth::Basic),
        (json!({"basic": basic}), json!([{"basic": []}]))
    );
    #[cfg(feature = "bitly-proxy")]
    {
        let bearer = json!({"type": "http", "scheme": "bearer"});
        assert_eq!(
            of(Auth::BitlyProxy),
            (
                json!({"basic": basic, "bearer": bearer}),
                json!([{"basic": []}, {"bearer": []}])
            )
        );
    }
}

#[tokio::test]
async fn errors_are_described_as_they_are() {
    let app = TestApp::start().await;
    let error = app.get("/nowhere").await.json();
    let document = described(Auth::Basic);
    let shape = &document["components"]["schemas"]["BackendError"];
    let fields: BTreeSet<_> = error.as_object().unwrap().keys().collect();
    let described: BTreeSet<_> = shape["properties"].as_object().unwrap().keys().collect();
    assert_eq!(fields, described);
    assert_eq!(shape["required"].as_array().unwrap().len(), fields.len());
    assert_eq!(
        shape["properties"]["error_content"]["type"],
        json!(["string", "null"])
    );
}

#[test]
fn every_reference_leads_somewhere() {
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str));
                fields.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let document = document();
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(!found.is_empty());
    for reference in found {
        let target = document.pointer(reference.trim_start_matches('#'));
        assert!(target.is_some(), "{reference}");
    }
}

#[test]
fn every_operation_has_a_name_of_its_own_its_parameters_and_its_answers() {
    let document = document();
    let mut names = BTreeSet::new();
    for (path, operation) in operations(&document) {
        let name = operation["operationId"].as_str().unwrap();
        assert!(
            names.insert(name),
            "two operations are called {name}: write `operation_id = \"…\"` into the annotation of one"
        );
        let braced = path.split('{').skip(1);
        let braced: BTreeSet<_> = braced.filter_map(|rest| rest.split('}').next()).collect();
        let parameters = operation.get("parameters").and_then(Value::as_array);
        let parameters = parameters.into_iter().flatten();
        let in_path = parameters.filter(|parameter| parameter["in"] == "path");
        let in_path: BTreeSet<_> = in_path.filter_map(|known| known["name"].as_str()).collect();
        assert_eq!(in_path, braced, "{path}");
        for (status, response) in operation["responses"].as_object().unwrap() {
            let told = ["$ref", "description"]
                .iter()
                .any(|key| response[key].is_string());
            assert!(told, "{path}: {status}");
        }
    }
}
