//! The one error of the API, and its answer.

use std::{borrow::Cow, error::Error, fmt, time::Duration};

use axum::{
    Json,
    extract::multipart::MultipartError,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

/// How many letters of a content are logged, and told to the operator.
const MAX_EXCERPT: usize = 200;

/// What handlers return.
pub type Result<T, E = BackendError> = std::result::Result<T, E>;

/// A failure, which the caller gets as
/// `{"reason": string, "status_code": int, "error_content": string | null}`.
///
/// The caller gets the status, its reason and the content; the log gets the source as well.
#[derive(Debug)]
pub struct BackendError {
    status: StatusCode,
    reason: Cow<'static, str>,
    content: Option<String>,
    challenges: Vec<HeaderValue>,
    retry_after: Option<Duration>,
    source: Option<Box<dyn Error + Send + Sync>>,
    routine: bool,
    answered: Option<StatusCode>,
}

impl BackendError {
    /// An error with `status`, its standard reason and no content.
    ///
    /// A status below 400 is no error: it becomes a 500.
    pub fn new(status: StatusCode) -> Self {
        let status = if status.as_u16() < 400 {
            StatusCode::INTERNAL_SERVER_ERROR
        } else {
            status
        };
        Self {
            status,
            reason: status.canonical_reason().unwrap_or("Unknown Status").into(),
            content: None,
            challenges: Vec::new(),
            retry_after: None,
            source: None,
            routine: false,
            answered: None,
        }
    }

    /// 400: the caller must change the request; `content` says how.
    pub fn bad_request(content: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST).with_content(content)
    }

    /// 401: the caller sent no credentials, and must.
    pub fn no_authorization() -> Self {
        Self::new(StatusCode::UNAUTHORIZED).with_content("No authorization provided.")
    }

    /// 403: the caller is known, but not allowed.
    pub fn forbidden(content: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN).with_content(content)
    }

    /// 404: nothing is here.
    pub fn not_found(content: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND).with_content(content)
    }

    /// 502: the back-end could not be reached, or its answer cannot be used.
    pub fn bad_gateway(content: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_GATEWAY).with_content(content)
    }

    /// 503: not now, but after `retry_after` (`Retry-After`, in whole seconds, rounded up).
    pub fn unavailable(content: impl Into<String>, retry_after: Duration) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE)
            .with_content(content)
            .with_retry_after(retry_after)
    }

    /// 504: the back-end, or the whole request, took too long.
    pub fn gateway_timeout(content: impl Into<String>) -> Self {
        Self::new(StatusCode::GATEWAY_TIMEOUT).with_content(content)
    }

    /// 500: a fault of the service itself. The caller gets the request id, the log the source.
    pub fn internal(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR).with_source(source)
    }

    /// Adds what happened, in words for the caller.
    pub fn with_content(mut self, content: impl Into<String>) -> Self {
        self.content = Some(content.into());
        self
    }

    /// Replaces the standard reason of the status.
    pub fn with_reason(mut self, reason: impl Into<Cow<'static, str>>) -> Self {
        self.reason = reason.into();
        self
    }

    /// Adds a `WWW-Authenticate` header, after those that are there. What is no legal header is left out.
    pub fn with_challenge<V: TryInto<HeaderValue>>(mut self, challenge: V) -> Self {
        self.challenges.extend(challenge.try_into());
        self
    }

    /// Adds a `WWW-Authenticate` header before those that are there.
    pub(super) fn with_first_challenge(mut self, challenge: HeaderValue) -> Self {
        self.challenges.insert(0, challenge);
        self
    }

    /// Adds a `Retry-After` header.
    pub fn with_retry_after(mut self, retry_after: Duration) -> Self {
        self.retry_after = Some(retry_after);
        self
    }

    /// Keeps the cause, for the log alone.
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Logs at `debug` only: for what machines ask every few seconds.
    pub(super) fn logged_at_debug(mut self) -> Self {
        self.routine = true;
        self
    }

    /// Records the status that the back-end answered with, which may differ from the caller's.
    pub(super) fn with_answered(mut self, status: StatusCode) -> Self {
        self.answered = Some(status);
        self
    }

    /// The status that the back-end answered with, where it did.
    pub(super) fn answered(&self) -> Option<StatusCode> {
        self.answered
    }

    /// The status of the answer: 400 or above.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    fn log(&self) {
        let status = self.status.as_u16();
        let cause = self
            .source
            .as_deref()
            .map(|source| causes(source))
            .unwrap_or_default();
        let content = self.content.as_deref().map(excerpt).unwrap_or_default();
        match status {
            _ if self.routine => {
                tracing::debug!(status, ?content, cause, "the request was refused");
            }
            500 => tracing::error!(status, ?content, cause, "the request failed"),
            501.. => tracing::warn!(status, ?content, cause, "the request failed"),
            _ => tracing::debug!(status, ?content, cause, "the request was refused"),
        }
    }
}

