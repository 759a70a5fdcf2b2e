//! The back-ends that this service asks, on behalf of its callers or by its own account.

mod account;
mod attempt;
mod call_error;
mod caller;
mod client;
mod coding;
mod cookies;
mod dns;
mod download;
mod egress;
mod failure;
mod instrument;
mod link;
mod name;
mod named;
mod pages;
mod plain;
mod probe;
#[cfg(feature = "bitly-proxy")]
mod proxy;
mod redirect;
mod request;
mod response;
mod retry;
mod segment;
mod settings;
mod tokens;
mod upload;

use std::{fmt, sync::Arc, time::Duration};

use axum::http::{HeaderValue, Method, StatusCode};
use reqwest::{Client, Url};

use crate::{
    auth::Auth,
    body_memory::BodyMemory,
    error::{BackendError, Result},
    metrics::{Metrics, calls::Calls},
};

use account::Account;
use client::HttpClient;
use egress::Egress;
use name::Name;

pub use caller::{Caller, Credentials};
pub(crate) use dns::Network;
pub use named::{BackendName, NamedBackend};
pub use pages::Pages;
pub use probe::Probe;
#[cfg(fuzzing)]
pub use proxy::fuzzing;
#[cfg(feature = "bitly-proxy")]
pub use proxy::{LoginBy, LoginHost, ProxySettings, SessionCounts};
pub use request::BackendRequest;
pub use response::BackendResponse;
pub use settings::BackendSettings;
pub use tokens::Token;

/// A time beyond all others, where the sum of two would overflow.
const FOREVER: Duration = Duration::from_hours(24 * 365);

/// A back-end: one base URL, and how it is asked. Clones share it.
#[derive(Clone)]
pub struct Backend {
    inner: Arc<Inner>,
}

#[derive(Clone)]
struct Inner {
    name: Name,
    client: HttpClient,
    network: Network,
    base: Url,
    /// How callers are authenticated to it.
    auth: Auth,
    #[cfg(feature = "bitly-proxy")]
    proxy: proxy::Proxy,
    /// The account for callers who sent no credentials.
    substitute: Option<Credentials>,
    /// The account for requests of the service's own.
    account: Account,
    challenge: HeaderValue,
    limits: Limits,
    memory: BodyMemory,
    metrics: Metrics,
    calls: Calls,
}

/// The time limits of a back-end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Limits {
    /// Of one try, until its answer begins; and of each piece of an answer that is read as a stream.
    answer: Duration,
    /// Of a call with its login, redirects and retries, until its answer begins.
    call: Duration,
    /// Whether that begins anew with each piece of a body that is a stream.
    begins_anew: bool,
}

impl Backend {
    /// The back-end as configured.
    ///
    /// `realm` names the service to callers who must log in; `time_limit` is how long one call may
    /// take to be answered, with its login, redirects and retries.
    ///
    /// # Errors
    /// One sentence, when the settings contradict each other or a password file cannot be read.
    pub fn new(
        settings: &BackendSettings,
        auth: Auth,
        realm: &str,
        time_limit: Duration,
    ) -> Result<Self, String> {
        Self::within(Network::Everywhere, settings, auth, realm, time_limit)
    }

