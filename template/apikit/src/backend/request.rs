//! One request to the back-end, from its path to its answer.

use std::{sync::atomic::AtomicBool, time::Duration};

use axum::http::{
    HeaderMap, HeaderName, HeaderValue, Method,
    header::{AUTHORIZATION, CONTENT_LENGTH},
};
use hyper::body::Body as _;
use reqwest::{Request, RequestBuilder, Response, Url, multipart::Form};
use serde::Serialize;

use super::{
    Auth, Backend, BackendError, BackendResponse, Caller, Credentials, Limits, Result,
    account::Account,
    attempt::Attempt,
    caller::Proof,
    instrument,
    response::Holder,
    retry,
    segment::{self, has_dots},
    upload::passed_on,
};

/// A request to the back-end that has not been sent.
#[must_use = "a request does nothing until it is sent"]
pub struct BackendRequest {
    backend: Backend,
    request: Result<RequestBuilder>,
    limits: Limits,
    /// The path that the author wrote, where a part of it comes from a caller.
    below: Option<Box<str>>,
}

/// Who wrote a part of a path.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whose {
    Authors,
    Callers,
}

/// A request that can be sent, and how long it may take.
pub(super) struct Ready {
    pub request: Request,
    pub limits: Limits,
    /// Where no redirect may lead out of.
    pub below: Option<Box<str>>,
}

/// Whose credentials a request is sent with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// As the caller.
    Caller,
    /// As the service.
    Service,
}

impl BackendRequest {
    pub(super) fn new(backend: Backend, method: Method, url: Result<Url>) -> Self {
        let request = url.map(|url| backend.client().request(method, url));
        Self {
            limits: backend.inner.limits,
            backend,
            request,
            below: None,
        }
    }

    /// Adds one segment to the path, encoded as it needs to be: the place for what callers sent.
    ///
    /// `get("/jobs").segment(&job)` stays below `/jobs/` whatever `job` is. It arrives whole, or is refused with 400 where
    /// a part of it between slashes, plain or percent-encoded, is empty or dots; and no redirect is followed that leads out of
    /// `/jobs/`. `%2F` at its ends is a part of it and no slash.
    pub fn segment(self, segment: &str) -> Self {
        match segment::encoded(segment) {
            Ok(encoded) => self.with_path_end(&encoded, Whose::Callers),
            Err(error) => Self {
                request: Err(error),
                ..self
            },
        }
    }

    /// Ends the path with a slash, after a [`segment`](Self::segment) too: `get("/jobs").segment("a").slash()` asks for
    /// `/jobs/a/`.
    pub fn slash(self) -> Self {
        self.with_path_end("", Whose::Authors)
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

    /// Passes the body of a request to the service on as it comes. However large it is, only a few pieces of it are in
    /// memory. Its length is sent along where it is known.
    ///
    /// Like all bodies that are streams, it is sent once. The time limits begin anew with each piece that the back-end
    /// takes, unless the call has a [`timeout`](Self::timeout) of its own. `--request-timeout`, the limit of the caller's
    /// request, begins anew as long as 64 KiB come within it.
    ///
    /// ```
    /// # use apikit::{Backend, Caller, Result};
    /// # use axum::{body::Body, extract::State};
    /// async fn upload(State(keeper): State<Backend>, caller: Caller, body: Body) -> Result<()> {
    ///     keeper.put("/reports/latest").stream(body).send_for(&caller).await?;
    ///     Ok(())
    /// }
    /// ```
    pub fn stream(self, body: axum::body::Body) -> Self {
        let length = body.size_hint().exact();
        self.with(|request| {
            let request = request.body(passed_on(body));
            match length {
                Some(length) => request.header(CONTENT_LENGTH, length),
                None => request,
            }
        })
    }

    /// Sends a form of several parts, as browsers upload files. It is a stream, and sent once.
    ///
    /// ```
    /// # use apikit::{Backend, Caller, Result};
    /// use apikit::reqwest::multipart::{Form, Part};
    ///
    /// # async fn example(keeper: Backend, caller: Caller, notebook: Vec<u8>) -> Result<()> {
    /// let file = Part::bytes(notebook).file_name("night.ipynb");
    /// let form = Form::new().text("title", "Last night").part("file", file);
    /// keeper.post("/reports").multipart(form).send_for(&caller).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn multipart(self, form: Form) -> Self {
        self.with(|request| request.multipart(form))
    }

