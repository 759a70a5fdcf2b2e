//! `serve`: the template as a web page and an API, built with `apikit` as any program would be.
//!
//! [`query`] → [`answers`](crate::answers), held against [`rules`] → [`renderer`], of a [`skeleton`] and within [`limits`] →
//! [`rendering`] → [`preview`], [`diff`], [`archive`] and [`page`]. [`questions`] says what may be asked for, and [`text`] how, at a terminal.

mod archive;
mod assets;
mod command;
mod desk;
mod diff;
mod form;
mod limits;
mod origin;
mod page;
mod preview;
mod query;
mod questions;
mod renderer;
mod rendering;
mod routes;
mod rules;
mod schema;
mod skeleton;
mod text;
mod tree;

use std::{ffi::OsString, process::ExitCode};

use apikit::{App, Auth, Identity, Metadata};
use clap::Args;

use crate::render::Template;
use desk::Desk;

/// The path below which a front end reaches it.
const ROUTE: &str = "/bootstrap";

const IDENTITY: Identity = Identity {
    metadata: Metadata {
        name: env!("CARGO_PKG_NAME"),
        description: "Renders services from this template, in a browser and over HTTP.",
        repository: "https://github.com/lsst-sqre/uservice-bootstrap",
        version: env!("CARGO_PKG_VERSION"),
        api_version: "1.0",
        auth: Auth::None,
    },
    route: ROUTE,
    listen: "0.0.0.0:8080",
    header: ("", ""),
};

/// What an operator can set of it, beside what every service has.
#[derive(Args, Clone, Debug)]
pub struct Config {
    /// How many services are rendered at once [default: as many as there are processors]
    #[arg(long, env, value_parser = clap::value_parser!(u16).range(1..), value_name = "COUNT")]
    max_renderings: Option<u16>,

    /// How many requests may wait for a rendering; more get 503 and Retry-After
    #[arg(long, env, default_value_t = 64, value_name = "COUNT")]
    max_waiting: u16,
}

/// Serves until it is told to stop; `arguments` are those after `serve`.
pub fn run(arguments: Vec<OsString>) -> ExitCode {
    let program = OsString::from("bootstrap serve");
    app().run_from([program].into_iter().chain(arguments))
}

/// The service, not yet started.
pub fn app() -> App<Config, Desk> {
    App::new(IDENTITY, routes::routes, async |config: &Config, _| {
        // What cargo-generate tells its user of each step is no line of a service's log, which has other means.
        log::set_max_level(log::LevelFilter::Warn);
        Desk::new(Template::here(), config)
    })
    .index(routes::index)
    .home(routes::home)
    .text_home(routes::text_home)
}
