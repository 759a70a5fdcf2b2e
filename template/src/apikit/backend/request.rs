//! House: one request to the back-end, from its path to its answer.

use axum::http::{HeaderName, HeaderValue, Method, header::AUTHORIZATION};
use reqwest::{RequestBuilder, Response, Url};
use serde::Serialize;

use super::{
    Auth, Backend, BackendError, BackendResponse, Caller, Credentials, Inner, Result, auth::Proof,
    call, retry, sending::Sending,
};

/// A request to the back-end that is yet to be sent.
#[must_use = "a request does nothing until it is sent"]
pub struct BackendRequest {
    backend: Backend,
    request: Result<RequestBuilder>,
}

impl BackendRequest {
    pub(super) fn new(backend: Backend, method: Method, path: &str) -> Self {
        let request =
            url(&backend.inner.base, path).map(|url| backend.inner.client.request(method, url));
        Self { backend, request }
    }

    /// Adds one segment to the path, encoded as it needs to be: the place for what callers sent.
    /// `get("/jobs").segment(&job)` stays below `/jobs/` whatever `job` is.
    pub fn segment(mut self, segment: &str) -> Self {
        self.request = self.request.and_then(|request| {
            if segment.is_empty() || is_dots(segment) {
                let why = format!("{segment:?} cannot be part of a path.");
                return Err(BackendError::bad_request(why));
            }
            let (client, request) = request.build_split();
            let mut request =
                request.map_err(|error| BackendError::internal(error.without_url()))?;
            if let Ok(mut segments) = request.url_mut().path_segments_mut() {
                segments.pop_if_empty().push(segment);
            }
            Ok(RequestBuilder::from_parts(client, request))
        });
        self
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
        let backend = self.backend;
        let request = self
            .request?
            .build()
            .map_err(|error| BackendError::internal(error.without_url()))?;
        // In a box, or each future round it would have the room for it, and be copied with it.
        match Box::pin(call::watched(&backend, request, caller)).await {
            Ok(response) => Ok(BackendResponse::new(response)),
            Err(error) => Err(backend.challenged(error)),
        }
    }

    fn with(mut self, change: impl FnOnce(RequestBuilder) -> RequestBuilder) -> Self {
        self.request = self.request.map(change);
        self
    }
}

impl Backend {
    /// How the back-end learns who `caller` is, as the service's auth type has it.
    ///
    /// # Errors
    /// 401, when credentials are needed and there are none.
    pub(super) fn proof(&self, caller: &Caller) -> Result<Proof> {
        match self.inner.auth {
            Auth::None => Ok(Proof::None),
            Auth::Basic => {
                let header = self.credentials(caller.basic(), Credentials::to_header)?;
                Ok(Proof::Header(header))
            }
            #[cfg(feature = "bitly-proxy")]
            Auth::BitlyProxy => {
                let own = || self.credentials(caller.credentials(), Credentials::clone);
                Ok(Proof::Proxy(self.inner.proxy.proof(caller, own)?))
            }
        }
    }

    /// Sends a request with this proof of who is asking.
    pub(super) async fn exchange(&self, sending: &Sending<'_>, proof: Proof) -> Result<Response> {
        let Inner {
            client, patience, ..
        } = &*self.inner;
        let header = match proof {
            Proof::None => None,
            Proof::Header(header) => Some((AUTHORIZATION, header)),
            #[cfg(feature = "bitly-proxy")]
            Proof::Proxy(proof) => return self.inner.proxy.exchange(sending, proof).await,
        };
        let plainly = async || Ok(sending.send(client, header.clone()).await?);
        retry::send(sending, *patience, plainly).await
    }
}

/// `path` below `base`.
///
/// A path may hold what callers sent, and must not leave the place that the author meant: `.` and
/// `..` segments, and control characters, which URLs drop and which could hide them, are refused
/// with 400; so are `?` and `#`, which would be taken literally.
fn url(base: &Url, path: &str) -> Result<Url> {
    let refuse = |why: &str| {
        Err(BackendError::bad_request(format!(
            "The path to the back-end {why}."
        )))
    };
    if path.bytes().any(|byte| byte.is_ascii_control()) {
        return refuse("has a control character");
    }
    if path.bytes().any(|byte| matches!(byte, b'?' | b'#')) {
        return refuse("has a `?` or `#`: parameters belong into `query`");
    }
    if path.split(['/', '\\']).any(is_dots) {
        return refuse("has a `.` or `..` segment");
    }
    let mut url = base.clone();
    let (base, path) = (
        base.path().trim_end_matches('/'),
        path.trim_start_matches('/'),
    );
    url.set_path(&[base, path].join("/"));
    Ok(url)
}

fn is_dots(segment: &str) -> bool {
    let dots = [".", "..", "%2e", ".%2e", "%2e.", "%2e%2e"];
    dots.iter().any(|dots| segment.eq_ignore_ascii_case(dots))
}
