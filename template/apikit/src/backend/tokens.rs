//! Tokens that expire: the author's function makes one when it is needed, once for all requests that need it.

use std::{
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::http::{HeaderValue, StatusCode, header::AUTHORIZATION};
use futures_util::FutureExt;
use reqwest::Response;
use secrecy::SecretString;
use tokio::{
    sync::SetOnce,
    time::{Instant, timeout},
};
use tracing::Instrument;

use super::{
    Backend, BackendError, Result,
    account::{Account, bearer},
    attempt::Attempt,
    client::HttpClient,
    name::Name,
    retry::Failure,
};

/// How much of its lifetime a token is used for: it is renewed before the back-end's clock says that it is over.
const USED_FOR: f64 = 0.9;

/// A token for a back-end, made by a function of the author's: see [`Backend::with_token`].
#[derive(Clone, Debug)]
pub struct Token {
    secret: SecretString,
    lifetime: Option<Duration>,
}

impl Token {
    /// A token that is used until the back-end refuses it.
    pub fn new(secret: impl Into<SecretString>) -> Self {
        Self {
            secret: secret.into(),
            lifetime: None,
        }
    }

    /// The token is renewed before this time is over.
    pub fn lasting(self, lifetime: Duration) -> Self {
        Self {
            lifetime: Some(lifetime),
            ..self
        }
    }
}

impl From<SecretString> for Token {
    fn from(secret: SecretString) -> Self {
        Self::new(secret)
    }
}

impl Backend {
    /// The back-end, where the service's own account is a token that `make` makes: [`send`] and [`send_for`] send it as
    /// `Authorization: Bearer`.
    ///
    /// `make` runs when the first request needs a token, when the lifetime of the token is over, and when the back-end
    /// answers 401, each time once for all requests in flight. A request that met the 401 is sent once more, unless its
    /// body is a stream. Where `make` fails, the caller gets a 502, and the log says why.
    ///
    /// ```
    /// # use std::time::Duration;
    /// use apikit::{Backend, Result, backend::Token};
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Grant { access_token: String, expires_in: u64 }
    ///
    /// fn with_grants(keeper: Backend) -> Backend {
    ///     let account = keeper.clone(); // with the user name and the password of its settings
    ///     keeper.with_token(move || fetch_token(account.clone()))
    /// }
    ///
    /// async fn fetch_token(account: Backend) -> Result<Token> {
    ///     let grant: Grant = account.post("/token").send().await?.json().await?;
    ///     let lifetime = Duration::from_secs(grant.expires_in);
    ///     Ok(Token::new(grant.access_token).lasting(lifetime))
    /// }
    /// ```
    ///
    /// [`send`]: super::BackendRequest::send
    /// [`send_for`]: super::BackendRequest::send_for
    pub fn with_token<F, T>(self, make: impl Fn() -> F + Send + Sync + 'static) -> Backend
    where
        F: Future<Output = Result<T>> + Send + 'static,
        T: Into<Token>,
    {
        let (name, time_limit) = (self.inner.name, self.inner.limits.call);
        let tokens = Tokens(Arc::new(Inner {
            make: Box::new(move || {
                let made = make();
                Box::pin(async { made.await.map(Into::into) })
            }),
            name,
            time_limit,
            last: Mutex::default(),
        }));
        self.changed(|inner| inner.account = Account::Tokens(tokens))
    }
}

/// The tokens for one back-end. Clones share them.
#[derive(Clone)]
pub(super) struct Tokens(Arc<Inner>);

type Making = Pin<Box<dyn Future<Output = Result<Token>> + Send>>;

struct Inner {
    make: Box<dyn Fn() -> Making + Send + Sync>,
    name: Name,
    time_limit: Duration,
    last: Mutex<Option<Generation>>,
}

/// A token that is made or being made, and its number. Clones share it.
#[derive(Clone)]
struct Generation {
    number: u64,
    made: Arc<SetOnce<Result<Made, Arc<BackendError>>>>,
}

#[derive(Clone)]
struct Made {
    header: HeaderValue,
    until: Option<Instant>,
}

impl Tokens {
    /// Sends a request with the token. A token that the back-end refuses is renewed, once for each `renewed`.
    ///
    /// Sending the request again is safe: the back-end refused it before it had any effect.
    pub async fn send(
        &self,
        attempt: &Attempt<'_>,
        client: &HttpClient,
        renewed: &AtomicBool,
    ) -> Result<Response, Failure> {
        let token = self.latest(None);
        let proof = (AUTHORIZATION, token.header(self.0.name).await?);
        let response = attempt.send(client, Some(proof)).await?;
        if response.status() != StatusCode::UNAUTHORIZED || renewed.swap(true, Ordering::Relaxed) {
            return Ok(response);
        }

        let token = self.latest(Some(token.number));
        let header = token.header(self.0.name).await?;
        if !attempt.is_repeatable() {
            let name = self.0.name;
            let now = format!(
                "The token for the {name} had expired and is renewed: send the request once more."
            );
            return Err(Failure::last(BackendError::unavailable(
                now,
                Duration::ZERO,
            )));
        }
        attempt.send(client, Some((AUTHORIZATION, header))).await
    }

    /// The last token, or a new one where the last has failed, is too old, or has this number, with which it was
    /// refused. Whoever comes late with a refused one gets the one that is made meanwhile.
    fn latest(&self, refused: Option<u64>) -> Generation {
        let mut last = self.0.last.lock().unwrap_or_else(PoisonError::into_inner);
        let number = match &*last {
            Some(token) if token.is_usable() && refused.is_none_or(|old| old < token.number) => {
                return token.clone();
            }
            Some(token) => token.number + 1,
            None => 0,
        };
        let token = Generation {
            number,
            made: Arc::default(),
        };
        *last = Some(token.clone());
        let (tokens, begun) = (self.clone(), token.clone());
        // In a task of its own, so that it goes on when the request that needed it first is dropped.
        let making = async move {
            let made = tokens.made().await;
            if made.is_ok() {
                tracing::info!(backend = tokens.0.name.label(), "a token was made");
            }
            let made = made.map_err(Arc::new);
            begun
                .made
                .set(made)
                .unwrap_or_else(|_| unreachable!("it is set here alone"));
        };
        tokio::spawn(making.in_current_span());
        token
    }

    /// Makes a token by the author's function, which may fail, panic or not end.
    async fn made(&self) -> Result<Made> {
        let making = AssertUnwindSafe(async { (self.0.make)().await }).catch_unwind();
        let token = match timeout(self.0.time_limit, making).await {
            Ok(Ok(token)) => token?,
            Ok(Err(_)) => {
                return Err(BackendError::internal("it panicked"));
            }
            Err(_) => {
                return Err(BackendError::internal("it took too long"));
            }
        };
        let header = bearer(&token.secret)
            .ok_or_else(|| BackendError::internal("it has a character that no header can hold"))?;
        let lifetime = token.lifetime.map(|lifetime| lifetime.mul_f64(USED_FOR));
        Ok(Made {
            header,
            until: lifetime.and_then(|lifetime| Instant::now().checked_add(lifetime)),
        })
    }
}

impl Generation {
    fn is_usable(&self) -> bool {
        match self.made.get() {
            None => true,
            Some(Ok(made)) => made.until.is_none_or(|until| Instant::now() < until),
            Some(Err(_)) => false,
        }
    }

    /// The token as a header, once it is made.
    async fn header(&self, name: Name) -> Result<HeaderValue, Failure> {
        match self.made.wait().await {
            Ok(made) => Ok(made.header.clone()),
            Err(error) => {
                let content = format!("No token for the {name} was to be had.");
                let error = BackendError::bad_gateway(content).with_source(error.clone());
                Err(Failure::last(error))
            }
        }
    }
}
