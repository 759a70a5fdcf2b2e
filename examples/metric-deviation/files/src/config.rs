//! The settings of this service, beside those that every service has.

use clap::Args;

/// Everything that an operator can set of this service alone: each field is a flag, and a variable of the
/// environment.
#[derive(Args, Clone, Debug)]
pub struct Config {
    /// The data set whose measurements are compared, by its name in the dashboard, such as hsc
    #[arg(long, env, default_value = "cfht", value_name = "NAME")]
    pub dataset: String,
}
