//! How handlers answer: as axum does, and what apikit's layers make of it.
//!
//! Whatever axum takes goes through as it is, below 400:
//!
//! ```
//! use axum::{Json, http::header, response::{Html, IntoResponse, Redirect}};
//! use serde_json::{Value, json};
//!
//! async fn data() -> Json<Value> { Json(json!({"queue": 17})) }
//!
//! async fn page() -> Html<&'static str> { Html("<p>Hello.") } // or Html(include_str!("page.html"))
//!
//! async fn moved() -> Redirect { Redirect::to("report") } // relative, so that it is right below `/<route>`, too
//!
//! async fn download() -> impl IntoResponse {
//!     let name = "attachment; filename=\"numbers.csv\"";
//!     ([(header::CONTENT_TYPE, "text/csv"), (header::CONTENT_DISPOSITION, name)], "1,2\n")
//! }
//! ```
//!
//! # Errors
//!
//! Every answer of 400 and above gets the one shape, those of extractors included; a body of your own stays in
//! [`Verbatim`](crate::Verbatim):
//!
//! ```
//! use apikit::{BackendError, Result, Verbatim};
//! use axum::{http::StatusCode, response::{Html, IntoResponse}};
//!
//! async fn refused() -> Result<()> { Err(BackendError::forbidden("Reports are for their owners.")) }
//!
//! async fn shaped() -> impl IntoResponse { (StatusCode::CONFLICT, "The name is taken.") } // the text is the content
//!
//! async fn own() -> impl IntoResponse { Verbatim((StatusCode::NOT_FOUND, Html("<p>Gone."))) }
//! ```
//!
//! Without `Verbatim`, a text, JSON or HTML body becomes the content of the error, up to 4 KiB. What is lost of longer and
//! of other bodies is a warning in the log. The text of a 500 goes to the log alone.
//!
//! # Forms and uploads
//!
//! A body may have 2 MB, unless its route says otherwise; more is answered with 413. A multipart error is an error of
//! [`Result`](crate::Result):
//!
//! ```
//! use apikit::Result;
//! use axum::{Form, Router, extract::{DefaultBodyLimit, Multipart}, routing::post};
//!
//! #[derive(serde::Deserialize)]
//! struct Job { name: String }
//!
//! async fn job(Form(job): Form<Job>) -> String { job.name }
//!
//! async fn upload(mut form: Multipart) -> Result<String> {
//!     let mut bytes = 0;
//!     while let Some(mut file) = form.next_field().await? {
//!         while let Some(chunk) = file.chunk().await? { bytes += chunk.len(); }
//!     }
//!     Ok(bytes.to_string())
//! }
//!
//! let routes: Router = Router::new()
//!     .route("/jobs", post(job))
//!     .route("/files", post(upload).layer(DefaultBodyLimit::max(20_000_000)));
//! ```
//!
//! Routes of an `OpenApiRouter` take the layer as `routes!(upload).layer(…)`.
//!
//! # Files of a folder
//!
//! With `tower-http = { version = "0.6", features = ["fs"] }`, ranges and `If-Modified-Since` included. The folder
//! has each file where it is asked for: `/static/page.css` is `public/static/page.css`. An image needs
//! a `COPY` of the folder; a few small files are better part of the program, by `include_str!`.
//!
//! ```
//! use apikit::BackendError;
//! use axum::{extract::Request, response::IntoResponse};
//! use tower_http::services::ServeDir;
//!
//! #[utoipa::path(get, path = "/static/{*file}", params(("file" = String, Path)))]
//! async fn folder(request: Request) -> impl IntoResponse {
//!     ServeDir::new("public").try_call(request).await.map_err(BackendError::internal)
//! }
//! ```
//!
//! # Events
//!
//! Server-sent events go through [`Shutdown::end`](crate::Shutdown::end), which ends them when the process closes.
//! Connections are not upgraded: a handler for WebSockets is answered with 501.
//!
//! # Pages of other origins
//!
//! With `--cors-allow-origin` every answer has the headers of CORS, every refusal included, and preflight requests are
//! answered before handlers, limits, logs and metrics. Named origins may send credentials; `*` allows
//! all origins, without credentials.
