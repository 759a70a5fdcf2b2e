//! The settings of this service, beside those that every service has.

use clap::Args;

/// Everything that an operator can set of this service alone: each field is a flag, and a variable of the
/// environment.
#[derive(Args, Clone, Debug)]
pub struct Config {
    // A field such as
    //
    //     /// The most metrics that one answer may hold
    //     #[arg(long, env, default_value_t = 100)]
    //     pub max_metrics: usize,
    //
    // is `--max-metrics` and MAX_METRICS at once, and `start` in `service.rs` is handed it.
}
