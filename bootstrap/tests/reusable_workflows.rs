//! The commit of this repository by which services call its workflows.

use bootstrap::{
    render::Template,
    workflows::{Pin, pin},
};

/// A clone without its history cannot tell, and says so.
#[test]
fn services_call_the_workflows_that_are_here() {
    match pin(&Template::here()).unwrap() {
        Pin::Current => {}
        Pin::Unknown => {
            println!("NOT RUN: the history is not here; `git fetch --unshallow` brings it.")
        }
        Pin::Stale => panic!(
            "hooks/workflows.rhai names a commit that has other workflows `service-*.yaml`, or is in no history of this \
             branch: commit them first, then run `cargo run -- twins` and commit what it writes"
        ),
    }
}
