//! The parts of this service, put together.

pub mod config;
pub mod identity;
pub mod service;

use std::process::ExitCode;

use apikit::App;

use config::Config;
use identity::IDENTITY;
use service::AppState;

/// The service, as the program runs it and the tests start it.
pub fn app() -> App<Config, AppState> {
    App::new(IDENTITY, service::routes, service::start)
        .index(service::index)
        .home(service::home)
}

/// Runs the program. It is here, and not in `main.rs`, so that it is compiled once.
pub fn run() -> ExitCode {
    app().run()
}
