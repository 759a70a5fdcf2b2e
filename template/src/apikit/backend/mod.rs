//! House: the back-end that this service asks on behalf of its callers.

mod auth;
mod request;
mod response;
mod retry;
mod settings;

use std::{fmt, sync::Arc, time::Duration};

use axum::http::{HeaderValue, Method, StatusCode};
use reqwest::{Client, Url, redirect};

use super::error::{BackendError, Result};

pub use auth::{Auth, Caller, Credentials};
pub use request::BackendRequest;
pub use response::BackendResponse;
pub use settings::BackendSettings;

pub(super) use response::refusal;

/// How long it may take to connect. A back-end that is there answers in a fraction of it; one
/// that is not is tried again.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// The back-end: one pool of connections to one base URL. Clones share it.
#[derive(Clone)]
pub struct Backend(Arc<Inner>);

struct Inner {
    client: Client,
    base: Url,
    auth: Auth,
    account: Option<Credentials>,
    challenge: Box<str>,
    patience: Duration,
}

impl Backend {
    /// The back-end as configured.
    ///
    /// `realm` names the service to callers who must log in; `patience` is how long one call may
    /// take with all its retries: the time that the request itself has.
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
            .timeout(settings.backend_timeout)
            .redirect(redirect::Policy::none())
            .user_agent(concat!(
                env!("CARGO_PKG_NAME"),
                "/",
                env!("CARGO_PKG_VERSION")
            ))
            .build()
            .map_err(|error| format!("The HTTP client cannot be made: {error}."))?;
        Ok(Self(Arc::new(Inner {
            client,
            base: settings.backend_url.clone(),
            auth,
            account: settings.account()?,
            challenge: format!(r#"Basic realm="{realm}", charset="UTF-8""#).into(),
            patience,
        })))
    }

    /// `GET path`, below the base URL. Parts of the path that callers choose belong in
    /// [`query`](BackendRequest::query) where the back-end allows it.
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

    /// The `Authorization` header with which the back-end is asked for `caller`.
    ///
    /// # Errors
    /// 401 with a challenge, when the back-end needs credentials and there are none.
    fn authorization(&self, caller: &Caller) -> Result<Option<HeaderValue>> {
        if self.0.auth == Auth::None {
            return Ok(None);
        }
        let credentials = caller
            .credentials()
            .map_err(|error| self.challenged(error))?
            .or_else(|| self.0.account.clone())
            .ok_or_else(|| self.challenged(BackendError::no_authorization()))?;
        Ok(Some(credentials.to_header()))
    }

    /// A 401 says how to log in, where logging in helps.
    fn challenged(&self, error: BackendError) -> BackendError {
        match error.status() {
            StatusCode::UNAUTHORIZED if self.0.auth != Auth::None => {
                error.with_challenge(self.0.challenge.clone())
            }
            _ => error,
        }
    }
}

impl fmt::Debug for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Backend")
            .field("base", &self.0.base.as_str())
            .field("auth", &self.0.auth)
            .finish_non_exhaustive()
    }
}
