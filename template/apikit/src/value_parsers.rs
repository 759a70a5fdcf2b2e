//! Parsers of values that several settings share, for clap.

use std::time::Duration;

use bytesize::ByteSize;

/// A whole number greater than zero.
pub(crate) fn count(text: &str) -> Result<usize, &'static str> {
    match text.parse() {
        Ok(count) if count > 0 => Ok(count),
        _ => Err("it must be a whole number of at least 1"),
    }
}

/// A number of bytes such as `64MiB`, large enough for a body of the least size that counts.
pub(crate) fn size(text: &str) -> Result<usize, &'static str> {
    const RULE: &str = "it must be a size of at least 1MiB, such as 64MiB or 100MB";
    let size: ByteSize = text.parse().map_err(|_| RULE)?;
    match usize::try_from(size.as_u64()) {
        Ok(size) if size >= 1024 * 1024 => Ok(size),
        _ => Err(RULE),
    }
}

/// A time span such as `500ms` or `10s`, or `0s` for none.
pub(crate) fn time_or_none(text: &str) -> Result<Duration, &'static str> {
    humantime::parse_duration(text).map_err(|_| "it must be a time such as 500ms, 10s or 2m")
}

/// A time span greater than zero, such as `500ms` or `10s`.
pub(crate) fn time(text: &str) -> Result<Duration, &'static str> {
    match time_or_none(text)? {
        Duration::ZERO => Err("it must be more than zero, such as 500ms or 10s"),
        time => Ok(time),
    }
}
