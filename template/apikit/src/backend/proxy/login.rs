//! One login: from the proxy's start, over the provider's form, to a session.
//!
//! It follows redirects one by one and checks every answer.

use std::time::Duration;

use axum::http::StatusCode;
use secrecy::ExposeSecret;

use super::{
    super::{Credentials, client::HttpClient},
    browser::{Answer, Browser, Carries, Step},
    cookies::SessionCookies,
    login_error::LoginError,
    origins::AllowedOrigins,
    page::{Entry, Form, Method, Page, Submission},
    settings::LoginBy,
};

/// The most steps from the beginning to the end. A login takes about seven.
const MAX_STEPS: usize = 20;

/// Logs in and returns the session's cookies, once the proxy has accepted them. `limit` is the time limit of each
/// page.
///
/// # Errors
/// The reason, when no session is opened.
pub(super) async fn log_in(
    origins: &AllowedOrigins,
    client: &HttpClient,
    credentials: &Credentials,
    limit: Duration,
) -> Result<SessionCookies, LoginError> {
    match walk(origins, client, credentials, limit).await {
        // Another login of the same person may have interfered: once more, from the start.
        Err(LoginError::Csrf) => walk(origins, client, credentials, limit).await,
        done => done,
    }
}

async fn walk(
    origins: &AllowedOrigins,
    client: &HttpClient,
    credentials: &Credentials,
    limit: Duration,
) -> Result<SessionCookies, LoginError> {
    let mut walk = Walk::new(origins, client, credentials, limit);
    let mut step = walk.first_step();
    for _ in 0..MAX_STEPS {
        match walk.take(step).await? {
            Next::Step(next) => step = next,
            Next::Session(session) => return Ok(session),
        }
    }
    Err(LoginError::TooManyHops)
}

/// The state of a login.
struct Walk<'a> {
    origins: &'a AllowedOrigins,
    browser: Browser<'a>,
    credentials: &'a Credentials,
    /// The text of the page whose form was sent with the password, once it was.
    before_password: Option<String>,
    /// The unknown page that the provider led to after the password, once the login was started again.
    restarted_from: Option<LoginError>,
}

enum Next {
    Step(Step),
    Session(SessionCookies),
}

impl<'a> Walk<'a> {
    fn new(
        origins: &'a AllowedOrigins,
        client: &'a HttpClient,
        credentials: &'a Credentials,
        limit: Duration,
    ) -> Self {
        Self {
            origins,
            browser: Browser::new(origins, client, limit),
            credentials,
            before_password: None,
            restarted_from: None,
        }
    }

    /// The start of the provider's login, or the proxy's own form, filled in. Both end at `…/auth`,
    /// the cheapest page that shows whether the proxy accepts the session.
    fn first_step(&mut self) -> Step {
        let end = self.origins.beside_start("auth").path().to_owned();
        match self.origins.by {
            LoginBy::Htpasswd => {
                self.before_password = Some(String::new());
                let password = self.credentials.password.expose_secret();
                let form = self.origins.beside_start("sign_in");
                let entries = vec![
                    Entry::new("username", &self.credentials.username),
                    Entry::new("password", password),
                    Entry::new("rd", end),
                ];
                Step::Send {
                    page: form.clone(),
                    submission: Submission::posted(form, entries),
                    carries: Carries::Password,
                }
            }
            LoginBy::Provider | LoginBy::Basic => {
                let mut start = self.origins.start.clone();
                start.query_pairs_mut().append_pair("rd", &end);
                Step::Get(start)
            }
        }
    }

    async fn take(&mut self, step: Step) -> Result<Next, LoginError> {
        let answer = self.browser.open(step.clone()).await?;
        if let Some(target) = answer.redirect() {
            if self.origins.by == LoginBy::Htpasswd && !self.origins.is_own(&target) {
                // A proxy without a sign-in page redirects to the provider.
                return Err(LoginError::NotTaken { by: "htpasswd" });
            }
            return Ok(Next::Step(match step {
                Step::Send {
                    page,
                    submission,
                    carries,
                } if answer.repeats() && submission.method == Method::Post => Step::Send {
                    page,
                    submission: submission.to(target),
                    carries,
                },
                _ => Step::Get(target),
            }));
        }
        let has_session = self.browser.session.is_some() && self.origins.is_own(&answer.url);
        if has_session || self.origins.is_proxy_page(&answer.url) {
            return self.arrive(&answer).map(Next::Session);
        }
        self.read(&answer).map(Next::Step)
    }

    /// The login is back at the proxy: with a session, or with the reason why not.
    fn arrive(&mut self, answer: &Answer) -> Result<SessionCookies, LoginError> {
        if answer.status.is_server_error() {
            let status = answer.status.as_u16();
            return Err(LoginError::ProxyDown { status });
        }
        let refusal =
            |answer: &Answer| match (answer.refusal(self.origins), &self.browser.lost_cookie) {
                (LoginError::Csrf | LoginError::NoSessionCookie { .. }, Some(name)) => {
                    let name = name.clone();
                    LoginError::SecureCookie { name }
                }
                (error, _) => error,
            };
        match (self.browser.session.take(), answer.status) {
            (Some(_), StatusCode::UNAUTHORIZED) => Err(LoginError::NotAccepted),
            (Some(_), StatusCode::FORBIDDEN) => Err(refusal(answer)),
            (Some(session), _) => Ok(session),
            (None, StatusCode::TOO_MANY_REQUESTS) => Err(LoginError::RateLimited),
            (None, StatusCode::NOT_FOUND) => Err(self.origins.wrong_endpoint()),
            (None, _) if self.origins.by == LoginBy::Htpasswd => {
                let page = answer.page();
                let asks = page.forms.iter().any(Form::has_password);
                match asks || answer.status == StatusCode::UNAUTHORIZED {
                    true => Err(LoginError::BadCredentials),
                    false => Err(LoginError::NoHtpasswd),
                }
            }
            (None, _) => Err(refusal(answer)),
        }
    }

