//! The template, held to its word: what it renders, how that behaves, and the tool around it.

mod axum_program;
mod checking;
mod dashboard;
mod examples;
mod fork;
mod made;
mod pages;
mod project;
mod refusals;
mod releases;
mod rendering;
mod reusable_workflows;
mod services;
mod support;
mod tool;
mod untagged;
mod updating;
mod verify;
mod versions;
mod workspaces;
