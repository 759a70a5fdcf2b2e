//! A rendered service in its cluster: images that run, manifests that hold, and the way of a request
//! from the front end to the service.
//!
//! Each test here needs programs that a machine with Rust alone lacks, so `cargo test` names it as
//! ignored. `.ci/cluster` installs them and runs all of these.

#[path = "../support.rs"]
mod support;

mod answers;
mod attachment;
mod catalogue;
mod commands;
mod compose;
mod containers;
mod control_plane;
mod controllers;
mod default_handler;
mod egress;
mod front_end;
mod images;
mod instructions;
mod kinds;
mod kustomize;
#[path = "../made.rs"]
mod made;
mod manifests;
mod mirror;
mod namespace;
mod network;
#[path = "../nginx.rs"]
mod nginx;
mod oauth2_proxy;
mod owners;
mod parallel;
mod patches;
mod pods;
mod policies;
mod rate;
mod references;
mod releases;
mod script;
mod settings;
mod tls;
mod workflows;
