//! apikit, tested over HTTP by a service of its own, the probe, against a mock back-end.
//!
//! `APIKIT_TEST_AUTH=none` or `=bitly-proxy` at compile time gives the probe another auth type than `basic`.

mod answers;
mod auth;
mod backends;
mod body_memory;
#[path = "../backends/cleaning.rs"]
mod cleaning;
#[cfg(feature = "otlp")]
mod collector;
mod command_line;
mod connections;
mod docs;
mod documented;
mod door;
mod edges;
mod errors;
mod header;
mod health;
mod layout;
mod lifecycle;
#[cfg(feature = "bitly-proxy")]
mod login_pages;
mod logs;
mod metadata;
mod metrics;
mod openapi;
mod piecemeal;
#[path = "../../examples/probe/app.rs"]
mod probe;
mod properties;
#[cfg(feature = "bitly-proxy")]
mod proxy;
#[cfg(feature = "bitly-proxy")]
mod proxy_wire;
mod request_context;
mod requests;
mod retries;
mod running;
mod shutdown;
mod test_app;
mod traces;
mod wire;
