//! Cookies (RFC 6265), as bytes: they go back as they came.

use std::time::{Duration, SystemTime};

use axum::http::{
    HeaderMap, HeaderValue,
    header::{COOKIE, SET_COOKIE},
};
use reqwest::Url;

/// A `Set-Cookie`, parsed.
pub(super) struct SetCookie<'a> {
    pub name: &'a str,
    pub value: &'a [u8],
    /// When it expires; `None` at the end of the session.
    pub expires: Option<SystemTime>,
    path: Option<&'a str>,
    domain: Option<&'a str>,
    is_secure: bool,
}

impl<'a> SetCookie<'a> {
    /// The cookie of one header; `None` where it has none, or a name that is no text.
    pub fn read(line: &'a HeaderValue) -> Option<Self> {
        let mut parts = line.as_bytes().split(|byte| *byte == b';');
        let (name, value) = pair(parts.next()?)?;
        let mut cookie = Self {
            name,
            value,
            expires: None,
            path: None,
            domain: None,
            is_secure: false,
        };
        let mut max_age = None;
        for attribute in parts {
            let attribute = str::from_utf8(attribute).unwrap_or_default();
            let (name, value) = attribute.split_once('=').unwrap_or((attribute, ""));
            let value = value.trim();
            match name.trim().to_ascii_lowercase().as_str() {
                "expires" => cookie.expires = httpdate::parse_http_date(value).ok(),
                "max-age" => max_age = value.parse::<i64>().ok(),
                "path" => cookie.path = Some(value).filter(|path| path.starts_with('/')),
                "domain" => {
                    let domain = value.strip_prefix('.').unwrap_or(value);
                    cookie.domain = Some(domain).filter(|domain| !domain.is_empty());
                }
                "secure" => cookie.is_secure = true,
                _ => {}
            }
        }
        let after = |seconds: i64| match u64::try_from(seconds) {
            Ok(seconds) => SystemTime::now().checked_add(Duration::from_secs(seconds)),
            Err(_) => Some(SystemTime::UNIX_EPOCH),
        };
        cookie.expires = max_age.map_or(cookie.expires, after);
        Some(cookie)
    }

    /// Whether it removes the cookie of its name.
    pub fn is_removal(&self) -> bool {
        self.value.is_empty()
            || self
                .expires
                .is_some_and(|expires| expires <= SystemTime::now())
    }
}

/// A name and a value with `=` between them, blanks trimmed; `None` where there is none, or the name is no text.
pub(super) fn pair(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let at = bytes.iter().position(|byte| *byte == b'=')?;
    let name = str::from_utf8(&bytes[..at]).ok()?;
    Some((name.trim(), bytes[at + 1..].trim_ascii()))
}

/// The pairs of a `Cookie` header.
pub(super) fn pairs(header: &HeaderValue) -> impl Iterator<Item = (&str, &[u8])> {
    let parts = header.as_bytes().split(|byte| *byte == b';');
    parts.filter_map(pair)
}

/// A `Cookie` header of these pairs, marked as sensitive; `None` where there are none.
pub(super) fn header<'a>(pairs: impl Iterator<Item = (&'a str, &'a [u8])>) -> Option<HeaderValue> {
    let pairs: Vec<_> = pairs
        .map(|(name, value)| [name.as_bytes(), b"=", value].concat())
        .collect();
    let mut header = HeaderValue::from_bytes(&pairs.join(&b"; "[..])).ok()?;
    header.set_sensitive(true);
    (!pairs.is_empty()).then_some(header)
}

/// The cookies that the answers of one call set on its way from redirect to redirect, all of them on one origin.
#[derive(Default)]
pub(super) struct CookiesOnTheWay(Vec<(Url, HeaderValue)>);

impl CookiesOnTheWay {
    /// Keeps what the answer of `url` sets.
    pub fn keep(&mut self, url: &Url, headers: &HeaderMap) {
        let lines = headers.get_all(SET_COOKIE).iter();
        self.0.extend(lines.map(|line| (url.clone(), line.clone())));
    }

    /// Adds what has been set to the cookies of a request to `url`, or takes away what has been removed.
    pub fn go_with(&self, headers: &mut HeaderMap, url: &Url) {
        if self.0.is_empty() {
            return;
        }
        match self.header(headers.get_all(COOKIE), url) {
            Some(cookies) => headers.insert(COOKIE, cookies),
            None => headers.remove(COOKIE),
        };
    }

