//! House: one login, from the beginning at the proxy, over the provider's form, back to a session.
//!
//! The walk takes one step at a time and looks at every answer. A password goes to hosts that the
//! operator named and to nobody else, redirects included.

use axum::http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{ACCEPT, COOKIE, LOCATION, SET_COOKIE},
};
use cookie_store::CookieStore;
use reqwest::{Client, RequestBuilder, Url};
use secrecy::ExposeSecret;

use super::{
    super::Credentials,
    cookies::{CookieName, SessionCookies},
    outcome::LoginError,
    page::{Form, Page},
    settings::{LoginBy, LoginHost},
};

/// The most steps from the beginning to the end. A login takes about seven.
const MAX_STEPS: usize = 20;

/// The most that is read of a page.
const MAX_PAGE: usize = 1024 * 1024;

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

    fn admits(&self, url: &Url) -> bool {
        self.is_own(url) || self.hosts.iter().any(|host| host.admits(url))
    }

    fn is_own(&self, url: &Url) -> bool {
        url.origin() == self.base.origin() || url.origin() == self.start.origin()
    }

    /// Logs in and returns the session's cookies, which the proxy has been seen to accept.
    ///
    /// # Errors
    /// The reason, when it does not come to that.
    pub async fn log_in(
        &self,
        client: &Client,
        credentials: &Credentials,
    ) -> Result<SessionCookies, LoginError> {
        match self.walk(client, credentials).await {
            // Another login of the same person may have crossed this one: once more, from fresh.
            Err(LoginError::Csrf) => self.walk(client, credentials).await,
            done => done,
        }
    }

    async fn walk(
        &self,
        client: &Client,
        credentials: &Credentials,
    ) -> Result<SessionCookies, LoginError> {
        let mut walk = Walk {
            way: self,
            client,
            credentials,
            jar: CookieStore::default(),
            session: None,
            sent_password: false,
            restarted: false,
            refreshed: false,
        };
        let mut step = walk.first_step();
        for _ in 0..MAX_STEPS {
            match walk.take(step).await? {
                Next::Step(next) => step = next,
                Next::Session(session) => return Ok(session),
            }
        }
        Err(LoginError::TooManyHops)
    }
}

/// One walk, and what it has come by so far.
struct Walk<'a> {
    way: &'a Way,
    client: &'a Client,
    credentials: &'a Credentials,
    jar: CookieStore,
    session: Option<SessionCookies>,
    sent_password: bool,
    restarted: bool,
    refreshed: bool,
}

/// What to do next.
enum Step {
    Get(Url),
    Send {
        to: Url,
        fields: Vec<(String, String)>,
        multipart: bool,
    },
}

enum Next {
    Step(Step),
    Session(SessionCookies),
}

struct Answer {
    url: Url,
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Walk<'_> {
    /// The start of the provider's login, or the proxy's own form, filled in. Both end at `…/auth`,
    /// the cheapest page that tells whether the proxy accepts the session.
    fn first_step(&mut self) -> Step {
        let end = self.way.beside_start("auth").path().to_owned();
        match self.way.by {
            LoginBy::Htpasswd => {
                self.sent_password = true;
                let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
                let password = self.credentials.password.expose_secret();
                Step::Send {
                    to: self.way.beside_start("sign_in"),
                    fields: vec![
                        field("username", &self.credentials.username),
                        field("password", password),
                        field("rd", &end),
                    ],
                    multipart: false,
                }
            }
            LoginBy::Provider | LoginBy::Basic => {
                let mut start = self.way.start.clone();
                start.query_pairs_mut().append_pair("rd", &end);
                Step::Get(start)
            }
        }
    }

    async fn take(&mut self, step: Step) -> Result<Next, LoginError> {
        let answer = self.ask(step).await?;
        if let Some(target) = answer.redirect() {
            return Ok(Next::Step(Step::Get(target)));
        }
        if self.way.is_own(&answer.url) {
            return self.arrive(&answer).map(Next::Session);
        }
        self.read(&answer).map(Next::Step)
    }

    async fn ask(&mut self, step: Step) -> Result<Answer, LoginError> {
        let (url, request) = match step {
            Step::Get(url) => (url.clone(), self.client.get(url)),
            Step::Send {
                to,
                fields,
                multipart: false,
            } => (to.clone(), self.client.post(to).form(&fields)),
            Step::Send { to, fields, .. } => {
                let form = fields
                    .into_iter()
                    .fold(reqwest::multipart::Form::new(), |form, (name, value)| {
                        form.text(name, value)
                    });
                (to.clone(), self.client.post(to).multipart(form))
            }
        };
        if !self.way.admits(&url) {
            let origin = url.origin().ascii_serialization();
            return Err(LoginError::ForeignHost { origin });
        }
        self.send(url, request).await
    }

