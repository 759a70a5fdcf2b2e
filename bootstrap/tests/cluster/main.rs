//! A rendered service in its cluster: images that run, manifests that hold, and the way of a request
//! from the front end to the service.
//!
//! Each test here needs programs that a machine with Rust alone lacks, so `cargo test` names it as
//! ignored. `.ci/cluster` installs them and runs all of these.

#[path = "../support.rs"]
mod support;

mod answers;
mod commands;
mod containers;
mod default_handler;
mod front_end;
mod images;
mod kinds;
mod manifests;
mod namespace;
mod network;
mod pods;
mod policies;
mod rate;
mod references;
mod script;
mod settings;
mod tool_image;
mod workflows;
