//! A back-end behind an OAuth2 proxy (bitly's, or its successor oauth2-proxy).
//!
//! - [`settings`]: where the proxy is, who may see a password, how long sessions live;
//! - [`origins`]: where a login may lead, and where a password may be sent;
//! - [`login`]: one login, in a [`browser`] with a cookie [`jar`], with [`page`] for its HTML pages and [`login_error`] for its
//!   failures;
//! - [`sessions`]: the open sessions, with [`cookies`] for what each consists of;
//! - [`session_expiry`]: distinguishes the end of a session from the back-end's own refusal;
//! - [`metrics`]: how many logins and sessions there are.

mod browser;
mod cookies;
#[cfg(fuzzing)]
pub mod fuzzing;
mod jar;
mod login;
mod login_error;
mod metrics;
mod origins;
mod page;
mod session_expiry;
mod sessions;
mod settings;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use axum::http::{
    HeaderName, HeaderValue, Method, StatusCode,
    header::{AUTHORIZATION, COOKIE},
};
use reqwest::{Request, Response, Url};
use tokio::sync::Semaphore;
use tracing::Instrument;

use super::{
    BackendError, Caller, Credentials, Limits, Result,
    attempt::Attempt,
    client::HttpClient,
    retry::{self, Failure},
};
use crate::traces;
use cookies::CookieName;
use login::log_in;
use login_error::LoginError;
use origins::AllowedOrigins;
use session_expiry::{Verdict, judge, knows_caller};
use sessions::{Login, Sessions};

pub use settings::{LoginBy, LoginHost, ProxySettings};

/// How many logins may run at once: callers who come and go could begin any number.
const MAX_LOGINS: usize = 64;

/// The proxy, and the sessions that callers have there. Clones share them.
#[derive(Clone)]
pub(super) struct Proxy(Arc<Inner>);

struct Inner {
    /// The places for logins that run at once.
    places: Semaphore,
    origins: AllowedOrigins,
    client: HttpClient,
    sessions: Sessions,
    limits: Limits,
    logins: AtomicU64,
    failures: Mutex<BTreeMap<&'static str, u64>>,
}

/// The credentials for the proxy.
pub(super) enum Proof {
    /// The caller's `Authorization: Bearer` header, marked as sensitive.
    Bearer(HeaderValue),
    /// An `Authorization: Basic` header, marked as sensitive.
    Basic(HeaderValue),
    /// The cookies of the session that these open.
    Session(Credentials),
}

