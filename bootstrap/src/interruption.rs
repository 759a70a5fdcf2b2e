//! Ctrl-C and the like, as a message instead of the end.

use std::sync::mpsc;

use anyhow::Result;

/// From now on, an interruption ends nothing by itself, but is received here.
///
/// # Errors
/// When that was asked for before.
pub fn heard() -> Result<mpsc::Receiver<()>> {
    let (sender, receiver) = mpsc::channel();
    ctrlc::set_handler(move || {
        let _ = sender.send(());
    })?;
    Ok(receiver)
}
