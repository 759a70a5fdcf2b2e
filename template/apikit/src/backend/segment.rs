//! One segment of a path, as a caller sent it: it arrives whole or is refused, and never leaves its place.

use std::borrow::Cow;

use super::{BackendError, Result};

/// `segment` as it stands in a URL, encoded byte by byte: also what URL parsers drop, such as tabs, and the slashes that are
/// a part of it.
///
/// # Errors
/// 400 where a part of it is empty or dots. Proxies decode a path and clean it, and would take `x/../../api` elsewhere, and
/// `a//b` for `a/b`. Slashes that come percent-encoded, and so are encoded twice, count as well: some proxies decode twice. But
/// at the ends of a segment they only lead to its place, and a segment `%2F` arrives as it is.
pub(super) fn encoded(segment: &str) -> Result<String> {
    let plain = ['/', '\\'];
    let is_empty = segment.is_empty()
        || segment.starts_with(plain)
        || segment.ends_with(plain)
        || with_plain_slashes(segment).contains("//");
    if is_empty || has_dots(segment) {
        let why = format!("{segment:?} cannot be part of a path.");
        return Err(BackendError::bad_request(why));
    }
    let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&byte);
    let encode = |byte: u8| match is_legal(byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    Ok(segment.bytes().map(encode).collect())
}

/// Whether a part of `path` between slashes, plain or percent-encoded, is dots.
pub(super) fn has_dots(path: &str) -> bool {
    with_plain_slashes(path).split('/').any(is_dots)
}

fn with_plain_slashes(path: &str) -> Cow<'_, str> {
    if !path.contains(['%', '\\']) {
        return Cow::Borrowed(path);
    }
    let path = path.to_ascii_lowercase().replace('\\', "/");
    Cow::Owned(path.replace("%2f", "/").replace("%5c", "/"))
}

/// Whether it is `.` or `..`, in any of their spellings, control characters beside them included.
fn is_dots(segment: &str) -> bool {
    let bare: String = segment
        .chars()
        .filter(|letter| !letter.is_control())
        .collect();
    let dots = [".", "..", "%2e", ".%2e", "%2e.", "%2e%2e"];
    dots.iter().any(|dots| bare.eq_ignore_ascii_case(dots))
}
