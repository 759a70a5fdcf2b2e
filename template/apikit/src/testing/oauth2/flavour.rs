//! How each kind of proxy says what it says: its cookies, its pages, and its answers to a request without a session.
//!
//! `tests/api/proxy_wire.rs` asks the double and the real oauth2-proxy the same, and has one answer for both.

use std::time::{Duration, SystemTime};

use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Redirect, Response},
};

use super::{Behaviour, Flavour};

const PAST: &str = "Thu, 01 Jan 1970 00:00:00 GMT";

/// How long a session lives where nobody says.
const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);

/// How long the cookie of a login that has begun lives, with v7.
const CSRF: Duration = Duration::from_secs(900);

impl Flavour {
    /// Whether it is oauth2-proxy v7, and not bitly's.
    pub(super) fn is_v7(self) -> bool {
        !matches!(self, Self::Bitly | Self::BitlyOwnPage | Self::BitlySkip)
    }

    /// Whether it goes to the provider without a page of its own.
    pub(super) fn skips(self) -> bool {
        matches!(self, Self::BitlySkip | Self::V7Skip)
    }

    /// The cookie of a login that has begun.
    pub(super) fn begins(self, name: &str, nonce: &str) -> String {
        let life = match self.is_v7() {
            true => max_age(CSRF),
            false => expires(WEEK),
        };
        format!("{name}_csrf={nonce}; Path=/{life}; HttpOnly")
    }

    /// The cookie of a session, or of a part of it.
    pub(super) fn opens(self, name: &str, value: &str, lifetime: Option<Duration>) -> String {
        let lifetime = lifetime.unwrap_or(WEEK);
        let life = match self.is_v7() {
            true => max_age(lifetime),
            false => expires(lifetime),
        };
        format!("{name}={value}; Path=/{life}; HttpOnly")
    }

    /// Removes a cookie.
    pub(super) fn removes(self, name: &str) -> String {
        match self.is_v7() {
            true => format!("{name}=; Path=/; Max-Age=0; HttpOnly"),
            false => format!("{name}=; Path=/; Expires={PAST}; HttpOnly"),
        }
    }
}

fn max_age(lifetime: Duration) -> String {
    format!("; Max-Age={}", lifetime.as_secs())
}

fn expires(lifetime: Duration) -> String {
    let end = httpdate::fmt_http_date(SystemTime::now() + lifetime);
    format!("; Expires={end}")
}

pub(super) fn add_cookie(headers: &mut HeaderMap, cookie: &str) {
    let value = HeaderValue::from_str(cookie).expect("it is a legal cookie");
    headers.append(header::SET_COOKIE, value);
}

/// A plain word with a status, as v7's endpoints for programs have it.
pub(super) fn word(status: StatusCode, text: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (status, headers, text).into_response()
}

/// A redirect, with v7's status and no other.
pub(super) fn found(to: &str) -> Response {
    let mut response = Redirect::to(to).into_response();
    *response.status_mut() = StatusCode::FOUND;
    response
}

/// What `/oauth2/auth` says where there is no session.
pub(super) fn unauthorized(flavour: Flavour) -> Response {
    match flavour.is_v7() {
        true => word(StatusCode::UNAUTHORIZED, "Unauthorized\n"),
        false => (StatusCode::UNAUTHORIZED, "unauthorized request").into_response(),
    }
}

/// What v7 says to a program that has no session.
pub(super) fn json() -> Response {
    let headers = [(header::CONTENT_TYPE, "application/json")];
    (StatusCode::UNAUTHORIZED, headers, "{}").into_response()
}

/// The sign-in page, with a form for passwords where there is an htpasswd file.
pub(super) fn sign_in_page(behaviour: &Behaviour) -> Html<&'static str> {
    Html(match behaviour.htpasswd {
        false => {
            r#"<title>Sign In</title><form method="GET" action="/oauth2/start">
            <input type="hidden" name="rd" value="/"><button>Sign in</button></form>"#
        }
        true => {
            r#"<title>Sign In</title><form method="GET" action="/oauth2/start">
            <input type="hidden" name="rd" value="/"><button>Sign in</button></form>
            <form method="POST" action="/oauth2/sign_in"><input type="hidden" name="rd" value="/">
            <input name="username"><input type="password" name="password"><button>Sign in</button></form>"#
        }
    })
}

/// The page about something that went wrong. v7's leads back, and to the sign-in page.
pub(super) fn error_page(flavour: Flavour, status: StatusCode, text: &str) -> Response {
    let ways = match flavour.is_v7() {
        true => {
            r#"<form method="GET" action="/"><button>Go back</button></form>
            <form method="GET" action="/oauth2/sign_in"><input type="hidden" name="rd" value="/">
            <button>Sign in</button></form>"#
        }
        false => "",
    };
    let page = format!("<title>{status}</title><p>{text}</p>{ways}");
    (status, Html(page)).into_response()
}
