//! Files: made by a handler, out of the program, and out of a folder.

use apikit::testing::{client, undescribed};
use axum::{
    Router,
    extract::Request,
    http::header,
    response::{Html, IntoResponse},
    routing::get,
};
use tower_http::services::ServeDir;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::author::{Answer, ROUTE, app, started};

fn routes() -> OpenApiRouter<()> {
    OpenApiRouter::new().routes(routes!(folder))
}

/// A file below `public/`, where it lies as it is asked for: `/static/page.css` is `public/static/page.css`.
#[utoipa::path(get, path = "/static/{*file}", params(("file" = String, Path)))]
async fn folder(request: Request) -> impl IntoResponse {
    let mut folder = ServeDir::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/answers/public"));
    folder
        .try_call(request)
        .await
        .map_err(apikit::BackendError::internal)
}

fn made() -> OpenApiRouter<()> {
    const NAME: &str = "attachment; filename=\"numbers.csv\"; filename*=UTF-8''b%C3%BCro.csv";
    let numbers = || {
        (
            [
                (header::CONTENT_TYPE, "text/csv"),
                (header::CONTENT_DISPOSITION, NAME),
            ],
            "1,2\n",
        )
    };
    let routes = Router::new()
        .route("/numbers", get(async move || numbers()))
        .route(
            "/page",
            get(async || Html(include_str!("public/static/page.css"))),
        );
    OpenApiRouter::from(routes)
}

#[tokio::test]
async fn a_folder_is_served_below_root_and_route_and_can_be_described() {
    assert_eq!(undescribed(&app(routes)), [""; 0]);
    let app = started(routes, &[]).await;
    for prefix in ["", ROUTE] {
        let answer = Answer::get(&app, &format!("{prefix}/static/page.css")).await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (200, "h1 { color: teal }\n")
        );
        assert_eq!(answer.header("content-type"), Some("text/css"));
    }
    let url = app.url("/static/page.css");
    let part = Answer::of(client().get(&url).header("range", "bytes=0-1")).await;
    assert_eq!((part.status, part.body.as_str()), (206, "h1"));
    let head = Answer::of(client().head(&url)).await;
    assert_eq!(
        (head.status, head.header("content-length")),
        (200, Some("19"))
    );
    let modified = head.header("last-modified").unwrap();
    let known = client().get(&url).header("if-modified-since", modified);
    assert_eq!(Answer::of(known).await.status, 304);
}

#[tokio::test]
async fn what_is_not_in_the_folder_is_an_error_in_shape() {
    let app = started(routes, &[]).await;
    for path in [
        "/static/none.css",
        "/static/..%2f..%2fmain.rs",
        "/static/%2e%2e/%2e%2e/main.rs",
        "/static/%00",
    ] {
        let answer = Answer::get(&app, path).await;
        assert_eq!(answer.status, 404, "{path}");
        answer.error();
    }
    let answer = Answer::of(
        client()
            .get(app.url("/static/page.css"))
            .header("range", "bytes=99-"),
    )
    .await;
    assert_eq!(answer.status, 416);
    assert_eq!(answer.header("content-range"), Some("bytes */19"));
    answer.error();
}

#[tokio::test]
async fn a_download_has_its_name_and_a_page_may_be_part_of_the_program() {
    let app = started(made, &[]).await;
    let answer = Answer::get(&app, "/numbers").await;
    assert_eq!(answer.body, "1,2\n");
    assert!(
        answer
            .header("content-disposition")
            .unwrap()
            .starts_with("attachment; ")
    );
    assert_eq!(
        Answer::get(&app, "/page").await.body,
        "h1 { color: teal }\n"
    );
}