impl fmt::Display for BackendError {
    /// One line, as far as the content is a back-end's: of that, only the beginning is shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status.as_u16(), self.reason)?;
        match &self.content {
            Some(text) if self.answered.is_some() => write!(f, ": {}", excerpt(text)),
            Some(content) => write!(f, ": {content}"),
            None => Ok(()),
        }
    }
}

impl Error for BackendError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl IntoResponse for BackendError {
    fn into_response(self) -> Response {
        self.log();
        let mut response = ErrorBody {
            reason: &self.reason,
            status_code: self.status.as_u16(),
            error_content: self.content.as_deref(),
        }
        .into_response(self.status);
        if self.status == StatusCode::INTERNAL_SERVER_ERROR && self.content.is_none() {
            response.extensions_mut().insert(InShape::ButForItsId);
        }
        let headers = response.headers_mut();
        for challenge in self.challenges {
            headers.append(header::WWW_AUTHENTICATE, challenge);
        }
        if let Some(wait) = self.retry_after {
            let seconds = wait
                .as_secs()
                .saturating_add(u64::from(wait.subsec_nanos() > 0));
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

impl From<MultipartError> for BackendError {
    /// What is wrong with an upload: 400, or 413 where it is larger than the route's `DefaultBodyLimit`.
    fn from(error: MultipartError) -> Self {
        Self::new(error.status()).with_content(error.body_text())
    }
}

/// The body of every error.
#[derive(Serialize, ToSchema)]
#[schema(as = BackendError)]
pub(super) struct ErrorBody<'a> {
    /// The meaning of the status, in a few words.
    #[schema(example = "Not Found")]
    pub reason: &'a str,
    /// The status of the answer.
    #[schema(example = 404, minimum = 400, maximum = 999)]
    pub status_code: u16,
    /// What happened, in words for the caller.
    #[schema(example = "Nothing is served at /nowhere.", required)]
    pub error_content: Option<&'a str>,
}

impl ErrorBody<'_> {
    pub fn into_response(self, status: StatusCode) -> Response {
        let mut response = (status, Json(self)).into_response();
        response.extensions_mut().insert(InShape::Complete);
        response
    }
}

/// Marks an answer whose body needs no reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InShape {
    /// A body of the author's own, which stays as it is.
    Verbatim,
    /// An [`ErrorBody`], whole.
    Complete,
    /// An [`ErrorBody`] that has yet to name the request's id. The log has the cause already.
    ButForItsId,
}

/// The letters of a text in one line: blanks and control characters between words are one blank.
pub(crate) fn in_one_line(text: &str) -> impl Iterator<Item = char> {
    let words = text.split(|letter: char| letter.is_whitespace() || letter.is_control());
    let words = words.filter(|word| !word.is_empty());
    words
        .flat_map(|word| [" ", word])
        .skip(1)
        .flat_map(str::chars)
}

/// The beginning of a text that may be a back-end's: a long page, or lines that imitate a log's.
fn excerpt(text: &str) -> String {
    let mut letters = in_one_line(text);
    let mut excerpt: String = letters.by_ref().take(MAX_EXCERPT).collect();
    if letters.next().is_some() {
        excerpt.push('…');
    }
    excerpt
}

/// The whole chain of an error, outermost first: `a: b: c`.
pub(crate) fn causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        text.push_str(": ");
        text.push_str(&error.to_string());
        next = error.source();
    }
    text
}
