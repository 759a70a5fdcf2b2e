//! House: where a login may lead, and where a password may be sent.

use reqwest::Url;

use super::{
    cookies::CookieName,
    outcome::LoginError,
    page::Page,
    settings::{LoginBy, LoginHost, is_loopback},
};

/// What every login goes by.
#[derive(Clone, Debug)]
pub(super) struct Way {
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

impl Way {
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
    /// proxy's own to the proxy, if nobody on the way can read it.
    pub fn admits_password(&self, page: &Url, url: &Url) -> bool {
        let own = self.is_own(page) && self.is_own(url) && is_private(url);
        own || self.is_provider(url)
    }

    /// Whether a page has the proxy's own way in: a form that leads to the start or to its sign-in.
    pub fn is_sign_in(&self, page: &Page) -> bool {
        let own = ["start", "sign_in"].map(|name| self.beside_start(name));
        let mut actions = page.forms.iter().map(|form| form.action.path());
        actions.any(|path| own.iter().any(|own| own.path() == path))
    }

    /// Whether `url` is on the proxy.
    pub fn is_own(&self, url: &Url) -> bool {
        url.origin() == self.base.origin() || url.origin() == self.start.origin()
    }

    /// Says that no login begins where it should.
    pub fn wrong_endpoint(&self) -> LoginError {
        let start = self.start.to_string();
        LoginError::WrongEndpoint { start }
    }
}

/// Whether nobody on the way to `url` can read what is sent there.
pub(super) fn is_private(url: &Url) -> bool {
    url.scheme() == "https" || is_loopback(url)
}
