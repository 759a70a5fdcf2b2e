//! Yours: the service, tested over HTTP against a mock back-end.
//!
//! `sample.rs` goes when the sample in `src/service.rs` goes; the rest holds the house to its word.

mod auth;
mod command_line;
mod edges;
mod errors;
mod health;
mod layout;
mod metadata;
#[cfg(feature = "bitly-proxy")]
#[path = "../../examples/backend/oauth2/mod.rs"]
mod oauth2;
mod piecemeal;
#[cfg(feature = "bitly-proxy")]
mod proxy;
mod retries;
mod sample;
mod shutdown;
mod test_app;
