//! The auth types: how the callers of a service are authenticated to its back-end.

use serde::Serialize;

/// How callers are authenticated to the back-end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Auth {
    /// Not at all: no credentials are read or sent.
    None,
    /// The caller's user name and password go to the back-end as HTTP Basic, with each request.
    Basic,
    /// The caller's user name and password open a session through the OAuth2 proxy in front of the
    /// back-end, and further requests go on in it.
    #[cfg(feature = "bitly-proxy")]
    BitlyProxy,
}

impl Auth {
    /// The type of that name: `none`, `basic`, or `bitly-proxy` with the cargo feature of that name.
    ///
    /// # Panics
    /// At compile time, in a constant, when there is no such type.
    pub const fn named(name: &str) -> Self {
        match name.as_bytes() {
            b"none" => Self::None,
            b"basic" => Self::Basic,
            #[cfg(feature = "bitly-proxy")]
            b"bitly-proxy" => Self::BitlyProxy,
            _ => panic!("the auth type must be `none`, `basic`, or `bitly-proxy` with its feature"),
        }
    }
}
