//! Adds to every operation what its author need not write: errors, credentials, parameters of the path.

use axum::http::StatusCode;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        Content, HeaderBuilder, OpenApi, PathItem, Ref, RefOr, Required, Response, ResponseBuilder,
        Type,
        path::{Operation, Parameter, ParameterBuilder, ParameterIn},
        schema::ObjectBuilder,
    },
};

use super::security;
use crate::{
    auth::Auth,
    error::ErrorBody,
    metadata::Metadata,
    problem::{self, Problem},
    request_context::REQUEST_ID,
};

const JSON: &str = "application/json";

/// The names, in the document, of the two answers that operations refer to.
const ERROR: &str = "Error";
const UNAUTHORIZED: &str = "Unauthorized";

/// Gives the author's operations a tag, and the credentials that they need.
///
/// An operation annotated with `security(())` needs none; one with security of its own keeps it.
pub(super) fn of_authors(document: &mut OpenApi, who: &Metadata) {
    let requirements = security::requirements(who.auth);
    for operation in document.paths.paths.values_mut().flat_map(operations) {
        let heading = || vec![who.name.to_owned()];
        operation.tags.get_or_insert_with(heading);
        if who.auth == Auth::None {
            operation.security = None;
        } else if operation.security.is_none() {
            operation.security = Some(requirements.clone());
            let refused = Ref::from_response_name(UNAUTHORIZED);
            let responses = &mut operation.responses.responses;
            responses.entry("401".into()).or_insert(refused.into());
        }
    }
    let components = document.components.get_or_insert_default();
    for (name, scheme) in security::schemes(who.auth) {
        components.add_security_scheme(name, scheme);
        let refused = unauthorized().into();
        components.responses.insert(UNAUTHORIZED.into(), refused);
    }
}

/// Gives every operation the one error response, and the parameters of its path.
pub(super) fn of_all(document: &mut OpenApi) {
    for (path, mut item) in std::mem::take(&mut document.paths.paths) {
        for operation in operations(&mut item) {
            names(&path).for_each(|name| add_parameter(operation, name));
            sort_parameters(operation, &path);
            add_responses(operation);
        }
        // axum's `{*rest}` matches slashes as well, which OpenAPI cannot express.
        document.paths.paths.insert(path.replace("{*", "{"), item);
    }
    let components = document.components.get_or_insert_default();
    let shape = (ErrorBody::name().into_owned(), ErrorBody::schema());
    let problem = (Problem::name().into_owned(), Problem::schema());
    components.schemas.extend([shape, problem]);
    components.responses.insert(ERROR.into(), error().into());
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let methods = [
        &mut item.get,
        &mut item.put,
        &mut item.post,
        &mut item.delete,
        &mut item.options,
        &mut item.head,
        &mut item.patch,
        &mut item.trace,
    ];
    methods.into_iter().flatten()
}

/// The names between the braces of a path.
fn names(path: &str) -> impl Iterator<Item = &str> {
    let braced = path
        .split('{')
        .skip(1)
        .filter_map(|rest| rest.split('}').next());
    braced.map(|name| name.trim_start_matches('*'))
}

/// Adds a parameter of the path as a string, unless the author has described it.
fn add_parameter(operation: &mut Operation, name: &str) {
    let parameters = operation.parameters.get_or_insert_default();
    let described = parameters.iter().any(|parameter| match parameter {
        RefOr::T(parameter) => {
            parameter.name == name && parameter.parameter_in == ParameterIn::Path
        }
        RefOr::Ref(_) => false,
    });
    if !described {
        let parameter = ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Path)
            .required(Required::True)
            .schema(Some(ObjectBuilder::new().schema_type(Type::String)));
        parameters.push(parameter.build().into());
    }
}

/// Sorts the parameters of the path in its order, before all others: those that the author described came first.
fn sort_parameters(operation: &mut Operation, path: &str) {
    let place = |parameter: &RefOr<Parameter>| match parameter {
        RefOr::T(parameter) if parameter.parameter_in == ParameterIn::Path => {
            names(path).position(|name| name == parameter.name)
        }
        _ => None,
    };
    let parameters = operation.parameters.get_or_insert_default();
    parameters.sort_by_key(|parameter| place(parameter).unwrap_or(usize::MAX));
}

/// Gives every answer a description, and every error the one shape: those that the author names, and
/// all others.
fn add_responses(operation: &mut Operation) {
    let responses = &mut operation.responses.responses;
    for (status, response) in responses.iter_mut() {
        let RefOr::T(response) = response else {
            continue;
        };
        if response.description.is_empty() {
            response.description = meaning(status).to_owned();
        }
        if status.starts_with(['4', '5']) && response.content.is_empty() {
            response.content.insert(JSON.into(), shape().into());
            let problem = (problem::MEDIA_TYPE.into(), problem_shape().into());
            response.content.extend([problem]);
        }
    }
    let other = Ref::from_response_name(ERROR);
    responses.entry("default".into()).or_insert(other.into());
}

fn meaning(status: &str) -> &'static str {
    let status = StatusCode::from_bytes(status.as_bytes()).ok();
    let meaning = status.and_then(|status| status.canonical_reason());
    meaning.unwrap_or("As the operation says")
}

fn error() -> Response {
    let id = HeaderBuilder::new().description(Some("The id of the request, for the log"));
    ResponseBuilder::new()
        .description("Any error, whatever went wrong")
        .content(JSON, shape())
        .content(problem::MEDIA_TYPE, problem_shape())
        .header(REQUEST_ID.as_str(), id.build())
        .build()
}

fn unauthorized() -> Response {
    let challenge = HeaderBuilder::new().description(Some("How to authenticate"));
    ResponseBuilder::new()
        .description("There are no credentials, or they are refused")
        .content(JSON, shape())
        .content(problem::MEDIA_TYPE, problem_shape())
        .header("WWW-Authenticate", challenge.build())
        .build()
}

fn shape() -> Content {
    Content::new(Some(Ref::from_schema_name(ErrorBody::name())))
}

fn problem_shape() -> Content {
    Content::new(Some(Ref::from_schema_name(Problem::name())))
}