    /// Adds a header.
    pub fn header(self, name: HeaderName, value: HeaderValue) -> Self {
        self.with(|request| request.header(name, value))
    }

    /// Sets these headers, in place of those of the same names.
    pub fn headers(self, headers: HeaderMap) -> Self {
        self.with(|request| request.headers(headers))
    }

    /// The time limit of this call, with its retries, in place of the settings' time limits. `--request-timeout`, the limit
    /// of the caller's own request, stays.
    pub fn timeout(self, limit: Duration) -> Self {
        self.within(Limits {
            answer: limit,
            call: limit,
            begins_anew: false,
        })
    }

    /// A copy of the request; `None` when its body is a stream, or it is one that cannot be sent.
    pub fn try_clone(&self) -> Option<Self> {
        Some(Self {
            backend: self.backend.clone(),
            request: Ok(self.request.as_ref().ok()?.try_clone()?),
            limits: self.limits,
            below: self.below.clone(),
        })
    }

    /// Sends the request with the credentials of `caller`.
    ///
    /// They go to the default back-end by the service's auth type, and to a [named](super::NamedBackend) one as HTTP Basic,
    /// whatever the auth type. Calling this method is the decision that the back-end may see them.
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
        self.sent(Who::Caller, caller).await
    }

    /// Sends the request with the service's own account, if it has one, in the course of the caller's request, whose id and
    /// trace context go along. The caller's credentials do not.
    ///
    /// ```
    /// # use apikit::{Backend, Caller, Result};
    /// # async fn example(keeper: Backend, caller: Caller, report: String) -> Result<()> {
    /// keeper.post("/reports").body(report).send_for(&caller).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`send_as`](Self::send_as), except that the back-end's 401 and 403 become 502: they refuse the service, and the
    /// caller can do nothing about it.
    pub async fn send_for(self, caller: &Caller) -> Result<BackendResponse> {
        self.sent(Who::Service, caller).await
    }

    /// Sends the request with the service's own account, if it has one, and for no request of a caller's: in the start, a
    /// task or a job.
    ///
    /// # Errors
    /// As [`send_for`](Self::send_for).
    pub async fn send(self) -> Result<BackendResponse> {
        self.sent(Who::Service, &Caller::anonymous()).await
    }

    async fn sent(self, who: Who, caller: &Caller) -> Result<BackendResponse> {
        let (backend, ready) = self.ready()?;
        backend.send(ready, who, caller).await
    }

    /// What is sent, and to whom.
    pub(super) fn ready(self) -> Result<(Backend, Ready)> {
        let request = self.request?.build();
        let ready = Ready {
            request: request.map_err(|error| BackendError::internal(error.without_url()))?,
            limits: self.limits,
            below: self.below,
        };
        Ok((self.backend, ready))
    }

    pub(super) fn within(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Follows no redirect that leads out of this place.
    pub(super) fn below(self, place: Option<Box<str>>) -> Self {
        Self {
            below: place,
            ..self
        }
    }

    pub(super) fn backend(&self) -> &Backend {
        &self.backend
    }

    fn with(mut self, change: impl FnOnce(RequestBuilder) -> RequestBuilder) -> Self {
        self.request = self.request.map(change);
        self
    }

    /// The same with `segment`, which is encoded, after the last segment of its path, or in its place where that is empty.
    fn with_path_end(mut self, segment: &str, whose: Whose) -> Self {
        let below = &mut self.below;
        self.request = self.request.and_then(|request| {
            let (client, request) = request.build_split();
            let mut request =
                request.map_err(|error| BackendError::internal(error.without_url()))?;
            let path = request.url().path();
            let place = format!("{}/", path.strip_suffix('/').unwrap_or(path));
            request.url_mut().set_path(&format!("{place}{segment}"));
            if whose == Whose::Callers {
                below.get_or_insert(place.into());
            }
            Ok(RequestBuilder::from_parts(client, request))
        });
        self
    }
}

