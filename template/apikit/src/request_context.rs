//! The context of a request, which its calls to back-ends carry on: its id, and its W3C trace context.

use std::fmt;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use tracing::Span;

use crate::held_bodies::HeldBodies;

/// The header of a request's id, in the request and in the answer.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The headers of the W3C Trace Context.
const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACE_STATE: HeaderName = HeaderName::from_static("tracestate");

/// Longer ids than this are a mistake, and would be copied into every log line.
const MAX_ID: usize = 128;

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// The id and the trace context of a request. It is an extension of the request, as `Arc<RequestContext>`, and goes
/// to back-ends with the [`Caller`](crate::Caller).
#[derive(Debug)]
pub struct RequestContext {
    id: RequestId,
    parent: Option<HeaderValue>,
    state: Option<HeaderValue>,
    span: Span,
    held: HeldBodies,
}

impl RequestContext {
    /// The context of a request with these headers; its id is made where none was sent.
    pub fn of(headers: &HeaderMap) -> Self {
        let parent = headers.get(TRACE_PARENT).filter(|value| is_parent(value));
        Self {
            id: RequestId::of(headers),
            state: parent.and_then(|_| joined(headers, &TRACE_STATE)),
            parent: parent.cloned(),
            span: Span::none(),
            held: HeldBodies::default(),
        }
    }

    /// The context of a request that has this span.
    pub(super) fn in_span(self, span: Span) -> Self {
        Self { span, ..self }
    }

    /// The request's span: for what is done for the request in other tasks, too.
    pub(super) fn span(&self) -> &Span {
        &self.span
    }

    /// The bodies that are held for the request.
    pub(super) fn held_bodies(&self) -> &HeldBodies {
        &self.held
    }

    /// The request's id.
    pub fn id(&self) -> &RequestId {
        &self.id
    }

    /// The id of the trace that the request's `traceparent` names: 32 hexadecimal digits.
    pub fn trace_id(&self) -> Option<&str> {
        let parent = self.parent.as_ref()?.to_str().ok()?;
        parent.get(3..35)
    }

    /// The value of one of the headers of the W3C Trace Context.
    #[cfg(feature = "otlp")]
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let value = match name {
            _ if name == TRACE_PARENT => &self.parent,
            _ if name == TRACE_STATE => &self.state,
            _ => &None,
        };
        value.as_ref()?.to_str().ok()
    }

    /// Adds the context to the headers of a call to the back-end. Headers that are there already stay:
    /// the call may have a span of its own.
    pub(super) fn pass_on(&self, headers: &mut HeaderMap) {
        headers
            .entry(REQUEST_ID)
            .or_insert_with(|| self.id.to_header());
        let Some(parent) = &self.parent else {
            return;
        };
        if !headers.contains_key(TRACE_PARENT) {
            headers.insert(TRACE_PARENT, parent.clone());
            headers.extend(self.state.clone().map(|state| (TRACE_STATE, state)));
        }
    }
}

/// A header's values as one, as a list may come in several headers.
fn joined(headers: &HeaderMap, name: &HeaderName) -> Option<HeaderValue> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?.clone();
    values.try_fold(first, |list, value| {
        HeaderValue::from_bytes(&[list.as_bytes(), b",", value.as_bytes()].concat()).ok()
    })
}

/// The id of one request: the client's own where it is sane, else 32 random hexadecimal digits.
#[derive(Clone, Debug)]
pub struct RequestId(Origin);

#[derive(Clone, Debug)]
enum Origin {
    Sent(HeaderValue),
    /// Digits without an allocation, since nearly every request has them.
    Made([u8; 32]),
}

impl RequestId {
    fn of(headers: &HeaderMap) -> Self {
        let sent = headers.get(REQUEST_ID);
        match sent.filter(|id| is_sane(id.as_bytes())) {
            Some(id) => Self(Origin::Sent(id.clone())),
            None => Self(Origin::Made(random_digits())),
        }
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Origin::Sent(id) => id.to_str().expect("a sane id is ASCII"),
            Origin::Made(digits) => str::from_utf8(digits).expect("digits are ASCII"),
        }
    }

    /// The id as the value of a header.
    pub fn to_header(&self) -> HeaderValue {
        match &self.0 {
            Origin::Sent(id) => id.clone(),
            Origin::Made(digits) => {
                HeaderValue::from_bytes(digits).expect("digits are a legal header value")
            }
        }
    }
}

/// Written by hand, since a formatter takes four times as long.
fn random_digits() -> [u8; 32] {
    let mut digits = [0; 32];
    let random = fastrand::u128(..).to_ne_bytes();
    for (pair, byte) in digits.chunks_exact_mut(2).zip(random) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 0xf)];
    }
    digits
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

fn is_sane(id: &[u8]) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    (1..=MAX_ID).contains(&id.len()) && id.iter().all(plain)
}

/// Whether a `traceparent` is one: version, trace, span and flags, such as
/// `00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01`. A later version may add more at the end, as the
/// standard allows.
fn is_parent(value: &HeaderValue) -> bool {
    let bytes = value.as_bytes();
    let mut parts = bytes.split(|byte| *byte == b'-');
    let lengths_are_right = [2, 32, 16, 2].into_iter().all(|length| {
        let digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        parts
            .next()
            .is_some_and(|part| part.len() == length && part.iter().all(digit))
    });
    let is_null = |part: &[u8]| part.iter().all(|byte| *byte == b'0');
    lengths_are_right
        && !bytes.starts_with(b"ff")
        && (!bytes.starts_with(b"00") || bytes.len() == 55)
        && !is_null(&bytes[3..35])
        && !is_null(&bytes[36..52])
}
