//! More than one back-end, and requests that real APIs want, against back-ends on this machine.

mod accounts;
mod cleaning;
#[cfg(feature = "otlp")]
#[path = "../api/collector.rs"]
mod collector;
mod configuration;
mod keeper;
mod links;
mod names;
mod requests;
mod segments;
mod streams;
mod tokens;