    /// The `Cookie` header for `url`: those of `sent`, with what has been set since.
    fn header<'a>(
        &'a self,
        sent: impl IntoIterator<Item = &'a HeaderValue>,
        url: &Url,
    ) -> Option<HeaderValue> {
        let mut cookies: Vec<_> = sent.into_iter().flat_map(pairs).collect();
        for (from, line) in &self.0 {
            let Some(set) = SetCookie::read(line).filter(|set| set.is_for(from, url)) else {
                continue;
            };
            cookies.retain(|(name, _)| *name != set.name);
            if !set.is_removal() {
                cookies.push((set.name, set.value));
            }
        }
        header(cookies.into_iter())
    }

    /// Adds them to the headers of the last answer, before its own: whoever asks what was set sees all of them.
    pub fn add_to(self, headers: &mut HeaderMap) {
        if self.0.is_empty() {
            return;
        }
        let own: Vec<_> = headers.get_all(SET_COOKIE).iter().cloned().collect();
        headers.remove(SET_COOKIE);
        for line in self.0.into_iter().map(|(_, line)| line).chain(own) {
            headers.append(SET_COOKIE, line);
        }
    }
}

impl SetCookie<'_> {
    /// Whether a cookie that the answer of `from` sets is sent to `url`, of the same origin (RFC 6265, 5.3 and 5.4).
    fn is_for(&self, from: &Url, url: &Url) -> bool {
        let default = from
            .path()
            .rsplit_once('/')
            .map_or("", |(folder, _)| folder);
        let folder = self.path.unwrap_or(default);
        let below = url.path().strip_prefix(folder);
        let is_path = below.is_some_and(|below| {
            below.is_empty() || below.starts_with('/') || folder.ends_with('/')
        });
        let host = url.host_str().unwrap_or_default();
        let is_host = self.domain.is_none_or(|domain| {
            let before = host
                .len()
                .checked_sub(domain.len())
                .map(|at| host.split_at(at));
            before.is_some_and(|(before, end)| {
                let is_end = end.eq_ignore_ascii_case(domain);
                is_end && (before.is_empty() || before.ends_with('.'))
            })
        });
        is_path && is_host && (!self.is_secure || url.scheme() == "https")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_of_a_redirect_goes_where_it_is_for() {
        let from: Url = "https://a.example.org/jobs/7/wall".parse().unwrap();
        for (line, path, sent) in [
            ("seen=1", "/jobs/7/wall", "old=0; seen=1"),
            ("seen=1", "/jobs/7", "old=0; seen=1"),
            ("seen=1", "/jobs/70", "old=0"),
            ("seen=1", "/", "old=0"),
            ("seen=1; Path=/", "/jobs/70", "old=0; seen=1"),
            ("seen=1; path=/jobs", "/jobs/70", "old=0; seen=1"),
            ("seen=1; Path=jobs", "/jobs/7", "old=0; seen=1"),
            ("seen=1; Domain=example.org; Path=/", "/", "old=0; seen=1"),
            (
                "seen=1; Domain=.A.example.org; Path=/",
                "/",
                "old=0; seen=1",
            ),
            ("seen=1; Domain=ample.org; Path=/", "/", "old=0"),
            ("seen=1; Domain=b.example.org; Path=/", "/", "old=0"),
            ("seen=1; Secure; Path=/", "/", "old=0; seen=1"),
            ("old=2; Path=/", "/", "old=2"),
            ("old=; Path=/", "/", ""),
            ("old=2; Path=/; Max-Age=0", "/", ""),
            ("no cookie", "/", "old=0"),
        ] {
            let mut cookies = CookiesOnTheWay::default();
            let headers = HeaderMap::from_iter([(SET_COOKIE, line.parse().unwrap())]);
            cookies.keep(&from, &headers);
            let old = HeaderValue::from_static("old=0");
            let header = cookies.header(Some(&old), &from.join(path).unwrap());
            let header = header.map(|header| header.to_str().unwrap().to_owned());
            assert_eq!(header.unwrap_or_default(), sent, "{line} at {path}");
        }
    }

    #[test]
    fn a_cookie_for_https_alone_does_not_go_over_http() {
        let from: Url = "http://a.example.org/".parse().unwrap();
        let mut cookies = CookiesOnTheWay::default();
        let line = HeaderValue::from_static("seen=1; Secure");
        cookies.keep(&from, &HeaderMap::from_iter([(SET_COOKIE, line)]));
        assert_eq!(cookies.header(None, &from), None);
    }
}
