//! Writes values of fields as JSON, by hand where a formatter would take several times as long.

use std::fmt::{self, Debug};

use serde::Serialize;

/// A field's value.
pub(super) enum Value<'a> {
    Text(&'a str),
    Integer(i64),
    Natural(u64),
    Number(f64),
    Truth(bool),
    /// Anything else: its `Debug` form, as a string.
    Shown(&'a dyn Debug),
}

impl Value<'_> {
    pub fn write(&self, line: &mut Vec<u8>) {
        match self {
            Self::Text(value) => write_text(line, value),
            Self::Integer(value) => write_json(line, value),
            Self::Natural(value) => write_json(line, value),
            Self::Number(value) => write_json(line, value),
            Self::Truth(value) => write_json(line, value),
            Self::Shown(value) => write_shown(line, value),
        }
    }
}

/// Writes text as a JSON string.
pub(super) fn write_text(line: &mut Vec<u8>, text: &str) {
    line.push(b'"');
    escape(line, text);
    line.push(b'"');
}

/// Writes the inside of a JSON string. Most texts have nothing to be escaped, and are copied.
fn escape(line: &mut Vec<u8>, text: &str) {
    let is_special = |byte: &u8| (*byte < b' ') | (*byte == b'"') | (*byte == b'\\');
    // The loop looks at all bytes: one that may end early is not vectorized.
    let special = text.as_bytes().iter().map(is_special);
    if !special.fold(false, |any, special| any | special) {
        line.extend_from_slice(text.as_bytes());
        return;
    }
    let start = line.len();
    write_json(line, text);
    line.pop();
    line.remove(start);
}

fn write_json(line: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    serde_json::to_writer(line, value).expect("strings and numbers are always JSON");
}

/// Writes a `Debug` form as a JSON string; the beginning of it, where it fails.
fn write_shown(line: &mut Vec<u8>, value: &dyn Debug) {
    line.push(b'"');
    let _ = fmt::write(&mut Escaped(line), format_args!("{value:?}"));
    line.push(b'"');
}

/// The inside of a JSON string.
struct Escaped<'a>(&'a mut Vec<u8>);

impl fmt::Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        escape(self.0, text);
        Ok(())
    }
}
