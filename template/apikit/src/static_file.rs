//! Static files: bodies that never change while the program runs, with `ETag` and gzip.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, OnceLock},
};

use axum::{
    body::Bytes,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use miniz_oxide::inflate::decompress_to_vec;

use crate::accept::weighted;

/// Browsers may store it, but must revalidate it, so that nobody sees the page of an older version.
const REVALIDATE: HeaderValue = HeaderValue::from_static("no-cache");

const NO_GUESSING: HeaderValue = HeaderValue::from_static("nosniff");
const GZIP: HeaderValue = HeaderValue::from_static("gzip");

/// The lengths of the header and the trailer of a gzip file without a name.
pub(super) const GZIP_HEAD: usize = 10;
pub(super) const GZIP_TAIL: usize = 8;

/// A body, its media type and its entity tag.
#[derive(Clone)]
pub(super) struct StaticFile {
    content_type: HeaderValue,
    body: Body,
    tag: HeaderValue,
}

#[derive(Clone)]
enum Body {
    Plain(Bytes),
    Gzip(Gzip),
}

/// A gzip file. It is inflated once, for the first client that does not accept gzip.
#[derive(Clone)]
struct Gzip {
    file: &'static [u8],
    inflated: Arc<OnceLock<Bytes>>,
}

impl StaticFile {
    pub fn new(content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        Self {
            content_type: HeaderValue::from_static(content_type),
            tag: tag(&body),
            body: Body::Plain(body),
        }
    }

    /// A gzip file whose header has no name or other extras.
    pub fn gzipped(content_type: &'static str, file: &'static [u8]) -> Self {
        Self {
            content_type: HeaderValue::from_static(content_type),
            // The trailer of the file is a checksum of its content.
            tag: tag(&file[file.len() - GZIP_TAIL..]),
            body: Body::Gzip(Gzip {
                file,
                inflated: Arc::default(),
            }),
        }
    }

    /// The answer to a request with these headers: the body, or 304 when the client's copy is current.
    pub fn answer(&self, request: &HeaderMap) -> Response {
        let mut response = match &self.body {
            _ if has(request, &self.tag) => StatusCode::NOT_MODIFIED.into_response(),
            Body::Plain(body) => body.clone().into_response(),
            Body::Gzip(gzip) if accepts_gzip(request) => {
                ([(header::CONTENT_ENCODING, GZIP)], gzip.file).into_response()
            }
            Body::Gzip(gzip) => gzip.inflated().into_response(),
        };
        let headers = response.headers_mut();
        if let Body::Gzip(_) = self.body {
            headers.insert(header::VARY, header::ACCEPT_ENCODING.into());
        }
        headers.insert(header::CONTENT_TYPE, self.content_type.clone());
        headers.insert(header::ETAG, self.tag.clone());
        headers.insert(header::CACHE_CONTROL, REVALIDATE);
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, NO_GUESSING);
        response
    }
}

impl Gzip {
    fn inflated(&self) -> Bytes {
        let deflated = &self.file[GZIP_HEAD..self.file.len() - GZIP_TAIL];
        let inflate = || {
            decompress_to_vec(deflated)
                .expect("it is as it was built")
                .into()
        };
        self.inflated.get_or_init(inflate).clone()
    }
}

/// A weak tag: the inflated body means the same, but has other bytes.
fn tag(bytes: &[u8]) -> HeaderValue {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    let tag = format!(r#"W/"{:016x}""#, hasher.finish());
    HeaderValue::try_from(tag).expect("hexadecimal digits are a legal header value")
}

/// Whether `If-None-Match` has `tag`. Tags are compared weakly: `W/` makes no difference (RFC 9110, 13.1.2).
fn has(request: &HeaderMap, tag: &HeaderValue) -> bool {
    let opaque = tags(tag.as_bytes()).next();
    request.get_all(header::IF_NONE_MATCH).iter().any(|known| {
        let known = known.as_bytes();
        known.trim_ascii() == b"*" || tags(known).any(|known| Some(known) == opaque)
    })
}

/// What is between the quotes of each tag of a list, up to where it is malformed. It may have commas.
fn tags(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = list;
    std::iter::from_fn(move || {
        while let [b',' | b' ' | b'\t', after @ ..] = rest {
            rest = after;
        }
        let quoted = rest.strip_prefix(b"W/").unwrap_or(rest);
        let inside = quoted.strip_prefix(b"\"")?;
        let end = inside.iter().position(|byte| *byte == b'"')?;
        rest = &inside[end + 1..];
        Some(&inside[..end])
    })
}

/// Whether the client prefers gzip, or has nothing against it. Without `Accept-Encoding` it may be one that inflates
/// nothing, such as curl, though RFC 9110, 12.5.3, lets it have anything.
fn accepts_gzip(request: &HeaderMap) -> bool {
    let weight = |wanted: &[&str]| {
        let mut codings = weighted(request, header::ACCEPT_ENCODING);
        let found =
            codings.find(|(name, _)| wanted.iter().any(|one| name.eq_ignore_ascii_case(one)));
        found.map(|(_, weight)| weight)
    };
    let gzip = weight(&["gzip", "x-gzip"]).or_else(|| weight(&["*"]));
    let identity = weight(&["identity"]).unwrap_or(0);
    gzip.is_some_and(|gzip| gzip > 0 && gzip >= identity)
}
