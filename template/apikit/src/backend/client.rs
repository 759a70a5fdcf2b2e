//! The HTTP client: with connections that are kept, and with new ones where a kept one turns out to be closed.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use axum::http::{
    HeaderMap, HeaderValue,
    header::{ACCEPT, ACCEPT_ENCODING, USER_AGENT},
};
use reqwest::{Client, Request, Response, redirect};

use super::{
    call_error::CallError,
    dns::{Network, Resolver},
    egress::Egress,
    plain::{Defaults, PlainClient, uri},
};

/// The time limit of connecting. A back-end that is up accepts in a fraction of it; otherwise the request is
/// tried again.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// How long a connection is kept without a request: less than the 5 s of Node's and Python's servers, so that they
/// rarely close one as a request goes out.
pub(super) const IDLE_TIME: Duration = Duration::from_secs(4);

/// The most headers of an answer. hyper's own limit is 100; it fails without saying so.
pub(super) const MAX_HEADERS: usize = 256;

/// A client that names the service and follows no redirects. Clones share its connections. Time
/// limits are set for each request.
#[derive(Clone)]
pub(super) struct HttpClient {
    kept: Connections,
    /// Connections that serve one request each, made when they are first needed.
    fresh: Arc<OnceLock<Connections>>,
    builder: Arc<dyn Fn(usize) -> reqwest::Result<Connections> + Send + Sync>,
}

/// Two clients: one for plain HTTP, and reqwest for all else.
#[derive(Clone)]
struct Connections {
    plain: PlainClient,
    reqwest: Client,
}

impl Connections {
    /// Requests with a time limit of their own are reqwest's, since it holds their bodies to it as well.
    async fn execute(&self, request: Request) -> Result<Response, CallError> {
        match uri(request.url()).filter(|_| request.timeout().is_none()) {
            Some(uri) => {
                let answer = self.plain.execute(request, uri).await;
                answer.map_err(CallError::Plain)
            }
            None => Ok(self.reqwest.execute(request).await?),
        }
    }
}

impl HttpClient {
    /// The client of a service of that name, which leaves by `egress`.
    ///
    /// # Errors
    /// One sentence, when the system has no certificates or the like.
    pub fn new(network: Network, egress: Egress, service: &str) -> Result<Self, String> {
        const APIKIT: &str = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));
        let agent = HeaderValue::try_from(format!("{service} {APIKIT}"));
        let defaults = defaults(agent.unwrap_or(HeaderValue::from_static(APIKIT)));
        let resolver = Arc::new(Resolver::new(network));
        // It fails only where the process has a TLS provider already, and then that one serves.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = move |most_idle| {
            let reqwest = egress
                .applied(Client::builder())
                .connect_timeout(CONNECT_TIMEOUT)
                .pool_idle_timeout(IDLE_TIME)
                .pool_max_idle_per_host(most_idle)
                .dns_resolver(resolver.clone())
                .redirect(redirect::Policy::none())
                .default_headers(HeaderMap::from_iter(defaults.clone()))
                // Heads as curl takes them: an old CGI's are no reason to fail.
                .http1_allow_obsolete_multiline_headers_in_responses(true)
                .http1_allow_spaces_after_header_name_in_responses(true)
                .http1_ignore_invalid_headers_in_responses(true)
                .http1_max_headers(MAX_HEADERS)
                .build()?;
            let plain = PlainClient::new(Resolver::clone(&resolver), defaults.clone(), most_idle);
            Ok(Connections { plain, reqwest })
        };
        let kept: reqwest::Result<_> = builder(usize::MAX);
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
        &self.kept.reqwest
    }

    /// Sends what `request` makes. A request that `may_be_repeated` is sent once more, on a new connection, where the
    /// one that it went out on was closed: the server may have closed it for being idle at that moment.
    pub async fn execute(
        &self,
        may_be_repeated: bool,
        request: impl Fn() -> Request,
    ) -> Result<Response, CallError> {
        match self.kept.execute(request()).await {
            Err(error) if may_be_repeated && error.is_closed() => {
                tracing::debug!("a kept connection was closed: the request goes out on a new one");
                self.fresh().execute(request()).await
            }
            answer => answer,
        }
    }

    fn fresh(&self) -> &Connections {
        let made = || (self.builder)(0).unwrap_or_else(|_| self.kept.clone());
        self.fresh.get_or_init(made)
    }
}

/// What requests say that do not say otherwise.
fn defaults(agent: HeaderValue) -> Defaults {
    [
        (USER_AGENT, agent),
        (ACCEPT, HeaderValue::from_static("*/*")),
        // Without it, a back-end may choose any coding (RFC 9110, 12.5.3).
        (ACCEPT_ENCODING, HeaderValue::from_static("identity")),
    ]
}
