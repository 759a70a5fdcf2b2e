//! The settings of this service, beside those that every service has.

use apikit::backend::{BackendName, NamedBackend};
use clap::Args;

/// Everything that an operator can set of this service alone: each field is a flag, and a variable of the
/// environment.
#[derive(Args, Clone, Debug)]
pub struct Config {
    // Where reports are kept: KEEPER_URL must be set.
    #[command(flatten)]
    pub keeper: NamedBackend<Keeper>,

    /// The largest notebook that is taken, in bytes
    #[arg(long, env, default_value_t = 20_000_000, value_name = "BYTES")]
    pub max_notebook: usize,
}

/// The back-end that keeps reports. Its settings begin with its name.
#[derive(Clone, Copy, Debug)]
pub struct Keeper;

impl BackendName for Keeper {
    const NAME: &'static str = "keeper";
}
