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
    cookies::SessionCookies,
    outcome::LoginError,
    page::{Form, Page},
    settings::LoginBy,
    way::Way,
};

/// The most steps from the beginning to the end. A login takes about seven.
const MAX_STEPS: usize = 20;

/// The most that is read of a page.
const MAX_PAGE: usize = 1024 * 1024;

/// Logs in and returns the session's cookies, which the proxy has been seen to accept.
///
/// # Errors
/// The reason, when it does not come to that.
pub(super) async fn log_in(
    way: &Way,
    client: &Client,
    credentials: &Credentials,
) -> Result<SessionCookies, LoginError> {
    match walk(way, client, credentials).await {
        // Another login of the same person may have crossed this one: once more, from fresh.
        Err(LoginError::Csrf) => walk(way, client, credentials).await,
        done => done,
    }
}

async fn walk(
    way: &Way,
    client: &Client,
    credentials: &Credentials,
) -> Result<SessionCookies, LoginError> {
    let mut walk = Walk {
        way,
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
        page: Url,
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
                let form = self.way.beside_start("sign_in");
                Step::Send {
                    page: form.clone(),
                    to: form,
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
            if self.way.by == LoginBy::Htpasswd && !self.way.is_own(&target) {
                // A proxy without a sign-in page sends strangers on to the provider.
                return Err(LoginError::BadCredentials);
            }
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
            Step::Send { page, to, .. } if !self.way.admits_password(&page, &to) => {
                return Err(foreign(&to));
            }
            Step::Send {
                to,
                fields,
                multipart: false,
                ..
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
            return Err(foreign(&url));
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
            (false, true) => LoginError::ProxyAway,
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
            (Some(_), StatusCode::FORBIDDEN) => Err(answer.refusal(self.way)),
            (Some(session), _) => Ok(session),
            (None, StatusCode::TOO_MANY_REQUESTS) => Err(LoginError::RateLimited),
            (None, StatusCode::NOT_FOUND) => Err(self.way.wrong_endpoint()),
            (None, _) if self.way.by == LoginBy::Htpasswd => Err(LoginError::BadCredentials),
            (None, _) => Err(answer.refusal(self.way)),
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
            let filled = self.fill(form, &answer.url);
            return filled.ok_or_else(|| answer.no_form(&page))?;
        }
        if page.asks_for_consent() {
            let start = self.way.start.to_string();
            return Err(LoginError::ConsentNeeded { start });
        }
        let back = page.links.iter().find(|link| self.way.is_own(link));
        if let Some(target) = page.refresh.as_ref().or(back).filter(|_| !self.refreshed) {
            self.refreshed = true;
            return Ok(Step::Get(target.clone()));
        }
        if self.sent_password && !self.restarted {
            // The provider has forgotten where the login came from, but knows the person by now.
            self.restarted = true;
            return Ok(self.first_step());
        }
        Err(answer.no_form(&page))
    }

    /// The filled form, to be sent; or the verdict, when the password was sent before.
    fn fill(&mut self, form: &Form, page: &Url) -> Option<Result<Step, LoginError>> {
        if self.sent_password {
            return Some(Err(LoginError::BadCredentials));
        }
        // A form that gets its data by `GET` would write the password into every log on the way.
        let fields = form.filled(self.credentials).filter(|_| form.posts)?;
        self.sent_password = true;
        Some(Ok(Step::Send {
            page: page.clone(),
            to: form.action.clone(),
            fields,
            multipart: form.multipart,
        }))
    }
}

fn foreign(url: &Url) -> LoginError {
    let origin = url.origin().ascii_serialization();
    LoginError::ForeignHost { origin }
}

impl Answer {
    fn redirect(&self) -> Option<Url> {
        let location = self.headers.get(LOCATION)?.to_str().ok()?;
        let target = self.url.join(location).ok()?;
        self.status.is_redirection().then_some(target)
    }

    /// What the proxy says on a page without a session.
    fn refusal(&self, way: &Way) -> LoginError {
        let page = Page::parse(&self.body, &self.url);
        let says = |text: &str| self.body.contains(text);
        let csrf = [
            "csrf failed",
            "named cookie not present",
            "find a valid CSRF token",
        ];
        if csrf.into_iter().any(says) {
            return LoginError::Csrf;
        }
        let mut actions = page.forms.iter().map(|form| form.action.path());
        if actions.any(|path| path.ends_with("/start") || path.ends_with("/sign_in")) {
            return way.wrong_endpoint();
        }
        if self.status == StatusCode::UNAUTHORIZED || self.status.is_success() {
            let name = way.cookie.0.clone();
            return LoginError::NoSessionCookie { name };
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
