//! The origins that a login may visit, and those that a password may be sent to.

use reqwest::Url;

use super::{
    cookies::CookieName,
    login_error::LoginError,
    page::{Form, Page},
    settings::{LoginBy, LoginHost, is_loopback},
};

/// The rules of every login.
#[derive(Clone, Debug)]
pub(super) struct AllowedOrigins {
    /// Where a login begins: the proxy's `…/start`.
    pub start: Url,
    /// The proxy's own address, which is the back-end's.
    pub base: Url,
    /// The other hosts that may be visited.
    pub hosts: Vec<LoginHost>,
    /// How a password opens a session.
    pub by: LoginBy,
    /// The session cookie.
    pub cookie: CookieName,
}

impl AllowedOrigins {
    /// An address of the proxy beside its `…/start`, such as `…/auth`.
    pub fn beside_start(&self, name: &str) -> Url {
        self.start.join(name).expect("a word joins to any URL")
    }

    /// Whether a login may lead to `url`.
    pub fn admits(&self, url: &Url) -> bool {
        self.is_own(url) || self.is_provider(url)
    }

    fn is_provider(&self, url: &Url) -> bool {
        self.hosts.iter().any(|host| host.admits(url))
    }

    /// Whether a form on `page` may send a password to `url`: a provider's to a provider, and the
    /// proxy's own to the proxy, over TLS or to this machine.
    pub fn admits_password(&self, page: &Url, url: &Url) -> bool {
        let own = self.is_own(page) && self.is_own(url) && is_private(url);
        own || self.is_provider(url)
    }

    /// Whether `url` is where the proxy begins a login.
    pub fn begins_login(&self, url: &Url) -> bool {
        self.is_one_of(&["start", "sign_in"], url)
    }

    /// Whether `url` is where the provider sends people back to.
    pub fn ends_login(&self, url: &Url) -> bool {
        self.is_one_of(&["callback"], url)
    }

    /// Whether `url` is one of the proxy's pages that do something to the session: no answer of the back-end comes
    /// from there.
    pub fn is_reserved(&self, url: &Url) -> bool {
        self.is_one_of(&["start", "sign_in", "sign_out", "callback"], url)
    }

    /// Whether `url` is one of these pages beside the proxy's `…/start`, whatever its query.
    fn is_one_of(&self, names: &[&str], url: &Url) -> bool {
        let path = looked_up(url);
        // Each request asks twice, and nearly all end otherwise.
        let Some((last, folder)) = path.split_last() else {
            return false;
        };
        let is_named = names.iter().any(|name| name.as_bytes() == last);
        is_named
            && url.origin() == self.start.origin()
            && folder == looked_up(&self.beside_start("."))
    }

    /// Whether a page has a form of the proxy's own: one that leads to the start or to its sign-in.
    pub fn is_sign_in(&self, page: &Page) -> bool {
        let own = ["start", "sign_in"].map(|name| self.beside_start(name));
        let mut targets = page.forms.iter().flat_map(Form::targets);
        targets.any(|target| own.iter().any(|own| own.path() == target.path()))
    }

    /// Whether `url` is one of the proxy's own pages, which lie beside its `…/start`. What else is on its origin is
    /// the back-end's, or a provider's, such as Dex below `/dex`.
    pub fn is_proxy_page(&self, url: &Url) -> bool {
        let folder = self.beside_start(".");
        url.origin() == folder.origin() && url.path().starts_with(folder.path())
    }

    /// Whether `url` is on the proxy's origin, or the back-end's.
    pub fn is_own(&self, url: &Url) -> bool {
        url.origin() == self.base.origin() || url.origin() == self.start.origin()
    }

    /// The error where no login begins at its start.
    pub fn wrong_endpoint(&self) -> LoginError {
        let start = self.start.to_string();
        LoginError::WrongEndpoint { start }
    }
}

/// The path of `url` as proxies may look it up: decoded, and without empty segments.
fn looked_up(url: &Url) -> Vec<Vec<u8>> {
    let mut parts = url.path().split('%');
    let mut path = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let digits = part.get(..2).filter(|digits| !digits.contains('+'));
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => path.extend([&[byte], &part.as_bytes()[2..]].concat()),
            None => path.extend([b"%", part.as_bytes()].concat()),
        }
    }
    let segments = path.split(|byte| *byte == b'/').map(<[u8]>::to_vec);
    segments.filter(|segment| !segment.is_empty()).collect()
}

/// Whether what is sent to `url` is protected: by TLS, or since it stays on this machine.
pub(super) fn is_private(url: &Url) -> bool {
    url.scheme() == "https" || is_loopback(url)
}
