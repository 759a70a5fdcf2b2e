//! Answers that authors want, behind all layers of a service, over HTTP.

mod author;
mod bodies;
mod cors;
mod files;
mod uploads;
