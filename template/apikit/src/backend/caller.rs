//! The caller of a request, and the credentials that the back-end gets.

use std::{convert::Infallible, fmt, sync::Arc};

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use secrecy::{ExposeSecret, SecretString};

use super::{BackendError, Result};
use crate::request_context::RequestContext;

/// Whoever sent the request, with their credentials. As an argument of a handler it never fails: whether credentials
/// are needed is known only when the back-end is asked.
#[derive(Clone, Default)]
pub struct Caller {
    authorization: Option<HeaderValue>,
    context: Option<Arc<RequestContext>>,
}

impl Caller {
    /// A caller without credentials, and of no request.
    pub fn anonymous() -> Self {
        Self::default()
    }

    /// Whoever sent these headers.
    pub fn from_headers(headers: &HeaderMap) -> Self {
        let mut authorization = headers.get(header::AUTHORIZATION).cloned();
        if let Some(header) = &mut authorization {
            header.set_sensitive(true);
        }
        Self {
            authorization,
            context: None,
        }
    }

    /// The context of the caller's request, if there is a request.
    pub(super) fn context(&self) -> Option<&RequestContext> {
        self.context.as_deref()
    }

    /// The same, for what outlives the caller.
    pub(super) fn shared_context(&self) -> Option<Arc<RequestContext>> {
        self.context.clone()
    }

    /// The user name and password that the caller sent as HTTP Basic; `None` when there are none.
    ///
    /// # Errors
    /// 401 when the header is there and is not HTTP Basic in UTF-8.
    pub fn credentials(&self) -> Result<Option<Credentials>> {
        self.read(Credentials::from_header)
    }

    /// The [`credentials`](Self::credentials) as a header, marked as sensitive.
    ///
    /// # Errors
    /// As there.
    pub(super) fn basic(&self) -> Result<Option<HeaderValue>> {
        self.read(|header| match is_usual(header) {
            // Encoding it again would cost as much as decoding it.
            true => pair(header).map(|_| header.clone()),
            false => Some(Credentials::from_header(header)?.to_header()),
        })
    }

    /// The `Authorization: Bearer` header that the caller sent, marked as sensitive.
    #[cfg(feature = "bitly-proxy")]
    pub(super) fn bearer(&self) -> Option<HeaderValue> {
        let header = self.authorization.as_ref()?;
        let (scheme, _) = header.as_bytes().split_at_checked("Bearer ".len())?;
        let is_bearer = scheme.eq_ignore_ascii_case(b"Bearer ");
        is_bearer.then(|| header.clone())
    }

    /// What `read` finds in the header, if there is one.
    fn read<T>(&self, read: impl FnOnce(&HeaderValue) -> Option<T>) -> Result<Option<T>> {
        let Some(header) = &self.authorization else {
            return Ok(None);
        };
        read(header).map(Some).ok_or_else(|| {
            BackendError::new(StatusCode::UNAUTHORIZED)
                .with_content("The Authorization header is not HTTP Basic in UTF-8.")
        })
    }
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.authorization {
            Some(_) => "Caller(with credentials)",
            None => "Caller(anonymous)",
        })
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> std::result::Result<Self, Infallible> {
        let context = parts.extensions.get().cloned();
        let caller = Self::from_headers(&parts.headers);
        Ok(Self { context, ..caller })
    }
}

/// The credentials that the back-end gets.
pub(super) enum Proof {
    /// Nothing.
    None,
    /// An `Authorization` header, marked as sensitive.
    Header(HeaderValue),
    /// A token that expires.
    Token(super::tokens::Tokens),
    /// Those for the proxy in front of it.
    #[cfg(feature = "bitly-proxy")]
    Proxy(super::proxy::Proof),
}

/// A user name and a password, or a token in its place.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The user name.
    pub username: String,
    /// The password: shown by no `Debug`, wiped from memory when dropped.
    pub password: SecretString,
}

impl Credentials {
    fn from_header(header: &HeaderValue) -> Option<Self> {
        let pair = pair(header)?;
        let (username, password) = pair.split_once(':')?;
        Some(Self {
            username: username.to_owned(),
            password: password.into(),
        })
    }

    /// The value of an `Authorization: Basic` header, marked as sensitive.
    pub fn to_header(&self) -> HeaderValue {
        let pair = format!("{}:{}", self.username, self.password.expose_secret());
        let encoded = format!("Basic {}", BASE64_STANDARD.encode(pair));
        let mut header = HeaderValue::try_from(encoded).expect("base64 is a legal header value");
        header.set_sensitive(true);
        header
    }
}

/// The content of an `Authorization: Basic` header: a user name and a password with a colon between them.
fn pair(header: &HeaderValue) -> Option<String> {
    let (scheme, encoded) = header.as_bytes().split_at_checked("Basic ".len())?;
    if !scheme.eq_ignore_ascii_case(b"Basic ") {
        return None;
    }
    let decoded = BASE64_STANDARD.decode(encoded.trim_ascii()).ok()?;
    let pair = String::from_utf8(decoded).ok()?;
    pair.contains(':').then_some(pair)
}

/// Whether an `Authorization: Basic` header is written as [`Credentials::to_header`] would write it.
fn is_usual(header: &HeaderValue) -> bool {
    let encoded = header.as_bytes().strip_prefix(b"Basic ");
    encoded.is_some_and(|encoded| encoded == encoded.trim_ascii())
}
