//! Yours: the configuration of the service, the house's settings first and then your own.

use clap::Parser;

use crate::{apikit::Settings, identity};

/// Everything that an operator can set: each field is a flag, and a variable of the environment.
#[derive(Clone, Debug, Parser)]
#[command(name = identity::NAME, about = identity::DESCRIPTION, version)]
#[command(mut_arg("listen", |listen| listen.default_value(identity::LISTEN)))]
pub struct Config {
    #[command(flatten)]
    pub house: Settings,
    // Yours: a field such as
    //
    //     /// The most metrics that one answer may hold
    //     #[arg(long, env, default_value_t = 100)]
    //     pub max_metrics: usize,
    //
    // is `--max-metrics` and MAX_METRICS at once, and `router` in `service.rs` is handed it.
}
