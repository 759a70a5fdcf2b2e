//! House: the table of contents.
//!
//! Arrows point down only: `main` → [`app`] → [`service`] → [`apikit`]. Who the service is
//! ([`identity`]) and how it is configured ([`config`]) is read by `main` and `app`.

pub mod apikit;
pub mod app;
pub mod config;
pub mod identity;
pub mod service;
