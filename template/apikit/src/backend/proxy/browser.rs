//! The browser of a login: its cookies, the headers that browsers send, and the pages that come.
//!
//! A password goes only to hosts that the operator named, redirects included.

use std::time::Duration;

use axum::http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{ACCEPT, ACCEPT_LANGUAGE, CONTENT_TYPE, COOKIE, ORIGIN, REFERER, SET_COOKIE},
};
use reqwest::{RequestBuilder, Url};

use super::{
    super::{
        client::HttpClient,
        coding::{self, CodingError},
        redirect,
    },
    cookies::SessionCookies,
    jar::Jar,
    login_error::LoginError,
    origins::AllowedOrigins,
    page::{Form, Method, Page, Submission},
};

/// The most that is read of a page.
const MAX_PAGE: usize = 1024 * 1024;

/// A browser without a window, for one login.
pub(super) struct Browser<'a> {
    origins: &'a AllowedOrigins,
    client: &'a HttpClient,
    /// How long each page may take.
    limit: Duration,
    jar: Jar,
    /// The session's cookies, once the proxy has set them.
    pub session: Option<SessionCookies>,
    /// A cookie that is for `https:` alone, and was set over `http:`: no browser keeps it.
    pub lost_cookie: Option<String>,
}

/// What it does next.
#[derive(Clone)]
pub(super) enum Step {
    Get(Url),
    Send {
        /// The page that the form is on.
        page: Url,
        submission: Submission,
        carries: Carries,
    },
}

/// What is in a form that is sent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Carries {
    Password,
    HiddenFields,
}