impl Backend {
    pub(super) async fn send(
        &self,
        ready: Ready,
        who: Who,
        caller: &Caller,
    ) -> Result<BackendResponse> {
        let limit = ready.limits.answer;
        // In a box, or each future around it would be as large, and be copied with it.
        match Box::pin(instrument::send(self, ready, who, caller)).await {
            Ok(response) => {
                let holder = Holder {
                    memory: self.inner.memory.clone(),
                    context: caller.shared_context(),
                };
                let name = self.inner.name;
                Ok(BackendResponse::new(response, name, limit, holder))
            }
            Err(error) => Err(match who {
                Who::Caller => self.challenged(error),
                Who::Service => self.refused_to_service(error),
            }),
        }
    }

    /// The credentials of `caller` for the back-end, by the auth type.
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

    /// The credentials of the service's own account.
    ///
    /// # Errors
    /// As for a caller, where there is a proxy.
    pub(super) fn own_proof(&self) -> Result<Proof> {
        Ok(match &self.inner.account {
            Account::None => Proof::None,
            #[cfg(feature = "bitly-proxy")]
            Account::Basic(credentials) if self.inner.auth == Auth::BitlyProxy => {
                let own = || Ok(credentials.clone());
                Proof::Proxy(self.inner.proxy.proof(&Caller::anonymous(), own)?)
            }
            Account::Basic(credentials) => Proof::Header(credentials.to_header()),
            Account::Bearer(header) => Proof::Header(header.clone()),
            Account::Tokens(tokens) => Proof::Token(tokens.clone()),
        })
    }

    /// Sends a request with these credentials.
    pub(super) async fn exchange(&self, attempt: &Attempt<'_>, proof: Proof) -> Result<Response> {
        let client = &self.inner.client;
        let header = match proof {
            Proof::None => None,
            Proof::Header(header) => Some((AUTHORIZATION, header)),
            Proof::Token(tokens) => {
                let renewed = AtomicBool::new(false);
                let with_token = || tokens.send(attempt, client, &renewed);
                return retry::send_in_time(attempt, with_token).await;
            }
            #[cfg(feature = "bitly-proxy")]
            Proof::Proxy(proof) => return self.inner.proxy.exchange(attempt, proof).await,
        };
        let plainly = async || attempt.send(client, header.clone()).await;
        retry::send(attempt, plainly).await
    }
}

/// `path` below `base`.
///
/// A path may hold what callers sent, and must not lead elsewhere than the author meant. So `.` and
/// `..` segments are refused with 400, and control characters, which URLs drop and which could hide such segments. So are
/// `?` and `#`, which would be encoded as part of the path.
pub(super) fn url(base: &Url, path: &str) -> Result<Url> {
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
    if has_dots(path) {
        return refuse("has a `.` or `..` segment");
    }
    let mut url = base.clone();
    if path.is_empty() {
        return Ok(url);
    }
    let (base, path) = (
        base.path().trim_end_matches('/'),
        path.trim_start_matches('/'),
    );
    url.set_path(&[base, path].join("/"));
    Ok(url)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::{super::settings::BackendSettings, *};

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        settings: BackendSettings,
    }

    /// Each call moves it into a box. It grows without a sign, by one `await` of a future that is not in a box of its own.
    #[test]
    fn the_future_of_a_call_is_no_larger_than_its_request_and_its_answer_warrant() {
        let Flags { settings } = Flags::parse_from(["test"]);
        let limit = Duration::from_secs(1);
        let auth = Auth::None;
        let backend = Backend::new(&settings, auth, "test", limit).unwrap();
        let (backend, ready) = backend.get("/").ready().unwrap();
        let caller = Caller::anonymous();
        let call = instrument::send(&backend, ready, Who::Service, &caller);
        let size = size_of_val(&call);
        assert!(size < 4096, "{size} bytes");
    }
}
