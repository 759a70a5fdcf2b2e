//! Why a call got no answer, or only a part of one.

use std::{error::Error, fmt, io};

use hyper_util::client::legacy;

/// An error of the client that sent the request.
#[derive(Debug)]
pub(super) enum CallError {
    Reqwest(reqwest::Error),
    Plain(legacy::Error),
}

impl CallError {
    /// Whether there was no connection to send it on.
    pub fn is_connect(&self) -> bool {
        match self {
            Self::Reqwest(error) => error.is_connect(),
            Self::Plain(error) => error.is_connect(),
        }
    }

    /// Whether a time limit of the client's has passed.
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::Reqwest(error) if error.is_timeout())
    }

    /// Whether the connection was closed before an answer came.
    pub fn is_closed(&self) -> bool {
        use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
        // Errors of a body that is read or sent are others.
        let is_of_the_head = match self {
            Self::Reqwest(error) => error.is_request(),
            Self::Plain(_) => true,
        };
        let is_closing = |error: &io::Error| {
            matches!(
                error.kind(),
                BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof
            )
        };
        is_of_the_head
            && !self.is_connect()
            && !self.is_timeout()
            && (self
                .hyper()
                .is_some_and(|error| error.is_incomplete_message() || error.is_canceled())
                || cause::<io::Error>(self).is_some_and(is_closing))
    }

    /// What hyper made of the bytes.
    pub fn hyper(&self) -> Option<&hyper::Error> {
        cause(self)
    }

    /// Without the URL, which holds what callers sent.
    pub fn without_url(self) -> Self {
        match self {
            Self::Reqwest(error) => Self::Reqwest(error.without_url()),
            Self::Plain(_) => self,
        }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reqwest(error) => error.fmt(f),
            Self::Plain(error) => error.fmt(f),
        }
    }
}

impl Error for CallError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Reqwest(error) => error.source(),
            Self::Plain(error) => error.source(),
        }
    }
}

impl From<reqwest::Error> for CallError {
    fn from(error: reqwest::Error) -> Self {
        Self::Reqwest(error)
    }
}

/// The first cause of an error that is of this type.
fn cause<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut next = error.source();
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}