/// The logins and sessions of a service, since it was started.
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
    /// The proxy in front of `base`; a login may take as long as a call in all.
    pub fn new(
        settings: &ProxySettings,
        base: &Url,
        client: HttpClient,
        limits: Limits,
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
        if settings.auth_login == LoginBy::Htpasswd && !origins::is_private(&start) {
            return Err(format!(
                "AUTH_LOGIN=htpasswd would send passwords to {start} for all to read: it must be https://."
            ));
        }
        Ok(Self(Arc::new(Inner {
            places: Semaphore::new(MAX_LOGINS),
            origins: AllowedOrigins {
                start,
                base: base.clone(),
                hosts: settings.auth_login_hosts.clone(),
                by: settings.auth_login,
                cookie: CookieName(settings.auth_cookie_name.clone()),
            },
            client,
            sessions: Sessions::new(settings.session_ttl, settings.session_capacity)?,
            limits,
            logins: AtomicU64::new(0),
            failures: Mutex::default(),
        })))
    }

    /// The credentials of `caller` for the proxy: the bearer token that they sent, or else the user name and
    /// password that `credentials` finds, as HTTP Basic or in a session.
    pub fn proof(
        &self,
        caller: &Caller,
        credentials: impl FnOnce() -> Result<Credentials>,
    ) -> Result<Proof> {
        if let Some(token) = caller.bearer() {
            return Ok(Proof::Bearer(token));
        }
        let credentials = credentials()?;
        Ok(match self.0.origins.by {
            LoginBy::Basic => Proof::Basic(credentials.to_header()),
            _ => Proof::Session(credentials),
        })
    }

    /// Sends a request with these credentials.
    pub async fn exchange(&self, attempt: &Attempt<'_>, proof: Proof) -> Result<Response> {
        if self.0.origins.is_reserved(attempt.url()) {
            // The request would end, or seem to end, the caller's session.
            let path = attempt.url().path();
            let why = format!("{path} is a page of the OAuth2 proxy's own, and not the back-end's");
            return Err(match attempt.has_callers_path() {
                true => BackendError::bad_request(format!("{why}.")),
                false => BackendError::internal(why),
            });
        }
        match proof {
            Proof::Bearer(header) => {
                let with_token = async || {
                    let answer = self.ask_with_header(attempt, &header).await?;
                    answer.ok_or_else(token_refused)
                };
                retry::send_in_time(attempt, with_token).await
            }
            Proof::Basic(header) => {
                let with_password = async || {
                    let answer = self.ask_with_header(attempt, &header).await?;
                    answer.ok_or_else(password_refused)
                };
                retry::send_in_time(attempt, with_password).await
            }
            Proof::Session(credentials) => {
                let renewed = AtomicBool::new(false);
                let in_session = || self.send_in_session(attempt, &credentials, &renewed);
                retry::send_in_time(attempt, in_session).await
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

    /// The back-end's answer to a request with these credentials; `None` when the proxy does not take them.
    async fn ask_with_header(
        &self,
        attempt: &Attempt<'_>,
        header: &HeaderValue,
    ) -> Result<Option<Response>, Failure> {
        let proof = (AUTHORIZATION, header.clone());
        let response = attempt.send(&self.0.client, Some(proof.clone())).await?;
        let (response, is_doubtful) = match judge(&self.0.origins, response).await {
            Verdict::Lost => return Ok(None),
            Verdict::SignInPage(response) => {
                let known = self.check(proof).await;
                let known = known.is_some_and(|status| status.is_success());
                return Ok(known.then_some(response));
            }
            Verdict::Doubtful(response) => (response, true),
            Verdict::Alive(response) => {
                // oauth2-proxy may have this word for a bearer token that it does not know.
                let is_forbidden = response.status() == StatusCode::FORBIDDEN;
                let is_doubtful = is_forbidden && !knows_caller(response.headers());
                (response, is_doubtful)
            }
        };
        let denials = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].map(Some);
        let denied = is_doubtful && denials.contains(&self.check(proof).await);
        Ok((!denied).then_some(response))
    }

    /// Sends a request in the session of these credentials, which is opened where there is none.
    ///
    /// A session that has ended is opened again and the request sent once more. That is safe: the proxy refused the
    /// request before the back-end saw it. `renewed` says whether it has been done for the caller's request already: it is
    /// done once.
    async fn send_in_session(
        &self,
        attempt: &Attempt<'_>,
        credentials: &Credentials,
        renewed: &AtomicBool,
    ) -> Result<Response, Failure> {
        let key = self.0.sessions.key(credentials);
        let begin = |login| self.begin(login, credentials.clone());
        let login = self.0.sessions.login(key, begin);
        if let Some(response) = self.ask(attempt, &login).await? {
            return Ok(response);
        }

        if renewed.swap(true, Ordering::Relaxed) {
            return Err(Failure::last(LoginError::NotAccepted.into()));
        }
        let login = self.0.sessions.renewed(key, login.number(), begin);
        if !attempt.is_repeatable() {
            let now = "The session had ended and is open again: send the request once more.";
            let wait = Duration::ZERO;
            return Err(Failure::last(BackendError::unavailable(now, wait)));
        }
        match self.ask(attempt, &login).await? {
            Some(response) => Ok(response),
            None => {
                self.0
                    .sessions
                    .condemn(key, &login, LoginError::NotAccepted);
                Err(Failure::last(LoginError::NotAccepted.into()))
            }
        }
    }

    /// The back-end's answer; `None` when the session has ended.
    async fn ask(&self, attempt: &Attempt<'_>, login: &Login) -> Result<Option<Response>, Failure> {
        let cookies = login
            .cookies()
            .await
            .map_err(|error| Failure::last(error.into()))?;
        let proof = (COOKIE, cookies);
        let response = attempt.send(&self.0.client, Some(proof)).await?;
        login.refresh(&self.0.origins.cookie, response.headers());
        let answer = match judge(&self.0.origins, response).await {
            Verdict::Alive(response) => Some(response),
            Verdict::Lost => None,
            Verdict::Doubtful(response) => {
                let denied = self.check_session(login).await == Some(StatusCode::UNAUTHORIZED);
                (!denied).then_some(response)
            }
            Verdict::SignInPage(response) => {
                let known = self
                    .check_session(login)
                    .await
                    .is_some_and(|status| status.is_success());
                known.then_some(response)
            }
        };
        Ok(answer.map(|mut response| {
            login.worked();
            self.0.origins.cookie.remove_from(response.headers_mut());
            response
        }))
    }

    async fn check_session(&self, login: &Login) -> Option<StatusCode> {
        let cookies = login.cookies().await.ok()?;
        self.check((COOKIE, cookies)).await
    }

    /// Whether the proxy accepts a header: 202 or 401 at its `…/auth`, or something else where that is not its own.
    async fn check(&self, (name, value): (HeaderName, HeaderValue)) -> Option<StatusCode> {
        let asked = || {
            let mut asked = Request::new(Method::GET, self.0.origins.beside_start("auth"));
            *asked.timeout_mut() = Some(self.0.limits.answer);
            asked.headers_mut().insert(name.clone(), value.clone());
            asked
        };
        let answer = self.0.client.execute(true, asked).await;
        answer.ok().map(|answer| answer.status())
    }

    /// Begins a login in a task of its own: it goes on when requests that wait for it are dropped, and always ends.
    fn begin(&self, login: Login, credentials: Credentials) {
        let proxy = self.clone();
        let logging_in = async move {
            let ends = EndsAnyway(login);
            let start = Instant::now();
            let logged_in = async {
                let _place = proxy.0.places.acquire().await;
                let limit = proxy.0.limits.answer;
                log_in(&proxy.0.origins, &proxy.0.client, &credentials, limit).await
            };
            let outcome = tokio::time::timeout(proxy.0.limits.call, logged_in).await;
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

fn token_refused() -> Failure {
    let refused = BackendError::new(StatusCode::UNAUTHORIZED);
    Failure::last(refused.with_content("The OAuth2 proxy does not take these credentials."))
}

fn password_refused() -> Failure {
    let error = LoginError::NotTaken { by: "basic" };
    tracing::warn!(%error, "the OAuth2 proxy refused HTTP Basic");
    Failure::last(error.into())
}

/// A login that ends for those who wait for it, even if its task panics.
struct EndsAnyway(Login);

impl Drop for EndsAnyway {
    fn drop(&mut self) {
        self.0.end(Err(LoginError::Broken));
    }
}