/// What came, and from where.
pub(super) struct Answer {
    pub url: Url,
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl<'a> Browser<'a> {
    pub fn new(origins: &'a AllowedOrigins, client: &'a HttpClient, limit: Duration) -> Self {
        Self {
            origins,
            client,
            limit,
            jar: Jar::default(),
            session: None,
            lost_cookie: None,
        }
    }

    /// The answer to a step, which sends a form or follows a link.
    ///
    /// # Errors
    /// When it leads to a host that was not named, or no page comes from there.
    pub async fn open(&mut self, step: Step) -> Result<Answer, LoginError> {
        let (url, request) = match step {
            Step::Get(url) => (url.clone(), self.client.as_reqwest().get(url)),
            Step::Send {
                page,
                submission,
                carries: Carries::Password,
            } if !self.origins.admits_password(&page, &submission.action) => {
                return Err(foreign(&submission.action));
            }
            Step::Send {
                page, submission, ..
            } => {
                let url = submission.url();
                let request = match submission.method {
                    Method::Get | Method::Dialog => self.client.as_reqwest().get(url.clone()),
                    Method::Post => {
                        let boundary = format!("form-{:032x}", fastrand::u128(..));
                        let (media_type, body) = submission.body(&boundary);
                        let request = self.client.as_reqwest().post(url.clone());
                        let origin = page.origin().ascii_serialization();
                        let request = request.header(CONTENT_TYPE, media_type);
                        request.header(ORIGIN, origin).body(body)
                    }
                };
                (url.clone(), with_referrer(request, &page, &url))
            }
        };
        if !self.origins.admits(&url) {
            return Err(foreign(&url));
        }
        self.send(url, request).await
    }

    async fn send(&mut self, url: Url, mut request: RequestBuilder) -> Result<Answer, LoginError> {
        if let Some(cookies) = self.jar.header(&url) {
            request = request.header(COOKIE, cookies);
        }
        let own = self.origins.is_own(&url);
        let away = |is_timeout| match (is_timeout, own) {
            (true, _) => LoginError::Timeout,
            (false, true) => LoginError::ProxyAway,
            (false, false) => LoginError::ProviderAway,
        };
        let request = request
            .timeout(self.limit)
            .header(ACCEPT, "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")
            .header(ACCEPT_LANGUAGE, "en")
            .build()
            .map_err(|_| away(false))?;
        let is_get = request.method() == axum::http::Method::GET;
        let copy = || request.try_clone().expect("its body is no stream");
        let answer = self.client.execute(is_get, copy).await;
        let mut response = answer.map_err(|error| away(error.is_timeout()))?;
        for line in response.headers().get_all(SET_COOKIE) {
            self.keep(line, &url);
        }
        if own {
            let set = SessionCookies::from_answer(&self.origins.cookie, response.headers());
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
        if coding::is_coded(response.headers()) {
            body = coding::decoded(response.headers(), &body, MAX_PAGE).map_err(|error| {
                let page = without_query(&url);
                match error {
                    CodingError::TooLarge => LoginError::PageTooLarge { limit: MAX_PAGE },
                    CodingError::Unknown(coding) | CodingError::Broken(coding) => {
                        LoginError::UnreadablePage { page, coding }
                    }
                }
            })?;
        }
        Ok(Answer {
            url,
            status: response.status(),
            headers: response.headers().clone(),
            body,
        })
    }

    /// Puts a cookie into the jar, and remembers one that browsers do not keep.
    pub fn keep(&mut self, line: &HeaderValue, url: &Url) {
        let lost = self.jar.keep(line, url);
        if self.origins.is_own(url) {
            self.lost_cookie = self.lost_cookie.take().or(lost);
        }
    }
}

impl Answer {
    pub fn page(&self) -> Page {
        Page::read(&self.body, &self.headers, &self.url)
    }

    pub fn redirect(&self) -> Option<Url> {
        let target = redirect::location(&self.url, &self.headers)?;
        self.status.is_redirection().then_some(target)
    }

    /// Whether a redirect wants the same form to be sent to its target.
    pub fn repeats(&self) -> bool {
        matches!(self.status.as_u16(), 307 | 308)
    }

    /// The failure that a page of the proxy without a session stands for.
    pub fn refusal(&self, origins: &AllowedOrigins) -> LoginError {
        let page = self.page();
        let text = String::from_utf8_lossy(&self.body);
        let says = |what: &str| text.contains(what);
        let csrf = [
            "csrf failed",
            "named cookie not present",
            "find a valid CSRF token",
        ];
        if csrf.into_iter().any(says) {
            return LoginError::Csrf;
        }
        // bitly's proxy, a provider through either, and oauth2-proxy, with its debug messages and without. The title of its
        // page says no more than the status, and the page has a form that leads to its sign-in, too.
        let known = [
            "Invalid Account",
            "access_denied",
            "Invalid session: unauthorized",
            "You do not have permission to access this resource",
        ];
        if let Some(reason) = known.into_iter().find(|reason| says(reason)) {
            return LoginError::Denied {
                said: reason.to_owned(),
            };
        }
        let mut targets = page.forms.iter().flat_map(Form::targets);
        if targets
            .any(|target| target.path().ends_with("/start") || target.path().ends_with("/sign_in"))
        {
            return origins.wrong_endpoint();
        }
        if self.status == StatusCode::UNAUTHORIZED || self.status.is_success() {
            let name = origins.cookie.0.clone();
            return LoginError::NoSessionCookie { name };
        }
        match self.status == StatusCode::FORBIDDEN {
            true => LoginError::Denied {
                said: page.title.clone(),
            },
            false => self.unknown(&page),
        }
    }

    pub fn unknown(&self, page: &Page) -> LoginError {
        LoginError::UnknownPage {
            page: without_query(&self.url),
            status: self.status.as_u16(),
            title: page.title.clone(),
        }
    }
}

/// A request as a browser sends it for a form on `page`: with a `Referer`, which frameworks check against forgery, as they do
/// the `Origin` of what is posted.
fn with_referrer(request: RequestBuilder, page: &Url, to: &Url) -> RequestBuilder {
    let origin = page.origin().ascii_serialization();
    let mut referrer = page.clone();
    referrer.set_fragment(None);
    let referrer = match page.origin() == to.origin() {
        true => Some(referrer.to_string()),
        false if page.scheme() == "https" && to.scheme() == "http" => None,
        false => Some(format!("{origin}/")),
    };
    match referrer {
        Some(referrer) => request.header(REFERER, referrer),
        None => request,
    }
}

/// A URL as an error may show it: codes and states are in the query.
fn without_query(url: &Url) -> String {
    format!("{}{}", url.origin().ascii_serialization(), url.path())
}

fn foreign(url: &Url) -> LoginError {
    let origin = url.origin().ascii_serialization();
    LoginError::ForeignHost { origin }
}
