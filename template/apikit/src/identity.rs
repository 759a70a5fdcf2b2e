//! Who and where a service is.

use crate::metadata::Metadata;

/// Who a service is, where it is served, and what its answers carry.
#[derive(Clone, Copy, Debug)]
pub struct Identity {
    /// What the metadata routes answer.
    pub metadata: Metadata,
    /// The path below which the front end reaches the service, such as `/build-times`.
    pub route: &'static str,
    /// Where the service listens unless its operator says otherwise, such as `0.0.0.0:8080`.
    pub listen: &'static str,
    /// A header that every answer carries: its name in lower case, and its value. Without a name there is none.
    pub header: (&'static str, &'static str),
}