    async fn send(&mut self, url: Url, mut request: RequestBuilder) -> Result<Answer, LoginError> {
        let cookies = self.jar.get_request_values(&url);
        let cookies: Vec<_> = cookies
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        if let Ok(mut cookies) = HeaderValue::try_from(cookies.join("; "))
            && !cookies.is_empty()
        {
            cookies.set_sensitive(true);
            request = request.header(COOKIE, cookies);
        }
        let own = self.way.is_own(&url);
        let sent = request.header(ACCEPT, "text/html,*/*").send().await;
        let mut response = sent.map_err(|error| match (error.is_timeout(), own) {
            (true, _) => LoginError::Timeout,
            (false, true) => LoginError::ProxyDown { status: 502 },
            (false, false) => LoginError::ProviderAway,
        })?;
        for line in response.headers().get_all(SET_COOKIE) {
            let cookie = line
                .to_str()
                .ok()
                .and_then(|line| cookie_store::RawCookie::parse(line.to_owned()).ok());
            if let Some(cookie) = cookie {
                let _ = self.jar.insert_raw(&cookie, &url);
            }
        }
        if own {
            let set = SessionCookies::from_answer(&self.way.cookie, response.headers());
            self.session = set.or(self.session.take());
        }

        let mut body = Vec::new();
        while let Some(chunk) =
            response
                .chunk()
                .await
                .map_err(|error| match error.is_timeout() {
                    true => LoginError::Timeout,
                    false => LoginError::ProviderAway,
                })?
        {
            if body.len() + chunk.len() > MAX_PAGE {
                return Err(LoginError::PageTooLarge { limit: MAX_PAGE });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer {
            url,
            status: response.status(),
            headers: response.headers().clone(),
            body: String::from_utf8_lossy(&body).into_owned(),
        })
    }

    /// The walk has come back to the proxy: with a session, or to hear why not.
    fn arrive(&mut self, answer: &Answer) -> Result<SessionCookies, LoginError> {
        if answer.status.is_server_error() {
            let status = answer.status.as_u16();
            return Err(LoginError::ProxyDown { status });
        }
        match (self.session.take(), answer.status) {
            (Some(_), StatusCode::UNAUTHORIZED) => Err(LoginError::NotAccepted),
            (Some(_), StatusCode::FORBIDDEN) => Err(answer.refusal()),
            (Some(session), _) => Ok(session),
            (None, _) if self.way.by == LoginBy::Htpasswd => Err(LoginError::BadCredentials),
            (None, _) => Err(answer.refusal()),
        }
    }

    /// The walk is on a page of the provider: what does it want?
    fn read(&mut self, answer: &Answer) -> Result<Step, LoginError> {
        let page = Page::parse(&answer.body, &answer.url);
        let path = answer.url.path();
        let says = |text: &str| page.text.contains(text);
        if answer.status == StatusCode::TOO_MANY_REQUESTS || says("several failed login attempts") {
            return Err(LoginError::RateLimited);
        }
        if answer.status.is_server_error() {
            let status = answer.status.as_u16();
            return Err(LoginError::ProviderDown { status });
        }
        if path.starts_with("/sessions/verified-device") {
            return Err(LoginError::DeviceVerification);
        }
        if path.starts_with("/sessions/two-factor") || page.asks_for_code() {
            return Err(LoginError::TwoFactor);
        }
        if says("did something unexpected") {
            return Err(LoginError::Csrf);
        }
        if let Some(form) = page.login_form(&answer.url) {
            return self.fill(form).ok_or_else(|| answer.no_form(&page))?;
        }
        if page.asks_for_consent() {
            let start = self.way.start.to_string();
            return Err(LoginError::ConsentNeeded { start });
        }
        if let Some(target) = page.refresh.clone().filter(|_| !self.refreshed) {
            self.refreshed = true;
            return Ok(Step::Get(target));
        }
        if self.sent_password && !self.restarted {
            // The provider has forgotten where the login came from, but knows the person by now.
            self.restarted = true;
            return Ok(self.first_step());
        }
        Err(answer.no_form(&page))
    }

    /// The filled form, to be sent; or the verdict, when the password was sent before.
    fn fill(&mut self, form: &Form) -> Option<Result<Step, LoginError>> {
        if self.sent_password {
            return Some(Err(LoginError::BadCredentials));
        }
        // A form that gets its data by `GET` would write the password into every log on the way.
        let fields = form.filled(self.credentials).filter(|_| form.posts)?;
        self.sent_password = true;
        Some(Ok(Step::Send {
            to: form.action.clone(),
            fields,
            multipart: form.multipart,
        }))
    }
}

impl Answer {
    fn redirect(&self) -> Option<Url> {
        let location = self.headers.get(LOCATION)?.to_str().ok()?;
        let target = self.url.join(location).ok()?;
        self.status.is_redirection().then_some(target)
    }

    /// What the proxy says on a page without a session.
    fn refusal(&self) -> LoginError {
        let page = Page::parse(&self.body, &self.url);
        let says = |text: &str| self.body.contains(text);
        if says("csrf failed") || says("named cookie not present") {
            return LoginError::Csrf;
        }
        let known = ["Invalid Account", "access_denied"];
        match known.into_iter().find(|reason| says(reason)) {
            Some(reason) => LoginError::Denied {
                said: reason.to_owned(),
            },
            None if self.status == StatusCode::FORBIDDEN => LoginError::Denied {
                said: page.title.clone(),
            },
            None => self.no_form(&page),
        }
    }

    /// The page, without the query: codes and states are there.
    fn no_form(&self, page: &Page) -> LoginError {
        let origin = self.url.origin().ascii_serialization();
        LoginError::NoLoginForm {
            page: format!("{origin}{}", self.url.path()),
            title: page.title.clone(),
        }
    }
}
