//! A request to the back-end as it is sent, once or several times.

use std::time::Duration;

use axum::http::{HeaderName, HeaderValue};
use reqwest::{Request, Response, Url};
use tokio::time::{Instant, error::Elapsed, timeout};
use tracing::Span;

use super::{
    FOREVER, Limits,
    client::HttpClient,
    cookies::CookiesOnTheWay,
    name::Name,
    redirect::{self, MAX_REDIRECTS, NotFollowed, is_redirect},
    request::Ready,
    retry::Failure,
    upload::{Upload, until},
};
use crate::{request_context::RequestContext, traces};

/// A request, of which each attempt sends a copy with what does not come from the author: credentials, and the
/// context of the caller's request.
pub(super) struct Attempt<'a> {
    request: Request,
    /// A body that can be sent only once, until it is.
    upload: Option<Upload>,
    limits: Limits,
    /// Where no redirect may lead out of, since a part of the path comes from a caller.
    below: Option<Box<str>>,
    start: Instant,
    name: Name,
    context: Option<&'a RequestContext>,
    span: &'a Span,
}

impl<'a> Attempt<'a> {
    /// The attempt of a request to the back-end of that name within `span`, with the context of the caller's request.
    pub fn new(
        ready: Ready,
        name: Name,
        context: Option<&'a RequestContext>,
        span: &'a Span,
    ) -> Self {
        let Ready {
            mut request,
            limits,
            below,
        } = ready;
        let body = request.body_mut();
        let stream = body.take_if(|body| body.as_bytes().is_none());
        if let Some(context) = context.filter(|_| stream.is_some()) {
            context.held_bodies().stream();
        }
        Self {
            request,
            upload: stream.map(Upload::new),
            limits,
            below,
            start: Instant::now(),
            name,
            context,
            span,
        }
    }

    /// Whether it can be sent again: not when its body is a stream.
    pub fn is_repeatable(&self) -> bool {
        self.upload.is_none()
    }

    /// How much is left of the time that the whole call may take.
    pub fn left(&self) -> Duration {
        self.limits.call.saturating_sub(self.begin().elapsed())
    }

    /// When the time of the call begins: where its body is a stream, anew with each piece that is sent.
    fn begin(&self) -> Instant {
        let upload = self.upload.as_ref();
        let upload = upload.filter(|_| self.limits.begins_anew);
        upload.map_or(self.start, Upload::last_piece)
    }

    /// Waits for `answer`, as long as there is time left for the call.
    pub async fn in_time<F: Future>(&self, answer: F) -> Result<F::Output, Elapsed> {
        let deadline = || self.begin() + self.limits.call.min(FOREVER);
        until(deadline, answer).await
    }

    /// How long the next try may take.
    pub fn limit(&self) -> Duration {
        self.limits.answer.min(self.left())
    }

    /// What the back-end is called.
    pub fn name(&self) -> Name {
        self.name
    }

    /// Where it is sent.
    #[cfg(feature = "bitly-proxy")]
    pub fn url(&self) -> &Url {
        self.request.url()
    }

    /// Whether a part of its path comes from a caller.
    #[cfg(feature = "bitly-proxy")]
    pub fn has_callers_path(&self) -> bool {
        self.below.is_some()
    }

    /// Whether it is idempotent: sending it twice has the effect of sending it once.
    pub fn is_idempotent(&self) -> bool {
        self.request.method().is_idempotent()
    }

    /// Sends it, with the credentials in `proof` as a header, and follows redirects of `GET` and `HEAD` within the
    /// same origin: neither a body nor credentials go to another host. Cookies that are set on the way are sent from there
    /// on, and are in the answer.
    pub async fn send(
        &self,
        client: &HttpClient,
        proof: Option<(HeaderName, HeaderValue)>,
    ) -> Result<Response, Failure> {
        let response = self.execute(client, || self.copy(proof.as_ref())).await?;
        match is_redirect(response.status()) {
            true => Box::pin(self.follow(client, proof, response)).await,
            false => Ok(response),
        }
    }

    async fn follow(
        &self,
        client: &HttpClient,
        proof: Option<(HeaderName, HeaderValue)>,
        mut response: Response,
    ) -> Result<Response, Failure> {
        let mut cookies = CookiesOnTheWay::default();
        for _ in 0..MAX_REDIRECTS {
            let Ok(target) = self.next(&response) else {
                break;
            };
            cookies.keep(response.url(), response.headers());
            let request = || {
                let mut request = self.copy(proof.as_ref());
                *request.url_mut() = target.clone();
                cookies.go_with(request.headers_mut(), &target);
                request
            };
            response = self.execute(client, request).await?;
        }
        cookies.add_to(response.headers_mut());
        Ok(response)
    }

    /// Where an answer leads on to, if it is a redirect.
    fn next(&self, response: &Response) -> Result<Url, NotFollowed> {
        if !is_redirect(response.status()) {
            return Err(NotFollowed::NoTarget);
        }
        let target = redirect::target(response, self.request.method())?;
        match &self.below {
            _ if !self.is_repeatable() => Err(NotFollowed::Stream),
            Some(below) if !target.path().starts_with(&**below) => {
                Err(NotFollowed::OutOf(below.clone()))
            }
            _ => Ok(target),
        }
    }

    /// Why a redirect was not followed.
    pub fn not_followed(&self, response: &Response) -> NotFollowed {
        self.next(response).err().unwrap_or(NotFollowed::TooMany)
    }

    async fn execute(
        &self,
        client: &HttpClient,
        request: impl Fn() -> Request,
    ) -> Result<Response, Failure> {
        let may_be_repeated = self.is_idempotent() && self.is_repeatable();
        let (limit, answer) = (self.limit(), client.execute(may_be_repeated, request));
        let answer = match &self.upload {
            None => timeout(limit, answer).await,
            Some(upload) => {
                let answer = Box::pin(upload.answered(self.limits.answer, answer));
                self.in_time(answer).await.flatten()
            }
        };
        match answer {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(_)) if self.upload.as_ref().is_some_and(Upload::is_broken) => {
                Err(Failure::broken_upload())
            }
            Ok(Err(error)) => Err(Failure::of(error, self.name)),
            Err(_) if self.upload.as_ref().is_some_and(Upload::is_awaited) => {
                Err(Failure::late_upload())
            }
            Err(_) => Err(Failure::too_late(self.name)),
        }
    }

    fn copy(&self, proof: Option<&(HeaderName, HeaderValue)>) -> Request {
        let mut copy = match self.request.body() {
            Some(_) => self.request.try_clone().expect("its body is no stream"),
            // The same, without the memory that reqwest takes for extensions.
            None => {
                let method = self.request.method().clone();
                let mut copy = Request::new(method, self.request.url().clone());
                copy.headers_mut().clone_from(self.request.headers());
                copy
            }
        };
        if let Some(upload) = &self.upload {
            *copy.body_mut() = Some(upload.take().expect("a stream is sent once"));
        }
        let headers = copy.headers_mut();
        if let Some((name, value)) = proof {
            headers.insert(name, value.clone());
        }
        traces::pass_on(self.span, self.context, headers);
        copy
    }
}
