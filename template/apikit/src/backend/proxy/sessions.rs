//! The open sessions: one for each user name and password, never shared by two.
//!
//! User name and password are kept as a keyed hash, and a login as its outcome: the session's cookies, or why
//! there is none. Requests that come while a login is in progress wait for it; it goes on when they are dropped.

use std::{
    sync::{
        Arc, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use axum::http::{HeaderMap, HeaderValue};
use moka::{ops::compute::Op, policy::EvictionPolicy, sync::Cache};
use ring::{hmac, rand::SystemRandom};
use secrecy::ExposeSecret;
use tokio::sync::SetOnce;

use super::{
    super::Credentials,
    cookies::{CookieName, SessionCookies},
    login_error::LoginError,
};

/// Sessions that have not been used for this long are dropped.
const IDLE: Duration = Duration::from_secs(30 * 60);

/// Why a lock on a session's cookies is never poisoned.
const HELD: &str = "nobody panics while holding it";

/// A user name and a password, as a hash with a random key that ends with the process.
type Key = [u8; 32];

/// The open sessions.
pub(super) struct Sessions {
    logins: Cache<Key, Login>,
    ttl: Duration,
    secret: hmac::Key,
    next: AtomicU64,
}

/// One login: in progress, or with its outcome. Clones share it.
#[derive(Clone)]
pub(super) struct Login(Arc<Shared>);

struct Shared {
    number: u64,
    outcome: SetOnce<Outcome>,
    /// Whether the session has ever been accepted for a request.
    worked: AtomicBool,
}

struct Outcome {
    at: Instant,
    session: Result<RwLock<SessionCookies>, Box<LoginError>>,
}

impl Sessions {
    pub fn new(ttl: Duration, capacity: usize) -> Result<Self, String> {
        let secret = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new())
            .map_err(|_| "The system has no random numbers.".to_owned())?;
        let capacity = u64::try_from(capacity).unwrap_or(u64::MAX);
        Ok(Self {
            logins: Cache::builder()
                .max_capacity(capacity)
                // The least recently used go first, and never one that has just begun.
                .eviction_policy(EvictionPolicy::lru())
                .time_to_idle(IDLE)
                .build(),
            ttl,
            secret,
            next: AtomicU64::new(0),
        })
    }

    /// The key of a user name and a password. The length comes first, so that no two pairs have the same input.
    pub fn key(&self, credentials: &Credentials) -> Key {
        let mut context = hmac::Context::with_key(&self.secret);
        context.update(&credentials.username.len().to_le_bytes());
        context.update(credentials.username.as_bytes());
        context.update(credentials.password.expose_secret().as_bytes());
        let tag = context.sign();
        tag.as_ref().try_into().expect("SHA-256 has 32 bytes")
    }

    /// The login of `key`; one that `begin` begins where there is none that can be used.
    pub fn login(&self, key: Key, begin: impl Fn(Login)) -> Login {
        let entry = self.logins.entry(key);
        let entry = entry.or_insert_with(|| self.begun(&begin));
        if entry.is_fresh() {
            self.drop_surplus();
        }
        let found = entry.into_value();
        if found.is_usable(self.ttl) {
            return found;
        }
        self.renewed(key, found.number(), begin)
    }

    /// A login after the one with this number, whose session was lost. Many requests may report the loss; the first
    /// begins the one login that all of them get.
    pub fn renewed(&self, key: Key, lost: u64, begin: impl Fn(Login)) -> Login {
        let entry = self.logins.entry(key);
        let found = entry.and_compute_with(|found| match found {
            Some(found) if found.value().number() != lost || found.value().has_failed() => Op::Nop,
            _ => Op::Put(self.begun(&begin)),
        });
        self.drop_surplus();
        found
            .into_entry()
            .map(|entry| entry.into_value())
            .unwrap_or_else(|| self.begun(&begin))
    }

    /// Marks a login as failed whose session was never accepted for a request: another login would be as useless. A
    /// session that has worked was merely lost.
    pub fn condemn(&self, key: Key, login: &Login, error: LoginError) {
        if login.0.worked.load(Ordering::Relaxed) {
            return;
        }
        self.logins
            .entry(key)
            .and_compute_with(|found| match found {
                Some(found) if found.value().number() == login.number() => {
                    let failed = Login::new(login.number());
                    failed.end(Err(error));
                    Op::Put(failed)
                }
                _ => Op::Nop,
            });
    }

    /// Drops what is beyond the capacity now, and not only when the cache next looks after itself.
    fn drop_surplus(&self) {
        self.logins.run_pending_tasks();
    }

    fn begun(&self, begin: impl Fn(Login)) -> Login {
        let login = Login::new(self.next.fetch_add(1, Ordering::Relaxed));
        begin(login.clone());
        login
    }

    /// How many sessions are open.
    pub fn count(&self) -> usize {
        let logins = self.logins.iter();
        logins.filter(|(_, login)| login.is_open(self.ttl)).count()
    }
}

impl Login {
    fn new(number: u64) -> Self {
        Self(Arc::new(Shared {
            number,
            outcome: SetOnce::new(),
            worked: AtomicBool::new(false),
        }))
    }

    /// Records that the session was accepted for a request.
    pub fn worked(&self) {
        self.0.worked.store(true, Ordering::Relaxed);
    }

    /// Which login this is: a later one has a higher number.
    pub fn number(&self) -> u64 {
        self.0.number
    }

    /// Ends the login; the first call counts.
    pub fn end(&self, session: Result<SessionCookies, LoginError>) {
        let _ = self.0.outcome.set(Outcome {
            at: Instant::now(),
            session: session.map(RwLock::new).map_err(Box::new),
        });
    }

    /// The `Cookie` header of the session, as soon as the login has ended.
    pub async fn cookies(&self) -> Result<HeaderValue, LoginError> {
        let outcome = self.0.outcome.wait().await;
        let session = outcome
            .session
            .as_ref()
            .map_err(|error| (**error).clone())?;
        Ok(session.read().expect(HELD).header())
    }

    /// Updates the session's cookies from an answer of the proxy.
    pub fn refresh(&self, name: &CookieName, headers: &HeaderMap) {
        let Some(session) = self
            .0
            .outcome
            .get()
            .and_then(|outcome| outcome.session.as_ref().ok())
        else {
            return;
        };
        let refreshed = {
            let session = session.read().expect(HELD);
            session.refreshed(name, headers)
        };
        if let Some(refreshed) = refreshed {
            *session.write().expect(HELD) = refreshed;
        }
    }

    /// Whether it is in progress, has a live session, or failed so recently that the failure still counts.
    fn is_usable(&self, ttl: Duration) -> bool {
        self.0.outcome.get().is_none() || self.is_open(ttl) || self.has_failed()
    }

    /// Whether it has a live session.
    fn is_open(&self, ttl: Duration) -> bool {
        self.0.outcome.get().is_some_and(|outcome| {
            let session = outcome.session.as_ref();
            let lives = session.is_ok_and(|session| !session.read().expect(HELD).are_expired());
            lives && outcome.at.elapsed() < ttl
        })
    }

    /// Whether it failed so recently that the failure still counts.
    fn has_failed(&self) -> bool {
        self.0.outcome.get().is_some_and(|outcome| {
            let error = outcome.session.as_ref().err();
            error.is_some_and(|error| outcome.at.elapsed() < error.remembered())
        })
    }
}
