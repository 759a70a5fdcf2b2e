//! The name of a back-end, for errors, metrics and traces.

use std::fmt;

/// The name of a back-end, as part of a sentence: "The back-end keeper cannot be reached."
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Name(Option<&'static str>);

impl Name {
    /// The back-end at `--backend-url`, which needs no name in a sentence.
    pub const DEFAULT: Self = Self(None);

    /// A back-end beside it.
    pub fn of(name: &'static str) -> Self {
        Self(Some(name))
    }

    /// The name as a label of metrics.
    pub fn label(self) -> &'static str {
        self.0.unwrap_or("default")
    }

    /// The name that somebody gave it.
    pub fn given(self) -> Option<&'static str> {
        self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(name) => write!(f, "back-end {name}"),
            None => f.write_str("back-end"),
        }
    }
}
