//! A rendering as JSON: `{"files": {path: text}, "binary": [path]}`.

use std::convert::Infallible;

use axum::{
    body::{Body, Bytes},
    http::header,
    response::{IntoResponse, Response},
};
use futures_util::stream::{self, StreamExt};
use serde_json::json;

use super::rendering::Rendering;

/// The text of all files that are UTF-8, and the path alone of the others, which only an archive can hold. It is written
/// file by file, as the caller takes it.
pub fn answer(rendering: &Rendering) -> Response {
    let (texts, binary): (Vec<_>, Vec<_>) =
        (rendering.files.iter()).partition(|(_, file)| file.text().is_some());
    let binary: Vec<_> = binary.into_iter().map(|(path, _)| path).collect();
    let end = format!("}},\"binary\":{}}}\n", json!(binary));
    let texts: Vec<_> = (texts.into_iter())
        .map(|(path, file)| (path.clone(), file.clone()))
        .collect();
    let texts = texts.into_iter().enumerate().map(|(at, (path, file))| {
        let comma = if at == 0 { "" } else { "," };
        Bytes::from(format!("{comma}{}:{}", json!(path), json!(file.text())))
    });
    let parts = [Bytes::from_static(b"{\"files\":{")].into_iter();
    let parts = parts.chain(texts).chain([Bytes::from(end)]);
    let body = Body::from_stream(stream::iter(parts).map(Ok::<_, Infallible>));
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}
