//! A rendered service that is used hard and treated badly: for a long time, by its back-end, by
//! strangers, by crowds, by whoever deploys it, and by the machine it runs on.
//!
//! - [`stage`]: the service, built for release, with [`backend`] behind it that does what a test says, and
//!   [`front_end`] before it;
//! - [`client`], [`load`] and [`watch`]: those who ask it, and what they saw;
//! - the other modules: one kind of trouble each.
//!
//! These tests take minutes, want the machine for themselves, and need nginx and libfaketime. `.ci/endurance`
//! installs them, runs what is ignored here, and prints the figures.

mod backend;
mod client;
mod crowds;
mod duration;
mod front_end;
mod load;
mod memory;
mod names;
#[path = "../nginx.rs"]
mod nginx;
mod oddities;
mod outages;
mod overload;
mod parsers;
mod replacement;
mod sessions;
mod shortages;
mod stage;
mod strangers;
mod watch;
