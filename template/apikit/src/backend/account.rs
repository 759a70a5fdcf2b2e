//! The service's own account at a back-end.

use std::{fs, path::Path};

use axum::http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

use super::{Credentials, tokens::Tokens};

/// The service's own account.
#[derive(Clone)]
pub(super) enum Account {
    /// It has none.
    None,
    /// A user name and a password.
    Basic(Credentials),
    /// An `Authorization: Bearer` header, marked as sensitive.
    Bearer(HeaderValue),
    /// Tokens that expire.
    Tokens(Tokens),
}

impl From<Option<Credentials>> for Account {
    fn from(credentials: Option<Credentials>) -> Self {
        credentials.map_or(Self::None, Self::Basic)
    }
}

/// A token as an `Authorization: Bearer` header, marked as sensitive; `None` where no header can hold it.
pub(super) fn bearer(token: &SecretString) -> Option<HeaderValue> {
    let text = format!("Bearer {}", token.expose_secret());
    let mut header = HeaderValue::try_from(text).ok()?;
    header.set_sensitive(true);
    Some(header)
}

/// The secret that is in `file`, without the end of its last line. `variable` is the setting that names the file.
///
/// # Errors
/// One sentence, when it cannot be read.
pub(super) fn secret_in(file: &Path, variable: &str) -> Result<SecretString, String> {
    let text = fs::read_to_string(file)
        .map_err(|error| format!("{variable} {file:?} cannot be read: {error}."))?;
    Ok(text.trim_end_matches(['\r', '\n']).into())
}
