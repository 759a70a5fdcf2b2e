//! Requests over plain HTTP, which most back-ends in a cluster are asked by: through the pool of connections that reqwest
//! is built on, without what reqwest puts round each request (redirects, retries, proxies, TLS), which costs a third of the
//! sample's instructions.

use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, Request, Response, Uri, header};
use hyper::{body::Incoming, ext::ReasonPhrase};
use hyper_util::{
    client::legacy::{Client, Error, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use reqwest::{Body, ResponseBuilderExt, Url};

use super::{
    client::{CONNECT_TIMEOUT, IDLE_TIME, MAX_HEADERS},
    dns::Resolver,
};

/// What requests say that do not say otherwise.
pub(super) type Defaults = [(HeaderName, HeaderValue); 3];

/// How the system is to find out that the other side of a connection is gone, as reqwest has it.
const KEEPALIVE: Duration = Duration::from_secs(15);
const KEEPALIVE_RETRIES: u32 = 3;

/// A client for `http://` alone. Clones share its connections.
#[derive(Clone)]
pub(super) struct PlainClient {
    pool: Client<HttpConnector<Resolver>, Body>,
    defaults: Defaults,
}

impl PlainClient {
    /// A client that keeps so many connections to a host without a request.
    pub fn new(resolver: Resolver, defaults: Defaults, most_idle: usize) -> Self {
        let mut connector = HttpConnector::new_with_resolver(resolver);
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        connector.set_nodelay(true);
        connector.set_keepalive(Some(KEEPALIVE));
        connector.set_keepalive_interval(Some(KEEPALIVE));
        connector.set_keepalive_retries(Some(KEEPALIVE_RETRIES));
        let pool = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIME)
            .pool_max_idle_per_host(most_idle)
            .http1_allow_obsolete_multiline_headers_in_responses(true)
            .http1_allow_spaces_after_header_name_in_responses(true)
            .http1_ignore_invalid_headers_in_responses(true)
            .http1_max_headers(MAX_HEADERS)
            .build(connector);
        Self { pool, defaults }
    }

    /// Sends a request to `uri`, which is that of its URL.
    pub async fn execute(
        &self,
        mut request: reqwest::Request,
        uri: Uri,
    ) -> Result<reqwest::Response, Error> {
        let mut sent = Request::new(request.body_mut().take().unwrap_or_default());
        *sent.method_mut() = std::mem::take(request.method_mut());
        *sent.uri_mut() = uri;
        *sent.headers_mut() = std::mem::take(request.headers_mut());
        for (name, value) in &self.defaults {
            if let header::Entry::Vacant(entry) = sent.headers_mut().entry(name) {
                entry.insert(value.clone());
            }
        }
        let answer = self.pool.request(sent).await?;
        Ok(from(request.url().clone(), answer))
    }
}

/// An answer as reqwest has it.
fn from(url: Url, answer: Response<Incoming>) -> reqwest::Response {
    let (mut head, body) = answer.into_parts();
    let builder = Response::builder().url(url);
    let mut response = builder.body(Body::wrap(body)).expect("it has no head yet");
    *response.status_mut() = head.status;
    *response.version_mut() = head.version;
    *response.headers_mut() = head.headers;
    if let Some(reason) = head.extensions.remove::<ReasonPhrase>() {
        response.extensions_mut().insert(reason);
    }
    response.into()
}

/// The URI of a URL over plain HTTP. `None` for another URL, and for the odd one that is no URI.
pub(super) fn uri(url: &Url) -> Option<Uri> {
    let text = url.as_str();
    if !text.starts_with("http://") {
        return None;
    }
    let text = text.split_once('#').map_or(text, |(before, _)| before);
    let has_credentials = !url.username().is_empty() || url.password().is_some();
    match has_credentials {
        false => text.parse().ok(),
        true => uri(&without_credentials(url.clone())),
    }
}

fn without_credentials(mut url: Url) -> Url {
    // A URL over HTTP has a host, which is what these may fail for.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_is_what_the_url_is_without_a_fragment_and_credentials() {
        for (text, expected) in [
            ("http://example.org", Some("http://example.org/")),
            (
                "http://a:b@example.org:8080/x%2Fy?q=1%20#part",
                Some("http://example.org:8080/x%2Fy?q=1%20"),
            ),
            ("http://[::1]:81/a//b/?", Some("http://[::1]:81/a//b/?")),
            (
                "http://bücher.example/",
                Some("http://xn--bcher-kva.example/"),
            ),
            ("http://example.org:80/", Some("http://example.org/")),
            ("https://example.org/", None),
        ] {
            let found = uri(&text.parse().unwrap()).map(|uri| uri.to_string());
            assert_eq!(found.as_deref(), expected, "{text}");
        }
    }
}
