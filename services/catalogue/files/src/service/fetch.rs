//! Asks a service for one thing, with a bound on its time and its size: it may hang, lie, or never end.

use std::{fmt, future::Future};

use apikit::reqwest::{
    Client, Error, Response, StatusCode, Url,
    header::{ACCEPT_ENCODING, HeaderMap, HeaderValue},
    redirect::Policy,
};
use tokio::time::{Instant, timeout_at};

use crate::identity::IDENTITY;

/// Asks services. Clones share connections.
#[derive(Clone)]
pub struct Fetcher(Client);

/// The `X-Request-Id` of what is asked of the contract.
pub const REQUEST_ID: &str = "catalogue-contract";

/// An answer, whatever its status.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    /// The value of a header, where it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Why a service did not answer as it should, as the second half of a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchError {
    /// Nobody is there, or what is there speaks no HTTP.
    Unreachable,
    /// The answer ended before its end.
    Broken,
    /// There was no answer in time, or no end of it.
    Late,
    /// The answer is no success, and no redirect.
    Status(StatusCode),
    /// The answer leads elsewhere. It is not followed: the service is what stands at its own address.
    Redirect,
    /// The answer has more bytes than this.
    TooLong(usize),
}

impl Fetcher {
    /// A client that follows no redirects, and that no proxy is between.
    ///
    /// # Errors
    /// When the system has no certificates or the like.
    pub fn new() -> Result<Self, Error> {
        let plain = (ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let client = Client::builder()
            .user_agent(IDENTITY.metadata.name)
            .default_headers(HeaderMap::from_iter([plain]))
            .redirect(Policy::none())
            .no_proxy()
            // Looks come further apart than servers keep connections.
            .pool_max_idle_per_host(0)
            .build()?;
        Ok(Self(client))
    }

    /// The status of the answer, whose body is left unread.
    ///
    /// # Errors
    /// When there is none by `deadline`.
    pub async fn status(&self, url: Url, deadline: Instant) -> Result<StatusCode, FetchError> {
        let answer = in_time(deadline, self.0.get(url).send()).await?;
        answer
            .map(|answer| answer.status())
            .map_err(|_| FetchError::Unreachable)
    }

    /// An answer with a body of `limit` bytes at most, to a request with [`REQUEST_ID`].
    ///
    /// # Errors
    /// When there is none, or no end of it by `deadline`.
    pub async fn ask(
        &self,
        url: Url,
        limit: usize,
        deadline: Instant,
    ) -> Result<Answer, FetchError> {
        in_time(deadline, async {
            let request = self.0.get(url).header("x-request-id", REQUEST_ID);
            let answer = request.send().await.map_err(|_| FetchError::Unreachable)?;
            Ok(Answer {
                status: answer.status(),
                headers: answer.headers().clone(),
                body: body(answer, limit).await?,
            })
        })
        .await?
    }

    /// The body of a successful answer, of `limit` bytes at most.
    ///
    /// # Errors
    /// When there is no such answer, or no end of it by `deadline`.
    pub async fn get(
        &self,
        url: Url,
        limit: usize,
        deadline: Instant,
    ) -> Result<Vec<u8>, FetchError> {
        in_time(deadline, async {
            let answer = self.0.get(url).send().await;
            let answer = answer.map_err(|_| FetchError::Unreachable)?;
            match answer.status() {
                status if status.is_success() => body(answer, limit).await,
                status if status.is_redirection() => Err(FetchError::Redirect),
                status => Err(FetchError::Status(status)),
            }
        })
        .await?
    }
}

async fn in_time<T>(deadline: Instant, work: impl Future<Output = T>) -> Result<T, FetchError> {
    let done = timeout_at(deadline, work).await;
    done.map_err(|_| FetchError::Late)
}

async fn body(mut answer: Response, limit: usize) -> Result<Vec<u8>, FetchError> {
    let told = answer.content_length().unwrap_or_default();
    if told > limit as u64 {
        return Err(FetchError::TooLong(limit));
    }
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|_| FetchError::Broken)? {
        if body.len() + chunk.len() > limit {
            return Err(FetchError::TooLong(limit));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable => f.write_str("cannot be reached"),
            Self::Broken => f.write_str("breaks off"),
            Self::Late => f.write_str("does not answer in time"),
            Self::Status(status) => write!(f, "answers {}", status.as_u16()),
            Self::Redirect => f.write_str("leads elsewhere, which is not followed"),
            Self::TooLong(limit) => write!(f, "has more than {} KiB", limit / 1024),
        }
    }
}
