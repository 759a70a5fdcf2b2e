//! House: a back-end behind an OAuth2 proxy (bitly's, or its successor oauth2-proxy).
//!
//! - [`settings`]: where the proxy is, who may see a password, how long sessions live;
//! - [`way`]: where a login may lead, and where a password may be sent;
//! - [`login`]: one login, with [`page`] for what is on its pages and [`outcome`] for how it can end;
//! - [`sessions`]: the sessions that are open, with [`cookies`] for what one is made of;
//! - [`loss`]: tells the end of a session from the back-end's own refusal;
//! - [`figures`]: how many logins and sessions there are.

mod cookies;
mod figures;
mod login;
mod loss;
mod outcome;
mod page;
mod sessions;
mod settings;
mod way;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use axum::http::{
    HeaderValue, StatusCode,
    header::{AUTHORIZATION, COOKIE},
};
use reqwest::{Client, Response, Url};
use tokio::sync::Semaphore;
use tracing::Instrument;

use super::{
    super::traces,
    BackendError, Caller, Credentials, Result,
    retry::{self, Failure},
    sending::Sending,
};
use cookies::CookieName;
use login::log_in;
use loss::{Verdict, judge};
use outcome::LoginError;
use sessions::{Login, Sessions};
use way::Way;

pub use settings::{LoginBy, LoginHost, ProxySettings};

/// How many logins are under way at once: callers who come and go could begin any number.
const MAX_LOGINS: usize = 64;

/// The proxy, and the sessions that callers have there. Clones share them.
#[derive(Clone)]
pub(super) struct Proxy(Arc<Inner>);

struct Inner {
    /// The places for logins that are under way at once.
    places: Semaphore,
    way: Way,
    client: Client,
    sessions: Sessions,
    patience: Duration,
    logins: AtomicU64,
    failures: Mutex<BTreeMap<&'static str, u64>>,
}

/// What the proxy is told of who is asking.
pub(super) enum Proof {
    /// An `Authorization` header, marked as sensitive.
    Header(HeaderValue),
    /// The cookies of the session that these open.
    Session(Credentials),
}

/// What a service has done to log its callers in, since it was started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionCounts {
    /// Logins that opened a session.
    pub logins: u64,
    /// Logins that did not, by the reason in one word.
    pub failures: BTreeMap<&'static str, u64>,
    /// Sessions that are open.
    pub live: usize,
}

impl Proxy {
    /// The proxy in front of `base`; a login may take `patience` in all.
    pub fn new(
        settings: &ProxySettings,
        base: &Url,
        client: Client,
        patience: Duration,
    ) -> Result<Self, String> {
        let start = match &settings.auth_endpoint {
            Some(endpoint) => endpoint.clone(),
            None => {
                let mut start = base.clone();
                let path = base.path().trim_end_matches('/');
                start.set_path(&format!("{path}/oauth2/start"));
                start
            }
        };
        if settings.auth_login == LoginBy::Htpasswd && !way::is_private(&start) {
            return Err(format!(
                "AUTH_LOGIN=htpasswd would send passwords to {start} for all to read: it must be https://."
            ));
        }
        Ok(Self(Arc::new(Inner {
            places: Semaphore::new(MAX_LOGINS),
            way: Way {
                start,
                base: base.clone(),
                hosts: settings.auth_login_hosts.clone(),
                by: settings.auth_login,
                cookie: CookieName(settings.auth_cookie_name.clone()),
            },
            client,
            sessions: Sessions::new(settings.session_ttl, settings.session_capacity)?,
            patience,
            logins: AtomicU64::new(0),
            failures: Mutex::default(),
        })))
    }

    /// How the proxy learns who `caller` is: by the bearer token that they sent, or else by the user
    /// name and password that `credentials` finds, as HTTP Basic or in a session.
    pub fn proof(
        &self,
        caller: &Caller,
        credentials: impl FnOnce() -> Result<Credentials>,
    ) -> Result<Proof> {
        if let Some(token) = caller.bearer() {
            return Ok(Proof::Header(token));
        }
        let credentials = credentials()?;
        Ok(match self.0.way.by {
            LoginBy::Basic => Proof::Header(credentials.to_header()),
            _ => Proof::Session(credentials),
        })
    }

    /// Sends a request with this proof of who is asking.
    pub async fn exchange(&self, sending: &Sending<'_>, proof: Proof) -> Result<Response> {
        let patience = self.0.patience;
        match proof {
            Proof::Header(header) => {
                let with_header = || self.send_with_header(sending, &header);
                retry::send(sending, patience, with_header).await
            }
            Proof::Session(credentials) => {
                let renewed = AtomicBool::new(false);
                let in_session = || self.send_in_session(sending, &credentials, &renewed);
                retry::send(sending, patience, in_session).await
            }
        }
    }

    pub fn counts(&self) -> SessionCounts {
        SessionCounts {
            logins: self.0.logins.load(Ordering::Relaxed),
            failures: self.failures().clone(),
            live: self.0.sessions.count(),
        }
    }