    /// The login is on a page of the provider: chooses the next step.
    fn read(&mut self, answer: &Answer) -> Result<Step, LoginError> {
        let page = answer.page();
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
            return self.fill(form, &page, answer);
        }
        if let Some(submission) = self.self_submitting(&page) {
            return Ok(Step::Send {
                page: answer.url.clone(),
                submission,
                carries: Carries::HiddenFields,
            });
        }
        if page.asks_for_consent() {
            let start = self.origins.start.to_string();
            return Err(LoginError::ConsentNeeded { start });
        }
        if let Some(target) = page.refresh {
            return Ok(Step::Get(target));
        }
        if let Some(back) = page.links.iter().find(|link| self.origins.ends_login(link)) {
            return Ok(Step::Get(back.clone()));
        }
        let unknown = self.unknown(&page, answer);
        let mut links = page.links.iter();
        let goes_on =
            answer.status.is_success() || links.any(|link| self.origins.begins_login(link));
        if goes_on && self.before_password.is_some() && self.restarted_from.is_none() {
            // The provider may have forgotten where the login came from, and know the person by now.
            self.restarted_from = Some(unknown);
            return Ok(self.first_step());
        }
        Err(unknown)
    }

    /// What a page's form of hidden fields would send by itself: to the proxy, with or without a button, as
    /// `response_mode=form_post` has it, or to the next page of the provider, if the page has nothing else. On a home page, such
    /// a form may log the person out.
    fn self_submitting(&self, page: &Page) -> Option<Submission> {
        let is_alone = page.forms.len() == 1 && page.links.is_empty();
        let mut hidden = page.forms.iter().filter(|form| form.is_hidden());
        hidden.find_map(|form| {
            let target = form.target()?;
            let to_proxy = self.origins.ends_login(target);
            let goes_on = is_alone && !form.has_button() && self.origins.admits(target);
            (to_proxy || goes_on).then(|| form.submitted())?
        })
    }

    /// The failure at an unknown page; after a restart, at the page that was the reason for it.
    fn unknown(&self, page: &Page, answer: &Answer) -> LoginError {
        let first = self.restarted_from.clone();
        first.unwrap_or_else(|| answer.unknown(page))
    }

    /// The filled form, to be sent. Where it has been sent already, the form is shown again: because the password is wrong,
    /// if the page says so, or else for an unknown reason.
    fn fill(&mut self, form: &Form, page: &Page, answer: &Answer) -> Result<Step, LoginError> {
        if let Some(before) = &self.before_password {
            return Err(match page.refuses_password(before, answer.status) {
                true if self.restarted_from.is_none() => LoginError::BadCredentials,
                _ => self.unknown(page, answer),
            });
        }
        // A form that is sent by `GET` would write the password into every log between here and there.
        let filled = form.filled(self.credentials);
        let submission = filled.filter(|filled| filled.method == Method::Post);
        let submission = submission.ok_or_else(|| answer.unknown(page))?;
        self.before_password = Some(page.text.clone());
        Ok(Step::Send {
            page: answer.url.clone(),
            submission,
            carries: Carries::Password,
        })
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue};
    use reqwest::Url;

    use super::{
        super::super::{Network, egress::Egress},
        *,
    };

    /// On this machine, cookies for `https:` go over `http:` as well, so no double can show it.
    #[test]
    fn a_cookie_for_https_alone_is_named_where_the_proxy_is_asked_by_http() {
        let start: Url = "http://proxy.example/oauth2/start"
            .parse()
            .expect("it is a URL");
        let origins = AllowedOrigins {
            base: start.join("/").expect("it is a path"),
            start: start.clone(),
            hosts: vec![],
            by: LoginBy::Provider,
            cookie: super::super::CookieName("_oauth2_proxy".to_owned()),
        };
        let credentials = Credentials {
            username: "ada".to_owned(),
            password: "a word".into(),
        };
        let client =
            HttpClient::new(Network::Loopback, Egress::default(), "probe").expect("it is a client");
        for (cookie, told) in [
            ("_oauth2_proxy_csrf=x; Path=/; Secure", "secure-cookie"),
            ("_oauth2_proxy_csrf=x; Path=/", "csrf"),
        ] {
            let mut walk = Walk::new(&origins, &client, &credentials, Duration::MAX);
            walk.browser.keep(&HeaderValue::from_static(cookie), &start);
            let refused = walk.arrive(&Answer {
                url: start.join("callback").expect("it is a path"),
                status: StatusCode::FORBIDDEN,
                headers: HeaderMap::new(),
                body: b"csrf failed".to_vec(),
            });
            assert_eq!(refused.expect_err("there is no session").kind(), told);
        }
    }
}
