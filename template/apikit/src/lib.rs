//! What all microservices behind one API front end have in common, as a library for axum: metadata, one shape of errors,
//! back-ends that are asked on behalf of callers, logs, metrics, traces, and a process that starts and stops in good order.
//!
//! The front end reaches each service by a path, such as `/build-times`, so a service answers both there and at `/`.
//!
//! # In a service of the template
//!
//! The template, `uservice-bootstrap`, renders a service with this crate in a folder of its own. The service hands its parts
//! to an [`App`], which is the whole process: it reads the settings, starts the logs, runs the service's own start with a
//! [`Setup`], opens the port, wraps each request in its layers, and drains at the end. The page of [`App`] has a complete
//! program.
//!
//! # In an axum program that exists already
//!
//! Each module also works alone, and takes what it needs as arguments. So any axum program can take one piece, or several,
//! and leave the rest:
//!
//! ```toml
//! [dependencies]
//! apikit = { git = "https://git.example.org/uservice-bootstrap" } # the URL of the template's repository
//! ```
//!
//! This one gets metadata, the prefix of the front end, the shape of errors, and a log line and metrics for each request:
//!
//! ```
//! use apikit::{Auth, ErrorLayer, Metadata, Metrics, Observability, below, metadata, metrics};
//! use axum::{Router, routing::get};
//!
//! const METADATA: Metadata = Metadata {
//!     name: "build-times",
//!     description: "How long builds take",
//!     repository: "https://git.example.org/build-times",
//!     version: "1.2.3", // or env!("CARGO_PKG_VERSION"), and its like for the others
//!     api_version: "1.0",
//!     auth: Auth::None,
//! };
//!
//! fn app() -> Router {
//!     let existing = Router::new().route("/jobs", get(async || "build, test"));
//!
//!     let routes = existing.merge(metadata::router(&METADATA));
//!     let counts = Metrics::new(&METADATA, "/build-times");
//!     routes
//!         .clone()
//!         .merge(below("/build-times", routes))
//!         .merge(metrics::router(counts.clone()))
//!         .layer((Observability::new(&counts), ErrorLayer))
//! }
//! # let _ = app();
//! ```
//!
//! # The pieces
//!
//! | piece | what it does |
//! |---|---|
//! | [`metadata::router`] | answers who the service is |
//! | [`below`], [`RequestedUri`] | serve a router under one more prefix, and tell the whole path that was asked for |
//! | [`answers`] | how handlers answer: pages, files, uploads, events, bodies of their own |
//! | [`BackendError`], [`ErrorLayer`] | the one shape of errors, and the layer that gives it to all of them but [`Verbatim`] answers |
//! | [`Deprecated`] | the layer that says of a route since when it is deprecated, and when it goes away |
//! | [`Backend`], [`Caller`] | ask a back-end on behalf of whoever sent the request, with time limits and retries; [`NamedBackend`](backend::NamedBackend) for more than one |
//! | [`Observability`] | the layer that gives each request an id, a log line, metrics and a span, for [`logs`], [`Metrics`] and [`traces`] |
//! | [`openapi::document`], [`docs::router`] | describe the routes in OpenAPI, and show them in a browser |
//! | [`health::router`], [`Readiness`] | answer load balancers |
//! | [`limits`], [`BodyMemory`] | bound what one request may cost, how many run at once, and what their bodies take |
//! | [`serve`], [`Shutdown`] | take connections until the process is told to stop, and drain |
//! | [`Jobs`], [`tasks::pause`] | run what outlives a request, and pause loops that end with the process |
//! | [`testing`] | runs a service on a port of its own, for its tests |
//!
//! Arrows between the modules point one way: [`error`], [`metadata`] and [`auth`] are at the bottom, [`backend`] is above them,
//! the layers are above that, and [`App`] is on top.
//!
//! # Features
//!
//! None is on by default.
//!
//! - `bitly-proxy`: sessions through an OAuth2 proxy in front of the back-end;
//! - `otlp`: exports traces, as OTLP over HTTP.
#![warn(missing_docs)]

mod accept;
pub mod answers;
pub mod app;
pub mod auth;
pub mod backend;
pub mod body_memory;
mod configuration;
mod connection;
mod cors;
mod counted_body;
mod deprecated;
pub mod docs;
pub mod error;
pub mod error_layer;
mod exchanges;
mod file_descriptors;
pub mod health;
mod held_bodies;
mod home;
mod identity;
pub mod limits;
mod lingering;
mod links;
pub mod logs;
mod memory_limit;
pub mod metadata;
pub mod metrics;
pub mod observability;
mod open_connections;
pub mod openapi;
mod prefix;
mod problem;
mod process;
mod request_body;
pub mod request_context;
mod request_target;
mod requested_uri;
mod routers;
pub mod serve;
pub mod settings;
mod setup;
mod shutdown;
mod static_file;
pub mod subscriber;
pub mod tasks;
pub mod testing;
pub mod traces;
mod trailing_slash;
mod value_parsers;

pub use app::App;
pub use auth::Auth;
pub use backend::{Backend, Caller};
pub use body_memory::BodyMemory;
pub use deprecated::Deprecated;
pub use error::{BackendError, Result};
pub use error_layer::{ErrorLayer, Verbatim};
pub use health::Readiness;
pub use identity::Identity;
pub use metadata::Metadata;
pub use metrics::Metrics;
pub use observability::Observability;
pub use prefix::below;
pub use requested_uri::RequestedUri;
/// The HTTP client below [`Backend`], for forms of several parts, and for what a back-end wants that it does not offer.
pub use reqwest;
pub use settings::Settings;
pub use setup::{Setup, StartError};
pub use shutdown::Shutdown;
pub use tasks::Jobs;
/// The token that tells tasks to stop, as tokio-util has it.
pub use tokio_util::sync::CancellationToken;
pub use traces::Traces;

/// Holds the code in `README.md` to compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
