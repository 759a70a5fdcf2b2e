//! Redirects of the back-end: which are followed, and why another one is not.

use std::fmt;

use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header::LOCATION};
use reqwest::{Response, Url};

/// How many redirects of one call are followed.
pub(super) const MAX_REDIRECTS: usize = 10;

/// Why a redirect is not followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NotFollowed {
    NoTarget,
    OtherOrigin(String),
    OtherMethod(Method),
    Stream,
    OutOf(Box<str>),
    TooMany,
}

impl fmt::Display for NotFollowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoTarget => f.write_str("to no place that it names"),
            Self::OtherOrigin(origin) => {
                write!(f, "to {origin}, which is another origin than its own")
            }
            Self::OtherMethod(method) => {
                write!(
                    f,
                    "a {method}, and only GET and HEAD are sent to another place"
                )
            }
            Self::Stream => f.write_str("a request whose body is a stream, which is sent once"),
            Self::OutOf(path) => {
                write!(
                    f,
                    "out of {path}, where a part of the path comes from the caller"
                )
            }
            Self::TooMany => write!(f, "more than {MAX_REDIRECTS} times"),
        }
    }
}

/// Whether a status redirects to its `Location`.
pub(super) fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// The target of a redirect within its origin, for a request of this method.
pub(super) fn target(response: &Response, method: &Method) -> Result<Url, NotFollowed> {
    let url = response.url();
    let target = location(url, response.headers()).ok_or(NotFollowed::NoTarget)?;
    if target.origin() != url.origin() {
        let origin = target.origin().ascii_serialization();
        return Err(NotFollowed::OtherOrigin(origin));
    }
    match *method {
        Method::GET | Method::HEAD => Ok(target),
        _ => Err(NotFollowed::OtherMethod(method.clone())),
    }
}

/// The URL in the `Location` of the answer from `url`; `None` where there is none.
///
/// Bytes beyond ASCII, which belong there percent-encoded, are encoded as they are, as browsers do.
pub(super) fn location(url: &Url, headers: &HeaderMap) -> Option<Url> {
    url.join(&text(headers.get(LOCATION)?)).ok()
}

/// A header with a URL as text: bytes beyond ASCII are percent-encoded.
pub(super) fn text(header: &HeaderValue) -> String {
    let mut text = String::with_capacity(header.len());
    for byte in header.as_bytes() {
        match byte.is_ascii() {
            true => text.push(char::from(*byte)),
            false => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_beyond_ascii_are_encoded_as_they_are() {
        let page: Url = "https://example.org/a/b".parse().unwrap();
        for (sent, found) in [
            (&b"/caf\xc3\xa9"[..], "https://example.org/caf%C3%A9"),
            (b"/caf\xe9", "https://example.org/caf%E9"),
            (
                b"/caf%C3%A9?q=\xc3\xa9",
                "https://example.org/caf%C3%A9?q=%C3%A9",
            ),
            (b"c d", "https://example.org/a/c%20d"),
            (b"//example.org/x", "https://example.org/x"),
        ] {
            let value = HeaderValue::from_bytes(sent).unwrap();
            let headers = HeaderMap::from_iter([(LOCATION, value)]);
            assert_eq!(
                location(&page, &headers).map(String::from).as_deref(),
                Some(found)
            );
        }
        assert_eq!(location(&page, &HeaderMap::new()), None);
    }
}
