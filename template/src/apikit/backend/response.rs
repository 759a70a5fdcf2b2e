//! House: what the back-end answered, read within bounds.

use std::fmt;

use axum::http::{HeaderMap, StatusCode, header};
use bytes::{Bytes, BytesMut};
use encoding_rs::{Encoding, UTF_8};
use serde::de::DeserializeOwned;

use super::{BackendError, Result, retry::retry_after};

/// The largest body that is read into memory.
const MAX_BODY: usize = 16 * 1024 * 1024;

/// How much of a refusal's body is passed on to the caller.
const MAX_REFUSAL: usize = 64 * 1024;

/// A successful answer of the back-end. `Debug` shows its status alone: headers may set cookies.
pub struct BackendResponse(reqwest::Response);

impl fmt::Debug for BackendResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BackendResponse({})", self.status())
    }
}

impl BackendResponse {
    pub(super) fn new(response: reqwest::Response) -> Self {
        Self(response)
    }

    /// The status: a success, or 304 where the request was conditional.
    pub fn status(&self) -> StatusCode {
        self.0.status()
    }

    /// The headers.
    pub fn headers(&self) -> &HeaderMap {
        self.0.headers()
    }

    /// The body as text, in the encoding that its `Content-Type` names, else in UTF-8.
    ///
    /// Bytes that are no text in that encoding become U+FFFD (`�`): a back-end that cannot spell
    /// is no reason to fail.
    ///
    /// # Errors
    /// As [`bytes`](Self::bytes).
    pub async fn text(self) -> Result<String> {
        let encoding = charset(self.headers()).unwrap_or(UTF_8);
        let bytes = self.bytes().await?;
        Ok(encoding.decode(&bytes).0.into_owned())
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// As [`bytes`](Self::bytes); 502 when it is no JSON of that shape.
    pub async fn json<T: DeserializeOwned>(self) -> Result<T> {
        let bytes = self.bytes().await?;
        serde_json::from_slice(&bytes).map_err(|error| {
            BackendError::bad_gateway("The back-end's answer is not the JSON it should be.")
                .with_source(error)
        })
    }

    /// The body, up to 16 MiB.
    ///
    /// # Errors
    /// 502 when it is larger or breaks off, 504 when it takes too long.
    pub async fn bytes(self) -> Result<Bytes> {
        let mut response = self.0;
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(failure)? {
            if body.len() + chunk.len() > MAX_BODY {
                return Err(BackendError::bad_gateway(format!(
                    "The back-end's answer is larger than {MAX_BODY} bytes."
                )));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }

    /// The answer itself, for those who read it piece by piece and without a bound. A body that is
    /// passed on as it comes is neither counted by `--max-in-flight` nor ended by
    /// `--request-timeout`, but by `--backend-timeout`.
    pub fn into_inner(self) -> reqwest::Response {
        self.0
    }
}

/// See [`BackendError::from_response`].
pub(crate) async fn refusal(mut response: reqwest::Response) -> BackendError {
    let status = response.status();
    if status.as_u16() < 400 {
        let what = match status.is_redirection() {
            true => "redirects to another place",
            false => "answers neither success nor error",
        };
        let error = BackendError::bad_gateway(format!("The back-end {what} ({status})."));
        return error.with_answered(status);
    }

    let mut body = Vec::new();
    while body.len() < MAX_REFUSAL
        && let Ok(Some(chunk)) = response.chunk().await
    {
        body.extend_from_slice(&chunk);
    }
    body.truncate(MAX_REFUSAL);
    let encoding = charset(response.headers()).unwrap_or(UTF_8);
    let header = |name| response.headers().get(name)?.to_str().ok();

    let mut error = BackendError::new(status).with_answered(status);
    if !body.is_empty() {
        error = error.with_content(encoding.decode(&body).0);
    }
    let reason = response.extensions().get::<hyper::ext::ReasonPhrase>();
    if let Some(reason) = reason.filter(|reason| !reason.as_bytes().is_empty()) {
        error = error.with_reason(String::from_utf8_lossy(reason.as_bytes()).into_owned());
    }
    if let Some(challenge) = header(header::WWW_AUTHENTICATE) {
        error = error.with_challenge(challenge);
    }
    if let Some(wait) = retry_after(response.headers()) {
        error = error.with_retry_after(wait);
    }
    error
}

/// A call that got no answer, or only part of one. URLs stay out of it: they hold what callers sent.
pub(super) fn failure(error: reqwest::Error) -> BackendError {
    let answer = if error.is_connect() {
        BackendError::bad_gateway("The back-end cannot be reached.")
    } else if error.is_timeout() {
        BackendError::gateway_timeout("The back-end took too long.")
    } else {
        BackendError::bad_gateway("The back-end's answer broke off.")
    };
    answer.with_source(error.without_url())
}

/// The encoding that a `Content-Type` such as `text/plain; charset=latin1` names.
fn charset(headers: &HeaderMap) -> Option<&'static Encoding> {
    let content_type = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    // What nearly all say need not be taken apart.
    if content_type.ends_with("; charset=utf-8") {
        return Some(UTF_8);
    }
    content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("charset")
            .then(|| Encoding::for_label(value.trim().trim_matches('"').as_bytes()))?
    })
}
