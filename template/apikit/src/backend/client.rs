//! The HTTP client: with connections that are kept, and with new ones where a kept one turns out to be closed.

use std::{
    error::Error,
    io,
    sync::{Arc, OnceLock},
    time::Duration,
};

use axum::http::{HeaderMap, HeaderValue, header::ACCEPT_ENCODING};
use reqwest::{Client, ClientBuilder, Request, Response, redirect};

use super::{
    dns::{Network, Resolver},
    egress::Egress,
};

/// The time limit of connecting. A back-end that is up accepts in a fraction of it; otherwise the request is
/// tried again.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// How long a connection is kept without a request: less than the 5 s of Node's and Python's servers, so that they
/// rarely close one as a request goes out.
const IDLE_TIME: Duration = Duration::from_secs(4);

/// The most headers of an answer. hyper's own limit is 100; it fails without saying so.
pub(super) const MAX_HEADERS: usize = 256;

/// A client that names the service and follows no redirects. Clones share its connections. Time
/// limits are set for each request.
#[derive(Clone)]
pub(super) struct HttpClient {
    kept: Client,
    /// A client whose connections serve one request each, made when it is first needed.
    fresh: Arc<OnceLock<Client>>,
    builder: Arc<dyn Fn() -> ClientBuilder + Send + Sync>,
}

impl HttpClient {
    /// The client of a service of that name, which leaves by `egress`.
    ///
    /// # Errors
    /// One sentence, when the system has no certificates or the like.
    pub fn new(network: Network, egress: Egress, service: &str) -> Result<Self, String> {
        const APIKIT: &str = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));
        let agent = HeaderValue::try_from(format!("{service} {APIKIT}"));
        let agent = agent.unwrap_or(HeaderValue::from_static(APIKIT));
        let resolver = Arc::new(Resolver::new(network));
        // It fails only where the process has a TLS provider already, and then that one serves.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = move || {
            egress
                .applied(Client::builder())
                .connect_timeout(CONNECT_TIMEOUT)
                .pool_idle_timeout(IDLE_TIME)
                .dns_resolver(resolver.clone())
                .redirect(redirect::Policy::none())
                .user_agent(agent.clone())
                .default_headers(plain())
                // Heads as curl takes them: an old CGI's are no reason to fail.
                .http1_allow_obsolete_multiline_headers_in_responses(true)
                .http1_allow_spaces_after_header_name_in_responses(true)
                .http1_ignore_invalid_headers_in_responses(true)
                .http1_max_headers(MAX_HEADERS)
        };
        let kept = builder().build();
        Ok(Self {
            kept: kept.map_err(|error| {
                let why = crate::error::causes(&error);
                format!("The HTTP client cannot be made: {why}.")
            })?,
            fresh: Arc::default(),
            builder: Arc::new(builder),
        })
    }

    /// The client itself, which sends each request once.
    pub fn as_reqwest(&self) -> &Client {
        &self.kept
    }

    /// Sends what `request` makes. A request that `may_be_repeated` is sent once more, on a new connection, where the
    /// one that it went out on was closed: the server may have closed it for being idle at that moment.
    pub async fn execute(
        &self,
        may_be_repeated: bool,
        request: impl Fn() -> Request,
    ) -> Result<Response, reqwest::Error> {
        match self.kept.execute(request()).await {
            Err(error) if may_be_repeated && is_closed(&error) => {
                tracing::debug!("a kept connection was closed: the request goes out on a new one");
                self.fresh().execute(request()).await
            }
            answer => answer,
        }
    }

    fn fresh(&self) -> &Client {
        self.fresh.get_or_init(|| {
            let builder = (self.builder)().pool_max_idle_per_host(0);
            builder.build().unwrap_or_else(|_| self.kept.clone())
        })
    }
}

/// What asks for bodies that are not compressed, unless the author asks for others: without it, a back-end may choose any
/// coding (RFC 9110, 12.5.3).
fn plain() -> HeaderMap {
    HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static("identity"))])
}

/// Whether the connection was closed before an answer came.
pub(super) fn is_closed(error: &reqwest::Error) -> bool {
    let is_closing = |error: &io::Error| {
        use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
        let kind = error.kind();
        matches!(
            kind,
            BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof
        )
    };
    // Errors of a body that is read or sent are others.
    error.is_request()
        && !error.is_connect()
        && !error.is_timeout()
        && (cause::<hyper::Error>(error)
            .is_some_and(|error| error.is_incomplete_message() || error.is_canceled())
            || cause::<io::Error>(error).is_some_and(is_closing))
}

/// The first cause of an error that is of this type.
pub(super) fn cause<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut next = error.source();
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}
