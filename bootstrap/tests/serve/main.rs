//! The template as a web page and an API.

mod answers;
mod app;
mod archives;
mod pages;
mod process;
mod program;
mod refusals;
#[path = "../support.rs"]
mod support;
