//! House: the back-end that this service asks on behalf of its callers.

mod auth;
mod call;
mod check;
mod names;
#[cfg(feature = "bitly-proxy")]
mod proxy;
mod request;
mod response;
mod retry;
mod sending;
mod settings;

use std::{fmt, sync::Arc, time::Duration};

use axum::http::{Method, StatusCode};
use reqwest::{Client, Url, redirect};

use super::{
    error::{BackendError, Result},
    metrics::Metrics,
};

use names::Names;

pub use auth::{Auth, Caller, Credentials};
pub use check::Check;
#[cfg(feature = "bitly-proxy")]
pub use proxy::{LoginBy, LoginHost, ProxySettings, SessionCounts};
pub use request::BackendRequest;
pub use response::BackendResponse;
pub use settings::BackendSettings;

pub(super) use response::refusal;

/// How long it may take to connect. A back-end that is there answers in a fraction of it; one
/// that is not is tried again.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// The back-end: one pool of connections to one base URL. Clones share it.
#[derive(Clone)]
pub struct Backend {
    inner: Arc<Inner>,
    metrics: Metrics,
}

struct Inner {
    client: Client,
    base: Url,
    auth: Auth,
    #[cfg(feature = "bitly-proxy")]
    proxy: proxy::Proxy,
    account: Option<Credentials>,
    challenge: Box<str>,
    patience: Duration,
}

impl Backend {
    /// The back-end as configured.
    ///
    /// `realm` names the service to callers who must log in; `patience` is how long one call may
    /// take to be answered, with its login, redirects and retries.
    ///
    /// # Errors
    /// One sentence, when the settings contradict each other or a password file cannot be read.
    pub fn new(
        settings: &BackendSettings,
        auth: Auth,
        realm: &str,
        patience: Duration,
    ) -> Result<Self, String> {
        // It fails only where the process has a TLS provider already, and then that one serves.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .dns_resolver(Names::default())
            .timeout(settings.backend_timeout)
            .redirect(redirect::Policy::none())
            // HTTP_PROXY and its kin would get to see the credentials of an http:// back-end.
            .no_proxy()
            .user_agent(concat!(
                env!("CARGO_PKG_NAME"),
                "/",
                env!("CARGO_PKG_VERSION")
            ))
            .build()
            .map_err(|error| format!("The HTTP client cannot be made: {error}."))?;
        #[cfg(feature = "bitly-proxy")]
        let proxy = proxy::Proxy::new(
            &settings.proxy,
            &settings.backend_url,
            client.clone(),
            patience,
        )?;
        let inner = Inner {
            client,
            #[cfg(feature = "bitly-proxy")]
            proxy,
            base: settings.backend_url.clone(),
            auth,
            account: settings.account()?,
            challenge: format!(r#"Basic realm="{realm}", charset="UTF-8""#).into(),
            patience,
        };
        Ok(Self {
            inner: Arc::new(inner),
            metrics: Metrics::default(),
        })
    }

    /// Counts calls and logins in these figures.
    pub fn counted_in(mut self, metrics: &Metrics) -> Self {
        #[cfg(feature = "bitly-proxy")]
        if self.inner.auth == Auth::BitlyProxy {
            metrics.collect(self.inner.proxy.clone());
        }
        self.metrics = metrics.clone();
        self
    }

    /// The figures of the service: [`register`](Metrics::register) your own there.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// `GET path`, below the base URL.
    ///
    /// What callers chose belongs into [`segment`](BackendRequest::segment) or
    /// [`query`](BackendRequest::query), which encode it:
    ///
    /// ```no_run
    /// # use uservice::apikit::{Backend, Caller, Result};
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

    /// A request with any method.
    pub fn request(&self, method: Method, path: &str) -> BackendRequest {
        BackendRequest::new(self.clone(), method, path)
    }

    /// What the service has done to log its callers in.
    #[cfg(feature = "bitly-proxy")]
    pub fn session_counts(&self) -> SessionCounts {
        self.inner.proxy.counts()
    }

    /// The credentials with which the back-end is asked: what the caller sent, else what is made of the service's.
    ///
    /// # Errors
    /// 401 with a challenge, when there are none.
    fn credentials<T>(
        &self,
        sent: Result<Option<T>>,
        own: impl FnOnce(&Credentials) -> T,
    ) -> Result<T> {
        sent.map_err(|error| self.challenged(error))?
            .or_else(|| self.inner.account.as_ref().map(own))
            .ok_or_else(|| self.challenged(BackendError::no_authorization()))
    }

    /// A 401 says how to log in, where logging in helps.
    fn challenged(&self, error: BackendError) -> BackendError {
        match error.status() {
            StatusCode::UNAUTHORIZED if self.inner.auth != Auth::None => {
                error.with_challenge(self.inner.challenge.clone())
            }
            _ => error,
        }
    }
}

impl fmt::Debug for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Backend")
            .field("base", &self.inner.base.as_str())
            .field("auth", &self.inner.auth)
            .finish_non_exhaustive()
    }
}
