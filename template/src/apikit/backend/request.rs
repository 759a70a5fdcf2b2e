//! House: one request to the back-end, from its path to its answer.

use axum::http::{HeaderName, HeaderValue, Method, header::AUTHORIZATION};
use reqwest::{RequestBuilder, Url};
use serde::Serialize;

use super::{Backend, BackendError, BackendResponse, Caller, Result, retry};

/// A request to the back-end that is yet to be sent.
#[must_use = "a request does nothing until it is sent"]
pub struct BackendRequest {
    backend: Backend,
    request: Result<RequestBuilder>,
}

impl BackendRequest {
    pub(super) fn new(backend: Backend, method: Method, path: &str) -> Self {
        let request = url(&backend.0.base, path).map(|url| backend.0.client.request(method, url));
        Self { backend, request }
    }

    /// Adds parameters to the URL, encoded as they need to be.
    pub fn query<T: Serialize + ?Sized>(self, query: &T) -> Self {
        self.with(|request| request.query(query))
    }

    /// Sends `body` as JSON.
    pub fn json<T: Serialize + ?Sized>(self, body: &T) -> Self {
        self.with(|request| request.json(body))
    }

    /// Sends `body` as it is.
    pub fn body(self, body: impl Into<reqwest::Body>) -> Self {
        self.with(|request| request.body(body))
    }

    /// Adds a header.
    pub fn header(self, name: HeaderName, value: HeaderValue) -> Self {
        self.with(|request| request.header(name, value))
    }

    /// Sends the request with the credentials of `caller`, as the service's auth type has it.
    ///
    /// An idempotent request is tried again when the back-end cannot be reached or answers 429,
    /// 502, 503 or 504: up to three times in all, and never beyond the time that the caller's own
    /// request has left.
    ///
    /// # Errors
    /// - 401 when credentials are needed and the caller sent none;
    /// - 502 when the back-end cannot be reached, 504 when it takes too long;
    /// - the back-end's own status, reason and body when that is an error.
    pub async fn send_as(self, caller: &Caller) -> Result<BackendResponse> {
        let backend = &self.backend.0;
        let authorization = self.backend.authorization(caller)?;
        let mut request = self
            .request?
            .build()
            .map_err(|error| BackendError::internal(error.without_url()))?;
        if let Some(authorization) = authorization {
            request.headers_mut().insert(AUTHORIZATION, authorization);
        }
        match retry::send(&backend.client, request, backend.patience).await {
            Ok(response) => Ok(BackendResponse::new(response)),
            Err(error) => Err(self.backend.challenged(error)),
        }
    }

    fn with(mut self, change: impl FnOnce(RequestBuilder) -> RequestBuilder) -> Self {
        self.request = self.request.map(change);
        self
    }
}

/// `path` below `base`.
///
/// A path with `.` or `..` segments would leave the place that the author meant: as paths may
/// hold what callers sent, that is refused with 400.
fn url(base: &Url, path: &str) -> Result<Url> {
    let dots = |segment: &str| {
        let plain = segment.to_ascii_lowercase().replace("%2e", ".");
        plain == "." || plain == ".."
    };
    if path.split(['/', '\\']).any(dots) {
        return Err(BackendError::bad_request(
            "The path has a `.` or `..` segment.",
        ));
    }
    let mut url = base.clone();
    url.set_path(&format!("{}{path}", base.path().trim_end_matches('/')));
    Ok(url)
}
