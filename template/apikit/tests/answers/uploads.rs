//! Uploads: their limits, and what is told of one that is wrong.

use apikit::{Result, testing::client};
use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Multipart},
    routing::post,
};
use reqwest::multipart::{Form, Part};
use utoipa_axum::router::OpenApiRouter;

use crate::author::{Answer, started};

fn routes() -> OpenApiRouter<()> {
    let twenty = DefaultBodyLimit::max(20_000_000);
    let routes = Router::new()
        .route("/small", post(files))
        .route("/large", post(files).layer(twenty))
        .route(
            "/body",
            post(async |body: Bytes| body.len().to_string()).layer(twenty),
        )
        .route("/any", post(files).layer(DefaultBodyLimit::disable()));
    OpenApiRouter::from(routes)
}

/// The names and lengths of the files.
async fn files(mut form: Multipart) -> Result<String> {
    let mut told = String::new();
    while let Some(file) = form.next_field().await? {
        let name = file.file_name().unwrap_or("nameless").to_owned();
        let bytes = file.bytes().await?;
        told.push_str(&format!("{name}: {}\n", bytes.len()));
    }
    Ok(told)
}

fn form(length: usize) -> Form {
    let part = Part::bytes(vec![b'x'; length]).file_name("a.csv");
    Form::new().part("file", part)
}

#[tokio::test]
async fn a_form_of_twenty_megabytes_goes_where_its_route_says_so() {
    let app = started(routes, &[]).await;
    for (path, length, status) in [
        ("/small", 2_000_000, 200),
        ("/small", 2_097_152, 413),
        ("/large", 19_999_000, 200),
        ("/answers/large", 19_999_000, 200),
        ("/large", 20_000_000, 413),
        ("/any", 21_000_000, 200),
    ] {
        let sent = client().post(app.url(path)).multipart(form(length));
        let answer = Answer::of(sent).await;
        assert_eq!(answer.status, status, "{path} {length}: {}", answer.body);
        match status {
            200 => assert_eq!(answer.body, format!("a.csv: {length}\n")),
            _ => assert!(answer.error()["error_content"].is_string(), "{path}"),
        }
    }
}

#[tokio::test]
async fn one_byte_too_many_is_refused_in_shape() {
    let app = started(routes, &[]).await;
    for (length, status) in [(20_000_000, 200), (20_000_001, 413)] {
        let body = vec![b'x'; length];
        let answer = Answer::of(client().post(app.url("/body")).body(body)).await;
        assert_eq!(answer.status, status, "{}", answer.body);
        if status == 413 {
            let content = "Failed to buffer the request body: length limit exceeded";
            assert_eq!(answer.error()["error_content"], content);
        }
    }
}

#[tokio::test]
async fn a_form_that_is_none_is_refused_with_a_reason() {
    let app = started(routes, &[]).await;
    let ours = "multipart/form-data; boundary=b";
    for (media_type, body, says) in [
        ("text/plain", "", "Invalid `boundary`"),
        ("multipart/form-data", "", "Invalid `boundary`"),
        (ours, "--b\r\n", "incomplete"),
        (ours, "no boundary", "incomplete"),
        (
            ours,
            "--b\r\ncontent-disposition: form-data; name=a\r\n\r\nx",
            "incomplete",
        ),
    ] {
        let request = client().post(app.url("/small"));
        let answer = Answer::of(request.header("content-type", media_type).body(body)).await;
        assert_eq!(answer.status, 400, "{body:?}: {}", answer.body);
        let content = answer.error()["error_content"].to_string();
        assert!(
            content.to_lowercase().contains(&says.to_lowercase()),
            "{body:?}: {content}"
        );
    }
}