    /// Sends a request whose credentials are in its header.
    async fn send_with_header(
        &self,
        sending: &Sending<'_>,
        header: &HeaderValue,
    ) -> Result<Response, Failure> {
        let proof = (AUTHORIZATION, header.clone());
        let response = sending.send(&self.0.client, Some(proof)).await?;
        match judge(&self.0.way, response).await {
            Verdict::Alive(response) | Verdict::Doubtful(response) => Ok(response),
            Verdict::Lost => {
                let refused = BackendError::new(StatusCode::UNAUTHORIZED);
                Err(Failure::last(refused.with_content(
                    "The OAuth2 proxy does not take these credentials.",
                )))
            }
        }
    }

    /// Sends a request in the session of these credentials, which is opened where there is none.
    ///
    /// A session that has ended is opened anew and the request sent once more: that is safe, as the
    /// proxy refused it before the back-end saw it. `renewed` says whether that has happened to the
    /// caller's request already: it happens once.
    async fn send_in_session(
        &self,
        sending: &Sending<'_>,
        credentials: &Credentials,
        renewed: &AtomicBool,
    ) -> Result<Response, Failure> {
        let key = self.0.sessions.key(credentials);
        let begin = |login| self.begin(login, credentials.clone());
        let login = self.0.sessions.login(key, begin);
        if let Some(response) = self.ask(sending, &login).await? {
            return Ok(response);
        }

        if renewed.swap(true, Ordering::Relaxed) {
            return Err(Failure::last(LoginError::NotAccepted.into()));
        }
        let login = self.0.sessions.renewed(key, login.number(), begin);
        if !sending.is_repeatable() {
            let now = "The session had ended and is open again: send the request once more.";
            let wait = Duration::ZERO;
            return Err(Failure::last(BackendError::unavailable(now, wait)));
        }
        match self.ask(sending, &login).await? {
            Some(response) => Ok(response),
            None => {
                self.0
                    .sessions
                    .condemn(key, &login, LoginError::NotAccepted);
                Err(Failure::last(LoginError::NotAccepted.into()))
            }
        }
    }

    /// The back-end's answer; `None` when the proxy does not know the session any more.
    async fn ask(&self, sending: &Sending<'_>, login: &Login) -> Result<Option<Response>, Failure> {
        let cookies = login
            .cookies()
            .await
            .map_err(|error| Failure::last(error.into()))?;
        let proof = (COOKIE, cookies);
        let response = sending.send(&self.0.client, Some(proof)).await?;
        login.refresh(&self.0.way.cookie, response.headers());
        let answer = match judge(&self.0.way, response).await {
            Verdict::Alive(response) => Some(response),
            Verdict::Lost => None,
            Verdict::Doubtful(response) => self.knows(login).await.then_some(response),
        };
        Ok(answer.map(|mut response| {
            login.worked();
            self.0.way.cookie.remove_from(response.headers_mut());
            response
        }))
    }

    /// Whether the proxy knows the session, as far as it says.
    async fn knows(&self, login: &Login) -> bool {
        let Ok(cookies) = login.cookies().await else {
            return false;
        };
        let asked = self.0.client.get(self.0.way.beside_start("auth"));
        let answer = asked.header(COOKIE, cookies).send().await;
        answer.map_or(true, |answer| answer.status() != StatusCode::UNAUTHORIZED)
    }

    /// Begins a login that goes on whoever waits for it, and ends whatever happens to it.
    fn begin(&self, login: Login, credentials: Credentials) {
        let proxy = self.clone();
        let logging_in = async move {
            let ends = EndsAnyway(login);
            let start = Instant::now();
            let logged_in = async {
                let _place = proxy.0.places.acquire().await;
                log_in(&proxy.0.way, &proxy.0.client, &credentials).await
            };
            let outcome = tokio::time::timeout(proxy.0.patience, logged_in).await;
            let outcome = outcome.unwrap_or(Err(LoginError::Timeout));
            let number = ends.0.number();
            let milliseconds = start.elapsed().as_millis() as u64;
            match &outcome {
                Ok(_) => {
                    proxy.0.logins.fetch_add(1, Ordering::Relaxed);
                    tracing::info!(number, milliseconds, "a caller was logged in");
                }
                Err(error) => {
                    *proxy.failures().entry(error.kind()).or_default() += 1;
                    let kind = error.kind();
                    tracing::warn!(number, milliseconds, kind, %error, "a login failed");
                }
            }
            ends.0.end(outcome.map(|session| session.settled()));
        };
        tokio::spawn(logging_in.instrument(traces::of_login()));
    }

    fn failures(&self) -> std::sync::MutexGuard<'_, BTreeMap<&'static str, u64>> {
        let failures = self.0.failures.lock();
        failures.expect("nobody panics while holding it")
    }
}

/// A login that those who wait for it see the end of, even if its task panics.
struct EndsAnyway(Login);

impl Drop for EndsAnyway {
    fn drop(&mut self) {
        self.0.end(Err(LoginError::Broken));
    }
}
