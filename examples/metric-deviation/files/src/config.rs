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

    /// The data set whose measurements are compared, by its name in the dashboard, such as hsc
    #[arg(long, env, default_value = "cfht", value_name = "NAME")]
    pub dataset: String,
}
