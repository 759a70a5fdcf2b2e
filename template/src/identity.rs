//! Yours: who this service is. Name, version, description and repository live in `Cargo.toml`.

use crate::apikit::{Auth, Metadata};

/// The name of the crate, the program and the service.
pub const NAME: &str = env!("CARGO_PKG_NAME");

/// One line on what the service is for.
pub const DESCRIPTION: &str = env!("CARGO_PKG_DESCRIPTION");

/// The path below which the front end reaches the service.
pub const ROUTE: &str = "/job-metrics";

/// Where the service listens, unless its operator says otherwise.
pub const LISTEN: &str = "0.0.0.0:8080";

/// A header of the house's that every answer carries: its name in lower case, and its value. Without a
/// name there is none.
#[rustfmt::skip] // however long it is
pub const HEADER: (&str, &str) = ("", "");

/// How callers are authenticated to the back-end.
pub const AUTH: Auth = Auth::named("basic");

/// What the metadata routes answer.
pub const METADATA: Metadata = Metadata {
    name: NAME,
    description: DESCRIPTION,
    repository: env!("CARGO_PKG_REPOSITORY"),
    version: env!("CARGO_PKG_VERSION"),
    api_version: "1.0",
    auth: AUTH,
};
