//! The API of a rendered service as others meet it: a browser, a fuzzer and a validator.
//!
//! These tests want programs besides Rust and a C compiler: chromium, nginx, openssl, axe-core, schemathesis and
//! openapi-spec-validator. `.ci/browser` installs them and runs what is ignored here.

mod accessibility;
mod catalogue;
mod chromium;
mod document;
mod front_end;
mod fuzzer;
mod login_form;
#[path = "../made.rs"]
mod made;
#[cfg(feature = "serve")]
mod new_service;
#[path = "../nginx.rs"]
mod nginx;
mod page;
#[cfg(feature = "serve")]
#[path = "../serve/program.rs"]
mod program;
#[path = "../../../template/apikit/src/backend/proxy/page/random_page.rs"]
mod random_page;
mod recorder;
mod stage;
