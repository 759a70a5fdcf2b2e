//! One segment of a path, as a caller sent it: it arrives whole or is refused, and never leaves its place.

use super::{BackendError, Result};

/// `segment` as it stands in a URL, encoded byte by byte: also what URL parsers drop, such as tabs, and the slashes that are
/// a part of it.
///
/// # Errors
/// 400 where a part of it is empty or dots. Proxies decode a path and clean it, and would take `x/../../api` elsewhere.
pub(super) fn encoded(segment: &str) -> Result<String> {
    let plain = ['/', '\\'];
    let decoded = segment.to_ascii_lowercase();
    let decoded = decoded.replace("%2f", "/").replace("%5c", "/");
    let is_empty = segment.split(plain).any(str::is_empty);
    if is_empty || decoded.split(plain).any(is_dots) {
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

/// Whether it is `.` or `..`, in any of their spellings, control characters beside them included.
pub(super) fn is_dots(segment: &str) -> bool {
    let bare: String = segment
        .chars()
        .filter(|letter| !letter.is_control())
        .collect();
    let dots = [".", "..", "%2e", ".%2e", "%2e.", "%2e%2e"];
    dots.iter().any(|dots| bare.eq_ignore_ascii_case(dots))
}
