//! Describes the routes that apikit serves for every service.

use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        ContentBuilder, HttpMethod, Object, OpenApi, PathItem, Ref, Response, ResponseBuilder,
        Server, Type,
        path::{OperationBuilder, PathItemBuilder},
        tag::TagBuilder,
    },
};

use super::ROOT;
use crate::metadata::{self, Metadata};

/// The headings, in their order.
const WHO: &str = "Who it is";
const API: &str = "What it answers";
const HEALTH: &str = "How it is";

const OPENMETRICS: &str = "application/openmetrics-text";
const HTML: &str = "text/html";
const JSON: &str = "application/json";
const TEXT: &str = "text/plain";

/// Adds apikit's routes to the document, each under a heading.
pub(super) fn add(document: &mut OpenApi, who: &Metadata) {
    let paths = &mut document.paths.paths;
    for path in metadata::paths(who.api_version) {
        paths.insert(path.clone(), metadata(&path, who));
    }
    paths.insert("/docs".to_owned(), page());
    paths.insert("/openapi.json".to_owned(), description());
    for (path, summary) in [
        ("/", "For load balancers: OK while the process lives"),
        ("/healthz", "OK while the process lives"),
        ("/readyz", "OK while the service wants requests"),
        ("/metrics", "Metrics for Prometheus"),
    ] {
        paths.insert(path.to_owned(), for_machines(path, summary));
    }

    let shape = (Metadata::name().into_owned(), Metadata::schema());
    let components = document.components.get_or_insert_default();
    components.schemas.extend([shape]);

    let machines = "For the machines that run the service. They ask it at its own address, as the \
                    front end passes on what is below the route and nothing else.";
    let tag = |name| TagBuilder::new().name(name);
    let for_machines = tag(HEALTH).description(Some(machines));
    let tags = [tag(WHO), tag(API), for_machines].map(TagBuilder::build);
    document.tags.get_or_insert_default().extend(tags);
}

fn metadata(path: &str, who: &Metadata) -> PathItem {
    let example = serde_json::to_value(who).ok();
    let shape = Ref::from_schema_name(Metadata::name());
    let answer = ContentBuilder::new().schema(Some(shape)).example(example);
    let operation = operation(path, WHO, "The same under each of these paths");
    get(operation.response("200", ok(JSON, answer)))
}

fn page() -> PathItem {
    let operation = operation("/docs", API, "The API, as a page for browsers");
    let operation = operation.response("200", ok(HTML, text()));
    get(operation.response("304", unchanged()))
}

fn description() -> PathItem {
    let answer = ContentBuilder::new().schema(Some(Object::with_type(Type::Object)));
    let operation = operation("/openapi.json", API, "The API, as this document");
    let operation = operation.response("200", ok(JSON, answer));
    get(operation.response("304", unchanged()))
}

fn for_machines(path: &str, summary: &str) -> PathItem {
    let form = if path == "/metrics" {
        OPENMETRICS
    } else {
        TEXT
    };
    let mut operation = operation(path, HEALTH, summary).response("200", ok(form, text()));
    if path == "/readyz" {
        let stopping = ResponseBuilder::new().description("The service wants no requests");
        operation = operation.response("503", stopping);
    }
    let mut item = get(operation);
    item.servers = Some(vec![Server::new(ROOT)]);
    item
}

fn get(operation: OperationBuilder) -> PathItem {
    let item = PathItemBuilder::new();
    item.operation(HttpMethod::Get, operation).build()
}

/// An operation whose id is the path, spelled as an identifier of any language.
fn operation(path: &str, heading: &str, summary: &str) -> OperationBuilder {
    let id = match path {
        "/" => "get_root".to_owned(),
        path => format!("get{}", path.replace(['/', '.'], "_")),
    };
    OperationBuilder::new()
        .operation_id(Some(id))
        .tag(heading)
        .summary(Some(summary))
}

fn ok(media_type: &str, answer: ContentBuilder) -> Response {
    let response = ResponseBuilder::new();
    response.content(media_type, answer.build()).build()
}

fn unchanged() -> Response {
    Response::new("The client has it already, as its If-None-Match says")
}

fn text() -> ContentBuilder {
    ContentBuilder::new().schema(Some(Object::with_type(Type::String)))
}
