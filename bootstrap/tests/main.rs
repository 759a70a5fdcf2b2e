//! The template, held to its word: what it renders, how that behaves, and the tool around it.

mod checking;
mod examples;
mod fork;
mod pages;
mod project;
mod refusals;
mod releases;
mod rendering;
mod services;
mod support;
mod tool;
mod updating;
mod versions;
