//! The routes: pages for people, and the template for programs.

use apikit::{BackendError, Result};
use axum::{
    extract::{Path, RawQuery, State},
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
    routing::{MethodRouter, get},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    archive::Format,
    assets::{__path_asset, asset},
    desk::Desk,
    diff,
    origin::Origin,
    page::{self, FILE},
    preview,
    query::{self, Query},
    questions::{AllAnswers, AnyAnswers, OtherAnswers},
    text,
};

/// What is served at the root, and below the route.
pub fn routes() -> OpenApiRouter<Desk> {
    OpenApiRouter::new()
        .routes(routes!(questions))
        .routes(routes!(preview))
        .routes(routes!(diff))
        .routes(routes!(archive))
}

/// What is served below the route alone.
pub fn index() -> OpenApiRouter<Desk> {
    OpenApiRouter::new()
        .routes(routes!(front))
        .routes(routes!(asset))
}

/// What browsers get at `/`.
pub fn home() -> MethodRouter<Desk> {
    get(page)
}

/// What people at a terminal get at `/`.
pub fn text_home() -> MethodRouter<Desk> {
    get(text)
}

/// What a service is asked for, as a JSON Schema of the draft 2020-12, with the defaults.
#[utoipa::path(
    get,
    path = "/questions",
    responses(
        (status = 200, content_type = "application/schema+json", body = Object),
        (status = 304, description = "The schema is the one that the caller has"),
    ),
)]
async fn questions(State(desk): State<Desk>, headers: HeaderMap) -> Response {
    desk.schema.answer(&headers)
}

/// The files of a service as text; of those that are no text, the paths.
#[utoipa::path(
    get,
    path = "/preview",
    params(AllAnswers),
    responses(
        (status = 200, content_type = "application/json", body = Object),
        (status = 400, description = "An answer breaks its rule, or is unknown"),
        (status = 503, description = "Too many services are being rendered"),
    ),
)]
async fn preview(State(desk): State<Desk>, RawQuery(query): RawQuery) -> Result<Response> {
    let query = Query::parse(query.as_deref(), &[])?;
    Ok(preview::answer(&*desk.render(&query.answers).await?))
}

/// What other answers change in a service, as a unified diff; empty where they change nothing.
///
/// `to.auth_type`, and `to.` with any other answer, says what is another one.
#[utoipa::path(
    get,
    path = "/diff",
    params(AllAnswers, ("to.auth_type" = Option<String>, Query, description = "Another auth type.")),
    responses(
        (status = 200, content_type = "text/x-diff", body = String),
        (status = 400, description = "An answer breaks its rule, or is unknown"),
        (status = 503, description = "Too many services are being rendered"),
    ),
)]
async fn diff(State(desk): State<Desk>, RawQuery(query): RawQuery) -> Result<Response> {
    let query = Query::parse(query.as_deref(), &[query::TO])?;
    if query.to.is_empty() {
        let why = "No other answer is given: say what is to change, as in to.auth_type=basic.";
        return Err(BackendError::bad_request(why));
    }
    let from = desk.render(&query.answers).await?;
    let to = desk.render(&query.other()).await?;
    let text = desk
        .work(move || diff::text(&diff::changes(&from, &to)))
        .await?;
    Ok(([(header::CONTENT_TYPE, "text/x-diff; charset=utf-8")], text).into_response())
}

/// A service in an archive, `NAME.zip` or `NAME.tar.gz`, below the folder `NAME/`.
#[utoipa::path(
    get,
    path = "/{archive}",
    params(("archive" = String, Path, description = "NAME.zip or NAME.tar.gz", example = "build-times.zip"), OtherAnswers),
    responses(
        (status = 200, content(
            (Vec<u8> = "application/zip"),
            (Vec<u8> = "application/gzip"),
        )),
        (status = 400, description = "An answer breaks its rule, or is unknown"),
        (status = 404, description = "It is no archive"),
        (status = 503, description = "Too many services are being rendered"),
    ),
)]
async fn archive(
    State(desk): State<Desk>,
    Path(file): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response> {
    let Some((format, name)) = Format::of(&file) else {
        let why =
            format!("There is no {file:?} here, but NAME.zip and NAME.tar.gz of any service.");
        return Err(BackendError::not_found(why));
    };
    let mut answers = Query::parse(query.as_deref(), &[])?.answers;
    if !answers.name.is_empty() {
        return Err(BackendError::bad_request(
            "The name is in the path already.",
        ));
    }
    name.clone_into(&mut answers.name);
    let rendering = desk.render(&answers).await?;
    let packed = desk.work(move || format.pack(&rendering)).await?;
    let packed = packed.map_err(BackendError::internal)?;
    let attachment = HeaderValue::try_from(format!("attachment; filename=\"{file}\""));
    let headers = [
        (header::CONTENT_TYPE, format.media_type()),
        (
            header::CONTENT_DISPOSITION,
            attachment.map_err(BackendError::internal)?,
        ),
    ];
    Ok((headers, packed).into_response())
}

/// The page for people, or, for whoever asks for no HTML, a text with examples.
#[utoipa::path(
    get,
    path = "/",
    params(AnyAnswers, ("file" = Option<String>, Query, description = "The file to show."),
        ("to.auth_type" = Option<String>, Query, description = "The auth type to compare with.")),
    responses((status = 200, content((String = "text/html"), (String = "text/plain")))),
)]
async fn front(
    desk: State<Desk>,
    query: RawQuery,
    origin: Origin,
    headers: HeaderMap,
) -> Result<Response> {
    let accepted = headers.get_all(header::ACCEPT).iter();
    let mut accepted = accepted.filter_map(|accepted| accepted.to_str().ok());
    let mut answer = match accepted.any(|accepted| accepted.contains("text/html")) {
        true => page(desk, query, origin).await?,
        false => text(origin).await.into_response(),
    };
    answer
        .headers_mut()
        .append(header::VARY, HeaderValue::from_static("accept"));
    Ok(answer)
}

async fn page(
    State(desk): State<Desk>,
    RawQuery(query): RawQuery,
    origin: Origin,
) -> Result<Response> {
    let query = Query::parse(query.as_deref(), &[FILE, query::TO])?;
    let page = page::page(&desk, &query, &origin).await?;
    Ok(super::assets::answer(page))
}

async fn text(origin: Origin) -> String {
    text::text(&origin)
}
