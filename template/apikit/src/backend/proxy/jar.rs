//! The cookies of one login, as bytes: they go back as they came, in whatever encoding.

use axum::http::HeaderValue;
use cookie_store::{CookieStore, RawCookie};
use reqwest::Url;

/// The cookies that a login was given, by all who took part in it.
#[derive(Default)]
pub(super) struct Jar(CookieStore);

impl Jar {
    /// Keeps the cookie in a `Set-Cookie` of `url`. Returns the name of one that is for `https:` alone and comes over `http:`,
    /// which no browser keeps.
    pub fn keep(&mut self, line: &HeaderValue, url: &Url) -> Option<String> {
        let cookie = RawCookie::parse(as_text(line.as_bytes())).ok()?;
        let _ = self.0.insert_raw(&cookie, url);
        let mut kept = self.0.get_request_values(url);
        let mut is_kept = || kept.any(|(name, _)| name == cookie.name());
        let is_lost = cookie.secure() == Some(true) && !is_kept();
        is_lost.then(|| cookie.name().to_owned())
    }

    /// The `Cookie` header for `url`, marked as sensitive; `None` where there are none.
    pub fn header(&self, url: &Url) -> Option<HeaderValue> {
        let cookies = self.0.get_request_values(url);
        let cookies: Vec<_> = cookies
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let mut header = HeaderValue::from_bytes(&as_bytes(&cookies.join("; "))).ok()?;
        header.set_sensitive(true);
        (!cookies.is_empty()).then_some(header)
    }
}

/// A header's bytes as text, one letter each.
///
/// Bytes beyond ASCII become letters for private use. As Latin-1, `à` in UTF-8 would end in a blank, which parsers trim.
fn as_text(bytes: &[u8]) -> String {
    const PRIVATE_USE: u32 = 0xE000;
    let letter = |byte: &u8| match byte.is_ascii() {
        true => Some(char::from(*byte)),
        false => char::from_u32(PRIVATE_USE + u32::from(*byte)),
    };
    bytes.iter().filter_map(letter).collect()
}

/// The bytes of such a text.
fn as_bytes(text: &str) -> Vec<u8> {
    let byte = |letter| u32::from(letter).to_le_bytes()[0];
    text.chars().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_go_back_as_they_came_byte_for_byte() {
        let url: Url = "http://hub.example/login".parse().expect("it is a URL");
        for (line, sent) in [
            ("flash=café; Path=/".as_bytes(), "flash=café".as_bytes()),
            ("flash=voilà; Path=/".as_bytes(), "flash=voilà".as_bytes()),
            ("flash=Å".as_bytes(), "flash=Å".as_bytes()),
            (
                "flash=\u{2003}x\u{a0}".as_bytes(),
                "flash=\u{2003}x\u{a0}".as_bytes(),
            ),
            ("à=1".as_bytes(), "à=1".as_bytes()),
            (b"flash=\xe9\xa0", b"flash=\xe9\xa0"),
            (b"flash=\x85 ; Path=/", b"flash=\x85"),
            (b"flash= \"a b\"\t", b"flash=\"a b\""),
            ("flash=a; Domain=é.example".as_bytes(), b""),
        ] {
            let mut jar = Jar::default();
            let shown = String::from_utf8_lossy(line);
            let line = HeaderValue::from_bytes(line).expect("it is a header");
            assert_eq!(jar.keep(&line, &url), None, "{shown}");
            let header = jar.header(&url);
            let found = header.as_ref().map_or(&b""[..], HeaderValue::as_bytes);
            assert_eq!(found, sent, "{shown}");
        }
    }
}
