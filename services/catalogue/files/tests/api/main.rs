//! The service, tested over HTTP in front of services that behave and of others that do not: `cargo test`.

mod api_catalog;
mod contract;
mod liars;
mod merging;
mod pages;
mod routes;
mod service;
mod stand_in;
mod test_app;
