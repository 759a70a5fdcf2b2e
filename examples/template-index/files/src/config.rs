//! The settings of this service, beside those that every service has.

use std::time::Duration;

use clap::Args;

/// Everything that an operator can set of this service alone: each field is a flag, and a variable of the
/// environment.
#[derive(Args, Clone, Debug)]
pub struct Config {
    /// How many hours pass until the list of templates is fetched again
    #[arg(long, env, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..), value_name = "HOURS")]
    pub refresh_hours: u32,
}

impl Config {
    /// The time between two fetches of the list.
    pub fn refresh(&self) -> Duration {
        Duration::from_secs(u64::from(self.refresh_hours) * 3600)
    }
}
