//! House: a request to the back-end as it is sent, once or several times.

use std::sync::Mutex;

use axum::http::{HeaderName, HeaderValue, Method, header::LOCATION};
use reqwest::{Body, Client, Request, Response, Url};
use tracing::Span;

use super::super::{traces, trail::Trail};

/// How many redirects are followed, all of them within the back-end's origin.
const MAX_REDIRECTS: usize = 5;

/// A request of which each try sends a copy, with what does not come from the author: who is asking, and for
/// which request of a caller's.
pub(super) struct Sending<'a> {
    request: Request,
    /// A body that can be sent only once, until it is.
    stream: Option<Mutex<Option<Body>>>,
    trail: Option<&'a Trail>,
    span: &'a Span,
}

impl<'a> Sending<'a> {
    /// The sending of `request` within `span`, for the caller's request with this trail.
    pub fn new(mut request: Request, trail: Option<&'a Trail>, span: &'a Span) -> Self {
        let body = request.body_mut();
        let stream = body.take_if(|body| body.as_bytes().is_none());
        Self {
            request,
            stream: stream.map(|stream| Mutex::new(Some(stream))),
            trail,
            span,
        }
    }

    /// Whether it can be sent again: not when its body is a stream.
    pub fn is_repeatable(&self) -> bool {
        self.stream.is_none()
    }

    /// Whether to send it twice does no more than to send it once.
    pub fn is_idempotent(&self) -> bool {
        self.request.method().is_idempotent()
    }

    /// Sends it, with `proof` of who is asking in a header, and follows redirects of `GET` and `HEAD` within the
    /// same origin, so that neither a body nor credentials go where nobody meant them to go.
    pub async fn send(
        &self,
        client: &Client,
        proof: Option<(HeaderName, HeaderValue)>,
    ) -> reqwest::Result<Response> {
        let mut response = client.execute(self.copy(proof.as_ref())).await?;
        let safe = matches!(*self.request.method(), Method::GET | Method::HEAD);
        for _ in 0..MAX_REDIRECTS {
            let Some(target) = redirect(&response).filter(|_| safe && self.is_repeatable()) else {
                break;
            };
            let mut next = self.copy(proof.as_ref());
            *next.url_mut() = target;
            response = client.execute(next).await?;
        }
        Ok(response)
    }

    fn copy(&self, proof: Option<&(HeaderName, HeaderValue)>) -> Request {
        let mut copy = match self.request.body() {
            Some(_) => self.request.try_clone().expect("its body is no stream"),
            // The same, without the room that reqwest makes for extensions.
            None => {
                let method = self.request.method().clone();
                let mut copy = Request::new(method, self.request.url().clone());
                copy.headers_mut().clone_from(self.request.headers());
                copy
            }
        };
        if let Some(stream) = &self.stream {
            let stream = stream.lock().ok().and_then(|mut stream| stream.take());
            *copy.body_mut() = Some(stream.expect("a stream is sent once"));
        }
        let headers = copy.headers_mut();
        if let Some((name, value)) = proof {
            headers.insert(name, value.clone());
        }
        traces::pass_on(self.span, self.trail, headers);
        copy
    }
}

/// Where an answer redirects to within its origin.
fn redirect(response: &Response) -> Option<Url> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = response.headers().get(LOCATION)?.to_str().ok()?;
    let target = response.url().join(location).ok()?;
    (target.origin() == response.url().origin()).then_some(target)
}
