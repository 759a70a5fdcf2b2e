//! Who and where this service is. Its name, version, description and repository live in `Cargo.toml`.

use apikit::{Auth, Identity, Metadata};

/// The path below which the front end reaches the service.
pub const ROUTE: &str = "/job-metrics";

/// A header that every answer carries: its name in lower case, and its value. Without a name there is none.
#[rustfmt::skip] // however long it is
const HEADER: (&str, &str) = ("", "");

/// Who this service is, and where it is served.
pub const IDENTITY: Identity = Identity {
    metadata: Metadata {
        name: env!("CARGO_PKG_NAME"),
        description: env!("CARGO_PKG_DESCRIPTION"),
        repository: env!("CARGO_PKG_REPOSITORY"),
        version: env!("CARGO_PKG_VERSION"),
        api_version: "1.0",
        auth: Auth::named("basic"),
    },
    route: ROUTE,
    listen: "0.0.0.0:8080",
    header: HEADER,
};
