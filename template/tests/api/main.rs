//! Yours: the service, tested over HTTP against a mock back-end.
//!
//! `service.rs` tests what you write; the rest holds the house to its word.

mod access;
mod auth;
#[cfg(feature = "otlp")]
mod collector;
mod command_line;
mod dashboard;
mod docs;
mod documented;
mod edges;
mod errors;
mod header;
mod health;
mod layout;
mod logs;
mod metadata;
mod metrics;
#[cfg(feature = "bitly-proxy")]
#[path = "../../examples/backend/oauth2/mod.rs"]
mod oauth2;
mod openapi;
mod piecemeal;
mod properties;
#[cfg(feature = "bitly-proxy")]
mod proxy;
mod retries;
mod running;
mod served;
mod service;
mod shutdown;
mod test_app;
mod traces;
