//! What fuzzers call, with what holds for any input. It is no part of a service: `cfg(fuzzing)` is set by fuzzers alone.

use axum::http::{
    HeaderMap, HeaderValue,
    header::{CONTENT_TYPE, SET_COOKIE},
};
use reqwest::Url;

use super::{
    cookies::{CookieName, SessionCookies},
    jar::Jar,
    page::{Method, Page},
};
use crate::backend::Credentials;

const PASSWORD: &str = "correct horse battery staple";

/// Reads a login page, the media type in its first line, and submits its forms.
///
/// # Panics
/// When a form is sent as no browser sends one.
pub fn login_page(input: &[u8]) {
    let url: Url = "https://auth.example/login".parse().expect("it is a URL");
    let mut parts = input.splitn(2, |byte| *byte == b'\n');
    let kind = HeaderValue::from_bytes(parts.next().unwrap_or_default());
    let headers: HeaderMap = kind.into_iter().map(|kind| (CONTENT_TYPE, kind)).collect();
    let page = Page::read(parts.next().unwrap_or_default(), &headers, &url);
    let credentials = Credentials {
        username: "ada".to_owned(),
        password: PASSWORD.into(),
    };
    let _ = (
        page.login_form(&url),
        page.asks_for_code(),
        page.asks_for_consent(),
    );
    for form in &page.forms {
        let submissions = form
            .submitted()
            .into_iter()
            .chain(form.filled(&credentials));
        for submission in submissions {
            let url = submission.url();
            if submission.method == Method::Get {
                let query = url.query().unwrap_or_default();
                assert!(
                    query.bytes().all(|byte| byte.is_ascii_graphic()),
                    "{query:?}"
                );
            }
            let (kind, body) = submission.body("boundary");
            if kind == "application/x-www-form-urlencoded" {
                assert!(
                    body.iter().all(u8::is_ascii_graphic),
                    "{}",
                    body.escape_ascii()
                );
            }
        }
    }
}

/// Keeps a `Set-Cookie` in each line, as a login does and as a session does.
///
/// # Panics
/// When what is sent back is no header of cookies.
pub fn cookies(input: &[u8]) {
    let url: Url = "https://auth.example/oauth2/callback"
        .parse()
        .expect("it is a URL");
    let lines = input.split(|byte| *byte == b'\n');
    let headers: HeaderMap = lines
        .filter_map(|line| Some((SET_COOKIE, HeaderValue::from_bytes(line).ok()?)))
        .collect();
    let mut jar = Jar::default();
    for line in headers.get_all(SET_COOKIE) {
        let _ = jar.keep(line, &url);
    }
    let name = CookieName("_oauth2_proxy".to_owned());
    let session = SessionCookies::from_answer(&name, &headers);
    let renewed = session
        .as_ref()
        .and_then(|session| session.refreshed(&name, &headers));
    let sessions = [session, renewed].into_iter().flatten();
    let sent = sessions.map(|session| session.settled().header());
    for header in sent.chain(jar.header(&url)) {
        assert!(header.is_sensitive() && !header.is_empty(), "{header:?}");
    }
    let _ = (name.is_cleared(&headers), name.begins_login(&headers));
    let mut rest = headers;
    name.remove_from(&mut rest);
    assert!(
        SessionCookies::from_answer(&name, &rest).is_none(),
        "a caller would get a session"
    );
}
