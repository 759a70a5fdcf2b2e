//! House: answers with bytes that stay the same for as long as the program runs.

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

/// Browsers keep it and ask whether it has changed, so that nobody sees the page of an older version.
const KEEP_AND_ASK: HeaderValue = HeaderValue::from_static("no-cache");

const NO_GUESSING: HeaderValue = HeaderValue::from_static("nosniff");
const GZIP: HeaderValue = HeaderValue::from_static("gzip");

/// What is in front of the deflated stream in a gzip file without a name, and behind it.
pub(super) const GZIP_HEAD: usize = 10;
pub(super) const GZIP_TAIL: usize = 8;

/// A body, its media type and the tag that it is recognised by.
#[derive(Clone)]
pub(super) struct Asset {
    content_type: HeaderValue,
    body: Body,
    tag: HeaderValue,
}

#[derive(Clone)]
enum Body {
    Plain(Bytes),
    Gzip(Gzip),
}

/// A gzip file, which is inflated for those who do not take it: once, when the first one asks.
#[derive(Clone)]
struct Gzip {
    file: &'static [u8],
    inflated: Arc<OnceLock<Bytes>>,
}

impl Asset {
    pub fn new(content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        Self {
            content_type: HeaderValue::from_static(content_type),
            tag: tag(&body),
            body: Body::Plain(body),
        }
    }

    /// `file` is a gzip file whose head has no name or other extras.
    pub fn gzipped(content_type: &'static str, file: &'static [u8]) -> Self {
        Self {
            content_type: HeaderValue::from_static(content_type),
            // The end of the file is a checksum of what is in it.
            tag: tag(&file[file.len() - GZIP_TAIL..]),
            body: Body::Gzip(Gzip {
                file,
                inflated: Arc::default(),
            }),
        }
    }

    /// The answer to a request with these headers: the body, or 304 when the client has it.
    pub fn answer(&self, request: &HeaderMap) -> Response {
        let mut response = match &self.body {
            _ if has(request, &self.tag) => StatusCode::NOT_MODIFIED.into_response(),
            Body::Plain(body) => body.clone().into_response(),
            Body::Gzip(gzip) if takes_gzip(request) => {
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
        headers.insert(header::CACHE_CONTROL, KEEP_AND_ASK);
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

/// A weak tag, as the body is the same in meaning and not in bytes when it is inflated.
fn tag(bytes: &[u8]) -> HeaderValue {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    let tag = format!(r#"W/"{:016x}""#, hasher.finish());
    HeaderValue::try_from(tag).expect("hexadecimal digits are a legal header value")
}

/// Whether the client has what `tag` stands for.
fn has(request: &HeaderMap, tag: &HeaderValue) -> bool {
    list(request, header::IF_NONE_MATCH).any(|known| known == "*" || known.as_bytes() == tag)
}

/// Whether the client takes gzip. One that says nothing takes anything, in the words of RFC 9110.
fn takes_gzip(request: &HeaderMap) -> bool {
    if !request.contains_key(header::ACCEPT_ENCODING) {
        return true;
    }
    let wish = |wanted: &str| {
        list(request, header::ACCEPT_ENCODING).find_map(|coding| {
            let (name, weight) = coding.split_once(';').unwrap_or((coding, "q=1"));
            let weight = weight.trim().trim_start_matches("q=").parse::<f32>();
            name.trim()
                .eq_ignore_ascii_case(wanted)
                .then(|| weight.is_ok_and(|weight| weight > 0.0))
        })
    };
    wish("gzip").or_else(|| wish("*")).unwrap_or(false)
}

/// What stands between the commas of a header.
fn list(request: &HeaderMap, name: header::HeaderName) -> impl Iterator<Item = &str> {
    request
        .get_all(name)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
}
