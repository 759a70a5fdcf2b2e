//! The service, tested over HTTP against a mock back-end: `cargo test`.

mod routes;
mod service;
mod test_app;
