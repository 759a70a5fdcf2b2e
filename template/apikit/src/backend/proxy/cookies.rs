//! The cookies of a session: from one or several parts to one header.

use std::time::SystemTime;

use axum::http::{HeaderMap, HeaderValue, header::SET_COOKIE};

use super::super::cookies::{SetCookie, header, pairs};

/// The session cookie's name and its parts: a value too long for one cookie comes as `NAME_0`, `NAME_1` …
#[derive(Clone, Debug)]
pub(super) struct CookieName(pub String);

/// A session's cookies. `Debug` shows none of them.
#[derive(Clone)]
pub(super) struct SessionCookies {
    header: HeaderValue,
    /// When they expire; `None` when the proxy does not say.
    pub expires: Option<SystemTime>,
}

/// The cookies that an answer sets or removes.
fn all_set(headers: &HeaderMap) -> impl Iterator<Item = SetCookie<'_>> {
    headers
        .get_all(SET_COOKIE)
        .iter()
        .filter_map(SetCookie::read)
}

impl CookieName {
    fn is(&self, name: &str) -> bool {
        let part = name
            .strip_prefix(self.0.as_str())
            .map(|rest| rest.strip_prefix('_'));
        match part {
            Some(Some(number)) => !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()),
            Some(None) => name.len() == self.0.len(),
            None => false,
        }
    }

    /// What an answer makes of the session cookie or its parts: the last word on each.
    fn settings<'a>(&self, headers: &'a HeaderMap) -> Vec<SetCookie<'a>> {
        let mut settings: Vec<SetCookie> = Vec::new();
        for setting in all_set(headers).filter(|setting| self.is(setting.name)) {
            settings.retain(|earlier| earlier.name != setting.name);
            settings.push(setting);
        }
        settings
    }

    /// Whether an answer removes the session cookie, and sets no other part of it.
    pub fn is_cleared(&self, headers: &HeaderMap) -> bool {
        let settings = self.settings(headers);
        !settings.is_empty() && settings.iter().all(SetCookie::is_removal)
    }

    /// Removes the session cookie from an answer's headers, so that no caller gets it.
    pub fn remove_from(&self, headers: &mut HeaderMap) {
        if !headers.contains_key(SET_COOKIE) {
            return;
        }
        let others: Vec<_> = headers
            .get_all(SET_COOKIE)
            .iter()
            .filter(|line| {
                let setting = SetCookie::read(line);
                !setting.is_some_and(|setting| self.is(setting.name))
            })
            .cloned()
            .collect();
        headers.remove(SET_COOKIE);
        for line in others {
            headers.append(SET_COOKIE, line);
        }
    }

    /// Whether an answer sets the cookie that only the beginning of a login sets.
    pub fn begins_login(&self, headers: &HeaderMap) -> bool {
        all_set(headers).any(|setting| {
            let csrf = setting.name.strip_prefix(self.0.as_str());
            csrf.is_some_and(|rest| rest.ends_with("_csrf")) && !setting.is_removal()
        })
    }
}

impl SessionCookies {
    /// The session cookies that an answer sets; `None` when it sets none.
    pub fn from_answer(name: &CookieName, headers: &HeaderMap) -> Option<Self> {
        Self::merged(&[], name, headers)
    }

    /// These cookies as an answer changes them; `None` when it does not, or removes them all.
    pub fn refreshed(&self, name: &CookieName, headers: &HeaderMap) -> Option<Self> {
        if !headers.contains_key(SET_COOKIE) {
            return None;
        }
        let old: Vec<_> = pairs(&self.header).collect();
        Self::merged(&old, name, headers)
    }

    fn merged(old: &[(&str, &[u8])], name: &CookieName, headers: &HeaderMap) -> Option<Self> {
        let settings = name.settings(headers);
        if settings.is_empty() {
            return None;
        }
        // A session is set as a whole. One that grew into parts, or shrank, leaves cookies of the old one behind, and the
        // proxy would read those.
        let is_new = settings.iter().any(|setting| !setting.is_removal());
        let kept = old.iter().copied().filter(|(name, _)| {
            let mut changed = settings.iter();
            !is_new && !changed.any(|setting| setting.name == *name)
        });
        let set = settings.iter().filter(|setting| !setting.is_removal());
        let header = header(kept.chain(set.clone().map(|setting| (setting.name, setting.value))))?;
        Some(Self {
            header,
            expires: set.filter_map(|setting| setting.expires).min(),
        })
    }

