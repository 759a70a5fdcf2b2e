//! Why a login failed, and the error that the caller gets.

use std::time::Duration;

use axum::http::StatusCode;

use super::super::BackendError;

/// How long a refused password is remembered. Meanwhile the provider is not asked again, so that the service
/// cannot be used for guessing, and does not lock an account by repeating a mistake.
const VERDICT: Duration = Duration::from_secs(30);

/// How long a temporary failure is remembered, so that waiting callers do not all log in at a provider that is
/// down.
const MISHAP: Duration = Duration::from_secs(2);

/// Why a login failed. Nothing in it is secret: no password, cookie, code or state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum LoginError {
    #[error("The user name or the password is wrong.")]
    BadCredentials,
    #[error(
        "The account has two-factor authentication on, which no service can pass for you: ask the operator for an htpasswd account or send a bearer token."
    )]
    TwoFactor,
    #[error(
        "The provider wants to verify this device by e-mail: log in with a browser from the service's network, or ask the operator for an htpasswd account."
    )]
    DeviceVerification,
    #[error(
        "The provider asks whether you allow the application: open {start} in a browser, log in and consent once. If it asks at each login, the operator has to switch that off: Dex asks unless skipApprovalScreen is set there, and approval_prompt=auto at the OAuth2 proxy."
    )]
    ConsentNeeded { start: String },
    #[error("The provider refuses more logins for now: there were several failed attempts.")]
    RateLimited,
    #[error("The account is not allowed to use the back-end: {said}.")]
    Denied { said: String },
    #[error("The login was confused by another one (a CSRF check failed twice).")]
    Csrf,
    #[error("The login provider is out of order: it answered {status}.")]
    ProviderDown { status: u16 },
    #[error("The login provider cannot be reached.")]
    ProviderAway,
    #[error("The OAuth2 proxy is out of order: it answered {status}.")]
    ProxyDown { status: u16 },
    #[error("The OAuth2 proxy cannot be reached.")]
    ProxyAway,
    #[error("{start} does not begin a login: AUTH_ENDPOINT is wrong.")]
    WrongEndpoint { start: String },
    #[error("The login has set no cookie named {name}: AUTH_COOKIE_NAME is wrong.")]
    NoSessionCookie { name: String },
    #[error("The OAuth2 proxy does not accept the session that it has just given.")]
    NotAccepted,
    #[error("The login leads to {origin}, which is not among the hosts of AUTH_LOGIN_HOSTS.")]
    ForeignHost { origin: String },
    #[error("The login leads in circles.")]
    TooManyHops,
    #[error("A page of the login is larger than {limit} bytes.")]
    PageTooLarge { limit: usize },
    #[error(
        "The page {page} (status {status}) is none that the service knows how to log in by; its title is {title:?}."
    )]
    UnknownPage {
        page: String,
        status: u16,
        title: String,
    },
    #[error(
        "The page {page} cannot be read: it is not what its Content-Encoding {coding:?} says, or that is unknown."
    )]
    UnreadablePage { page: String, coding: String },
    #[error(
        "The OAuth2 proxy sets its cookie {name} for https alone, but is asked over http: no client sends it back. Use https, or set the proxy's cookie_secure to false."
    )]
    SecureCookie { name: String },
    #[error(
        "The OAuth2 proxy has no form for passwords: it has no htpasswd file, or AUTH_LOGIN should not be htpasswd."
    )]
    NoHtpasswd,
    #[error(
        "The OAuth2 proxy does not take these credentials: they are wrong, or it has no htpasswd file, which AUTH_LOGIN={by} needs."
    )]
    NotTaken { by: &'static str },
    #[error("The login took too long.")]
    Timeout,
    #[error("The login was broken off by a fault of the service.")]
    Broken,
}

impl LoginError {
    /// One word for metrics and logs.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::BadCredentials => "bad-credentials",
            Self::TwoFactor => "two-factor",
            Self::DeviceVerification => "device-verification",
            Self::ConsentNeeded { .. } => "consent-needed",
            Self::RateLimited => "rate-limited",
            Self::Denied { .. } => "denied",
            Self::Csrf => "csrf",
            Self::ProviderDown { .. } | Self::ProviderAway => "provider-down",
            Self::ProxyDown { .. } | Self::ProxyAway => "proxy-down",
            Self::WrongEndpoint { .. } => "wrong-endpoint",
            Self::NoSessionCookie { .. } => "no-session-cookie",
            Self::NotAccepted => "not-accepted",
            Self::ForeignHost { .. } => "foreign-host",
            Self::TooManyHops => "too-many-hops",
            Self::PageTooLarge { .. } => "page-too-large",
            Self::UnknownPage { .. } => "unknown-page",
            Self::UnreadablePage { .. } => "unreadable-page",
            Self::SecureCookie { .. } => "secure-cookie",
            Self::NoHtpasswd => "no-htpasswd",
            Self::NotTaken { .. } => "not-taken",
            Self::Timeout => "timeout",
            Self::Broken => "broken",
        }
    }

    /// How long the same credentials get the same answer without a new login: a moment for a temporary failure, much
    /// longer for one that another login would only repeat.
    pub fn remembered(&self) -> Duration {
        match self {
            Self::Csrf
            | Self::ProviderDown { .. }
            | Self::ProviderAway
            | Self::ProxyDown { .. }
            | Self::ProxyAway
            | Self::Timeout
            | Self::Broken => MISHAP,
            _ => VERDICT,
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::BadCredentials | Self::NotTaken { .. } => StatusCode::UNAUTHORIZED,
            Self::TwoFactor
            | Self::DeviceVerification
            | Self::ConsentNeeded { .. }
            | Self::Denied { .. } => StatusCode::FORBIDDEN,
            Self::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Self::Timeout => StatusCode::GATEWAY_TIMEOUT,
            Self::Broken => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_GATEWAY,
        }
    }
}

impl From<LoginError> for BackendError {
    fn from(error: LoginError) -> Self {
        let answer = BackendError::new(error.status()).with_content(error.to_string());
        match error {
            LoginError::RateLimited => answer.with_retry_after(VERDICT),
            _ => answer,
        }
    }
}