    /// As [`new`](Self::new), with a limit on the hosts that may be reached.
    pub(crate) fn within(
        network: Network,
        settings: &BackendSettings,
        auth: Auth,
        realm: &str,
        time_limit: Duration,
    ) -> Result<Self, String> {
        network.admits(&settings.backend_url)?;
        let limits = Limits {
            answer: settings.backend_timeout,
            call: time_limit,
            begins_anew: true,
        };
        let client = HttpClient::new(network, Egress::of(settings, network)?, realm)?;
        #[cfg(feature = "bitly-proxy")]
        let proxy = proxy::Proxy::new(
            &settings.proxy,
            &settings.backend_url,
            client.clone(),
            limits,
        )?;
        let (name, metrics) = (Name::DEFAULT, Metrics::default());
        let substitute = settings.account()?;
        let inner = Inner {
            name,
            client,
            network,
            #[cfg(feature = "bitly-proxy")]
            proxy,
            base: settings.backend_url.clone(),
            auth,
            account: substitute.clone().into(),
            substitute,
            challenge: challenge(realm),
            limits,
            memory: BodyMemory::of_process(),
            calls: metrics.calls_to(name.label()),
            metrics,
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Another back-end beside this one, with a name and settings of its own. What a call may take in all, its
    /// retries included, is as here.
    ///
    /// # Errors
    /// One sentence, when the settings contradict each other or a file with a secret cannot be read.
    pub fn beside<N: BackendName>(&self, settings: &NamedBackend<N>) -> Result<Self, String> {
        self.inner.network.admits(&settings.url)?;
        let (name, account) = (Name::of(N::NAME), settings.account()?);
        // It shares the client: a client keeps connections by host.
        Ok(self.clone().changed(|inner| {
            inner.name = name;
            inner.base = settings.url.clone();
            inner.auth = Auth::Basic;
            inner.substitute = None;
            inner.account = account;
            inner.limits.answer = settings.timeout;
            inner.calls = inner.metrics.calls_to(name.label());
        }))
    }

    /// Its name; the first back-end has none.
    pub fn name(&self) -> Option<&str> {
        self.inner.name.given()
    }

    /// Counts calls and logins in these metrics.
    pub fn counted_in(self, metrics: &Metrics) -> Self {
        #[cfg(feature = "bitly-proxy")]
        if self.inner.auth == Auth::BitlyProxy {
            metrics.collect(self.inner.proxy.clone());
        }
        self.changed(|inner| {
            inner.metrics = metrics.clone();
            inner.calls = metrics.calls_to(inner.name.label());
        })
    }

    /// Holds answers in this memory. The default is one of its own, [of the process](BodyMemory::of_process).
    pub fn held_in(self, memory: &BodyMemory) -> Self {
        self.changed(|inner| inner.memory = memory.clone())
    }

    /// A copy of this back-end, changed by `change`.
    fn changed(self, change: impl FnOnce(&mut Inner)) -> Self {
        let mut inner = Arc::unwrap_or_clone(self.inner);
        change(&mut inner);
        Self {
            inner: Arc::new(inner),
        }
    }

    /// The metrics of the service: [`register`](Metrics::register) your own there.
    pub fn metrics(&self) -> &Metrics {
        &self.inner.metrics
    }

    /// `GET path`, below the base URL. A slash at the end of the path stays there; `get("")` asks for the base URL itself.
    ///
    /// What callers chose belongs in [`segment`](BackendRequest::segment) or
    /// [`query`](BackendRequest::query), which encode it:
    ///
    /// ```no_run
    /// # use apikit::{Backend, Caller, Result};
    /// # #[derive(serde::Deserialize)] struct Run { seconds: f64 }
    /// # async fn example(backend: Backend, caller: Caller, run: String) -> Result<()> {
    /// let run: Run = backend
    ///     .get("/api/runs")
    ///     .segment(&run)
    ///     .query(&[("verbose", "yes")])
    ///     .send_as(&caller)
    ///     .await?
    ///     .json()
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn get(&self, path: &str) -> BackendRequest {
        self.request(Method::GET, path)
    }

    /// `POST path`. It is sent once: never repeated, never turned into anything else.
    pub fn post(&self, path: &str) -> BackendRequest {
        self.request(Method::POST, path)
    }

    /// `PUT path`.
    pub fn put(&self, path: &str) -> BackendRequest {
        self.request(Method::PUT, path)
    }

    /// `DELETE path`.
    pub fn delete(&self, path: &str) -> BackendRequest {
        self.request(Method::DELETE, path)
    }

    /// `PATCH path`. It is sent once, like a `POST`.
    pub fn patch(&self, path: &str) -> BackendRequest {
        self.request(Method::PATCH, path)
    }

    /// `HEAD path`: the answer has headers and no body.
    pub fn head(&self, path: &str) -> BackendRequest {
        self.request(Method::HEAD, path)
    }

    /// A request with any method.
    pub fn request(&self, method: Method, path: &str) -> BackendRequest {
        BackendRequest::new(self.clone(), method, self.url(path))
    }

    /// `GET url`, where the back-end has named the URL, as in [`BackendResponse::location`] or
    /// [`BackendResponse::link`].
    ///
    /// It must be of the back-end's own origin, as for redirects; another one is refused with 502, and nothing is sent
    /// there. It need not be below the base URL: where proxies add to paths, a back-end does not always know its
    /// own. What callers chose must not come here: a path of theirs could be any of that host.
    pub fn get_url(&self, url: &Url) -> BackendRequest {
        self.request_url(Method::GET, url)
    }

    /// A request with any method for a URL, as [`get_url`](Self::get_url).
    pub fn request_url(&self, method: Method, url: &Url) -> BackendRequest {
        BackendRequest::new(self.clone(), method, self.own(url))
    }

    /// The URL of `path`, below the base URL, for those who need [`client`](Self::client).
    ///
    /// # Errors
    /// 400, when the path would lead elsewhere: see [`get`](Self::get).
    pub fn url(&self, path: &str) -> Result<Url> {
        request::url(&self.inner.base, path)
    }

    /// The client that sends the requests, for what [`BackendRequest`] does not offer. It limits how long connecting
    /// may take, and nothing else; it adds no credentials, retries nothing and follows no redirect.
    pub fn client(&self) -> &Client {
        self.inner.client.as_reqwest()
    }

    /// `url` without what is not sent, if it is of the back-end's origin.
    fn own(&self, url: &Url) -> Result<Url> {
        let (name, base) = (self.inner.name, &self.inner.base);
        if url.origin() != base.origin() {
            let origin = url.origin().ascii_serialization();
            let why =
                format!("The {name} leads to {origin}, which is another origin than its own.");
            return Err(BackendError::bad_gateway(why));
        }
        let mut url = url.clone();
        url.set_fragment(None);
        // reqwest would send them as HTTP Basic. It fails for URLs without a host alone.
        let _ = url.set_username("").and_then(|()| url.set_password(None));
        Ok(url)
    }

    /// The counts of logins and sessions.
    #[cfg(feature = "bitly-proxy")]
    pub fn session_counts(&self) -> SessionCounts {
        self.inner.proxy.counts()
    }

    /// The credentials that the back-end gets for a caller: what they sent, or else those of the service's account.
    ///
    /// # Errors
    /// 401 with a challenge, when there are none.
    fn credentials<T>(
        &self,
        sent: Result<Option<T>>,
        own: impl FnOnce(&Credentials) -> T,
    ) -> Result<T> {
        sent.map_err(|error| self.challenged(error))?
            .or_else(|| self.inner.substitute.as_ref().map(own))
            .ok_or_else(|| self.challenged(BackendError::no_authorization()))
    }

    /// An error of a request that was sent by the service's own account: a refusal of that account is not the
    /// caller's.
    fn refused_to_service(&self, error: BackendError) -> BackendError {
        let name = self.inner.name;
        let content = match (error.status(), &self.inner.account) {
            (StatusCode::UNAUTHORIZED, Account::None) => {
                format!("The {name} wants credentials, and the service has no account there.")
            }
            (StatusCode::UNAUTHORIZED, _) => {
                format!("The {name} does not accept the service's own account.")
            }
            (StatusCode::FORBIDDEN, _) => format!("The {name} forbids this to the service."),
            _ => return error,
        };
        let said = error.to_string();
        let refused = BackendError::bad_gateway(content);
        refused.with_source(format!("it answered {said:?}"))
    }

    /// A 401 says how to log in to the service, where that helps, and then what the back-end said of it.
    fn challenged(&self, error: BackendError) -> BackendError {
        match error.status() {
            StatusCode::UNAUTHORIZED if self.inner.auth != Auth::None => {
                error.with_first_challenge(self.inner.challenge.clone())
            }
            _ => error,
        }
    }
}

impl fmt::Debug for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Backend")
            .field("name", &self.inner.name.label())
            .field("base", &self.inner.base.as_str())
            .field("auth", &self.inner.auth)
            .finish_non_exhaustive()
    }
}

/// The challenge of a service of that name.
fn challenge(realm: &str) -> HeaderValue {
    let named = format!(r#"Basic realm="{realm}", charset="UTF-8""#);
    HeaderValue::try_from(named).unwrap_or(HeaderValue::from_static(r#"Basic charset="UTF-8""#))
}