    /// A copy in new memory: small allocations among those of a login would keep its pages in use.
    pub fn settled(&self) -> Self {
        let mut header =
            HeaderValue::from_bytes(self.header.as_bytes()).unwrap_or(self.header.clone());
        header.set_sensitive(true);
        Self {
            header,
            expires: self.expires,
        }
    }

    /// The value of a `Cookie` header, marked as sensitive.
    pub fn header(&self) -> HeaderValue {
        self.header.clone()
    }

    /// Whether they have expired.
    pub fn are_expired(&self) -> bool {
        self.expires
            .is_some_and(|expires| expires <= SystemTime::now())
    }
}

impl std::fmt::Debug for SessionCookies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SessionCookies(hidden)")
    }
}

#[cfg(test)]
mod properties {
    use proptest::prelude::*;

    use super::*;

    fn name() -> CookieName {
        CookieName("_oauth2_proxy".to_owned())
    }

    /// Whether it is the session's, computed in another way.
    fn is_session(cookie: &str) -> bool {
        let part = cookie.strip_prefix("_oauth2_proxy");
        part.is_some_and(|part| part.is_empty() || part.replacen('_', "", 1).parse::<u8>().is_ok())
    }

    /// Cookies that a proxy might set: right, odd, and not at all.
    fn lines() -> impl Strategy<Value = HeaderMap> {
        let line = prop_oneof![
            prop::collection::vec(any::<u8>(), 0..80),
            "_oauth2_proxy(_[0-9]{1,2}|_csrf|x)?=[!-~ ]{0,40}".prop_map(String::into_bytes),
            "_oauth2_proxy=v; ?(expires=[ -~]{0,30}|[Mm]ax-[Aa]ge=-?[0-9]{0,25})(; Path=/)?"
                .prop_map(String::into_bytes),
        ];
        prop::collection::vec(line, 0..6).prop_map(|lines| {
            let values = lines
                .iter()
                .filter_map(|line| HeaderValue::from_bytes(line).ok());
            values.map(|value| (SET_COOKIE, value)).collect()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn parts_come_back_in_one_header(values in prop::collection::vec("[!#-+--:<-~]{1,30}", 1..5)) {
            let set = values.iter().enumerate();
            let headers = set.clone().map(|(part, value)| {
                let line = format!("_oauth2_proxy_{part}={value}; Path=/; HttpOnly");
                (SET_COOKIE, line.parse().expect("it is a header"))
            });
            let headers = headers.collect();
            let session = SessionCookies::from_answer(&name(), &headers).expect("it has cookies");
            let pairs: Vec<_> = set.map(|(part, value)| format!("_oauth2_proxy_{part}={value}")).collect();
            prop_assert_eq!(session.header(), pairs.join("; "));
        }

        #[test]
        fn a_renewed_session_leaves_none_of_the_old_ones_cookies(old in 1..5_usize, new in 1..5_usize) {
            let set = |parts: usize, value: &str| {
                let line = |part: String| {
                    let line = format!("_oauth2_proxy{part}={value}; Path=/; HttpOnly");
                    (SET_COOKIE, line.parse().expect("it is a header"))
                };
                match parts {
                    1 => HeaderMap::from_iter([line(String::new())]),
                    _ => (0..parts).map(|part| line(format!("_{part}"))).collect(),
                }
            };
            let session = SessionCookies::from_answer(&name(), &set(old, "old")).expect("it has cookies");
            let renewed = session.refreshed(&name(), &set(new, "new")).expect("it has cookies");
            let fresh = SessionCookies::from_answer(&name(), &set(new, "new")).expect("it has cookies");
            prop_assert_eq!(renewed.header(), fresh.header());
        }

        #[test]
        fn whatever_is_set_only_the_session_goes_back(first in lines(), next in lines()) {
            let Some(session) = SessionCookies::from_answer(&name(), &first) else {
                return Ok(());
            };
            let session = session.refreshed(&name(), &next).unwrap_or(session);
            let header = session.header();
            for pair in header.to_str().expect("it was text").split(';') {
                let (cookie, value) = pair.trim_start().split_once('=').expect("it is a pair");
                prop_assert!(is_session(cookie) && !value.is_empty());
            }
        }

        #[test]
        fn a_session_goes_no_further_and_all_else_does(set in lines()) {
            let sets_session = |line: &HeaderValue| {
                let setting = SetCookie::read(line);
                setting.is_some_and(|setting| is_session(setting.name))
            };
            let others: Vec<_> = set.get_all(SET_COOKIE).iter().filter(|line| !sets_session(line)).collect();
            let mut left = set.clone();
            name().remove_from(&mut left);
            prop_assert_eq!(left.get_all(SET_COOKIE).iter().collect::<Vec<_>>(), others);
        }
    }
}
