//! What goes to standard output, whose reader may have left: `update --dry-run | head` is no fault.

use std::io::{self, ErrorKind, Write};

use anyhow::{Context, Result};

/// Prints a text as it is, as far as anyone reads it.
///
/// # Errors
/// When it cannot be written for another reason, such as a full disk.
pub fn print(text: &str) -> Result<()> {
    let mut output = io::stdout().lock();
    match output
        .write_all(text.as_bytes())
        .and_then(|()| output.flush())
    {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.context("standard output cannot be written"),
    }
}
