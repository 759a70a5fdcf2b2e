//! A stand-in for an OAuth2 proxy and the provider that it sends people to, on this machine.
//!
//! `proxy` is in front of a back-end and requires a session, as `flavour` says of each kind of proxy; `hub` is the
//! provider, where people type their passwords. Any user name exists, and any password is right that does not begin with `wrong`.
//! [`Behaviour`] changes what they do, and they count what they were asked.

mod flavour;
mod hub;
mod proxy;

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{
    Router,
    http::{HeaderMap, Request, header::COOKIE},
};
use tokio::net::TcpListener;

/// The proxy and the hub, running until the process ends.
#[derive(Clone)]
pub struct Double {
    /// Where the proxy listens.
    pub proxy: SocketAddr,
    /// The port where the hub listens, on `localhost`: another host name, since cookies ignore ports.
    pub hub: u16,
    state: Arc<State>,
}

struct State {
    behaviour: Mutex<Behaviour>,
    proxy: SocketAddr,
    hub: u16,
    back_end: Router,
    /// Who is logged in at the hub, at the proxy with a code, and at the proxy with a session.
    people: Mutex<HashMap<String, String>>,
    codes: Mutex<HashMap<String, String>>,
    sessions: Mutex<HashMap<String, Session>>,
    /// How often each user name and password was sent to the hub or the proxy's form.
    passwords: Mutex<HashMap<(String, String), u64>>,
    starts: AtomicU64,
    /// How often the proxy refused a request to the back-end.
    refusals: AtomicU64,
    /// The bodies of the forms that the hub was sent, with their media types.
    forms: Mutex<Vec<(String, Vec<u8>)>>,
    /// The requests that the hub was sent, without their bodies.
    requests: Mutex<Vec<Request<()>>>,
}

struct Session {
    user: String,
    until: Option<Instant>,
}

/// What the proxy and the hub do. The default is bitly's proxy and today's login page.
#[derive(Clone, Debug)]
pub struct Behaviour {
    /// How the proxy treats a request without a session.
    pub flavour: Flavour,
    /// The login page.
    pub form: LoginForm,
    /// What the hub does after a login.
    pub hub: Hub,
    /// The name of the session cookie.
    pub cookie: String,
    /// In how many parts the session cookie comes.
    pub parts: usize,
    /// How long a session is accepted.
    pub lifetime: Option<Duration>,
    /// Whether each answer brings a new cookie, and the old one ends.
    pub refreshes: bool,
    /// Whether sessions are accepted at all: by `/oauth2/auth`, and by the back-end's pages.
    pub accepted: Accepted,
    /// Whether there is an htpasswd file, for the form and for HTTP Basic.
    pub htpasswd: bool,
    /// A bearer token that is as good as a session.
    pub bearer: Option<String>,
    /// The delay of each page of the hub.
    pub delay: Duration,
    /// Where the hub is below the proxy's own origin, such as `/dex`; it is elsewhere where this is empty.
    pub hub_below: &'static str,
}

/// How the proxy treats a request without a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// bitly's: a 403 sign-in page that removes the cookie.
    Bitly,
    /// bitly's with a page of the operator's own, which has no form.
    BitlyOwnPage,
    /// bitly's with `-skip-provider-button`: straight on to the hub.
    BitlySkip,
    /// oauth2-proxy v7: a 403 sign-in page that removes only the cookies of the request.
    V7,
    /// oauth2-proxy v7 with `--skip-provider-button`: straight on to the hub, and back to where the request wanted to.
    V7Skip,
    /// oauth2-proxy v7 with `--force-json-errors`: 401 `{}`.
    V7Json,
    /// oauth2-proxy v7 behind nginx's `auth_request`, whose `error_page` shows the sign-in page with 200.
    NginxPage,
    /// The same, whose `error_page` redirects to the sign-in page within the origin.
    NginxRedirect,
}

/// The login page of the hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginForm {
    /// Several forms, decoys, tokens, and where to go next among the fields.
    Modern,
    /// One form, and the hub remembers where to go next.
    Classic,
    /// No form at all.
    Missing,
    /// A form that would put the password into the URL.
    ByGet,
    /// A page of 50 MB.
    Huge,
    /// A page of a test's own, whose form goes to `/session`. Its fields are recorded, and none is checked.
    Own(OwnPage),
}

/// What the hub does after a right password, or at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hub {
    /// It sends the person back with a code.
    Fine,
    /// It asks for a second factor.
    TwoFactor,
    /// It asks for a code that it has sent by e-mail.
    DeviceVerification,
    /// It asks whether the person allows the application.
    Consent,
    /// A page with a meta refresh in the place of a redirect.
    MetaRefresh,
    /// Goes to its own home page, and forgets why the person came.
    ForgetsReturn,
    /// It refuses all passwords for now.
    LockedOut,
    /// It answers 503.
    Down,
    /// It never answers.
    Hangs,
    /// Refuses the form's token once.
    LosesToken,
    /// The proxy refuses the state of the login once.
    LosesCsrf,
    /// A page with a plain link back, and nothing else.
    PlainLink,
    /// Redirects to itself for ever.
    Loops,
    /// Sends people elsewhere to log in.
    RedirectsTo(String),
    /// Has a form that sends the password elsewhere.
    PostsTo(String),
    /// Refuses a form without the `Referer` and `Origin` of its page, as Django does over TLS.
    WantsReferrer,
    /// Answers the right password with this page in the place of a redirect. `{back}` in it becomes the address that
    /// leads on, `{callback}`, `{code}` and `{state}` what the proxy waits for.
    Shows(OwnPage),
    /// Sends people back by a `Refresh` header of this form, in which `{back}` is the address.
    RefreshHeader(&'static str),
    /// Leads people back by way of this `Location` below `/detour/`, whose bytes are sent as they are. The form goes there
    /// first, by 307, if it `takes_form`.
    Detours {
        /// The bytes of the `Location`.
        to: &'static [u8],
        /// Whether the form is sent there.
        takes_form: bool,
    },
}

/// A page as a test writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnPage {
    /// Its status.
    pub status: u16,
    /// Its media type.
    pub content_type: &'static str,
    /// Its bytes.
    pub body: &'static [u8],
    /// Its coding; none where this is empty.
    pub coding: &'static str,
}

impl OwnPage {
    /// A page of HTML in UTF-8.
    pub const fn html(html: &'static str) -> Self {
        Self {
            status: 200,
            content_type: "text/html; charset=utf-8",
            body: html.as_bytes(),
            coding: "",
        }
    }
}

/// Where a session is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// By `/oauth2/auth` and in front of the back-end.
    Everywhere,
    /// By `/oauth2/auth` alone.
    ByTheCheckOnly,
    /// Nowhere.
    Nowhere,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            flavour: Flavour::Bitly,
            form: LoginForm::Modern,
            hub: Hub::Fine,
            cookie: "_oauth2_proxy".to_owned(),
            parts: 1,
            lifetime: None,
            refreshes: false,
            accepted: Accepted::Everywhere,
            htpasswd: false,
            bearer: None,
            delay: Duration::ZERO,
            hub_below: "",
        }
    }
}

impl Double {
    /// Starts both, in front of a back-end that finds the user's name in `X-Forwarded-User`. The hub
    /// takes the port after the proxy's if it can, else any.
    pub async fn start(listener: TcpListener, back_end: Router, behaviour: Behaviour) -> Self {
        let proxy = listener.local_addr().expect("it is bound");
        let hub = match TcpListener::bind(("localhost", proxy.port().wrapping_add(1))).await {
            Ok(hub) => hub,
            Err(_) => TcpListener::bind("localhost:0")
                .await
                .expect("some port is free"),
        };
        let state = Arc::new(State {
            behaviour: Mutex::new(behaviour),
            proxy,
            hub: hub.local_addr().expect("it is bound").port(),
            back_end,
            people: Mutex::default(),
            codes: Mutex::default(),
            sessions: Mutex::default(),
            passwords: Mutex::default(),
            starts: AtomicU64::new(0),
            refusals: AtomicU64::new(0),
            forms: Mutex::default(),
            requests: Mutex::default(),
        });
        let proxy_app = proxy::router(state.clone());
        let hub_app = hub::router(state.clone());
        tokio::spawn(async { axum::serve(listener, proxy_app).await });
        tokio::spawn(async { axum::serve(hub, hub_app).await });
        Self {
            proxy: state.proxy,
            hub: state.hub,
            state,
        }
    }

    /// The base URL of the back-end behind the proxy.
    pub fn url(&self) -> String {
        format!("http://{}", self.proxy)
    }

    /// The hub, as AUTH_LOGIN_HOSTS names it.
    pub fn login_host(&self) -> String {
        format!("localhost:{}", self.hub)
    }

    /// Changes what they do from now on.
    pub fn behave(&self, change: impl FnOnce(&mut Behaviour)) {
        change(&mut lock(&self.state.behaviour));
    }

    /// Ends the sessions of a user, or everybody's.
    pub fn revoke(&self, user: Option<&str>) {
        let kept = |session: &Session| user.is_some_and(|user| user != session.user);
        lock(&self.state.sessions).retain(|_, session| kept(session));
    }

    /// How many logins were begun.
    pub fn starts(&self) -> u64 {
        self.state.starts.load(Ordering::SeqCst)
    }

    /// How many requests the proxy kept from the back-end.
    pub fn refusals(&self) -> u64 {
        self.state.refusals.load(Ordering::SeqCst)
    }

    /// How many passwords were sent, to the hub or to the proxy's own form.
    pub fn passwords_sent(&self) -> u64 {
        lock(&self.state.passwords).values().sum()
    }

    /// How often this user name and password were sent.
    pub fn sent(&self, user: &str, password: &str) -> u64 {
        let pair = (user.to_owned(), password.to_owned());
        lock(&self.state.passwords).get(&pair).copied().unwrap_or(0)
    }

    /// The media type and the body of each form that the hub was sent.
    pub fn forms(&self) -> Vec<(String, Vec<u8>)> {
        lock(&self.state.forms).clone()
    }

    /// The requests that the hub was sent, without their bodies.
    pub fn requests(&self) -> Vec<Request<()>> {
        lock(&self.state.requests).clone()
    }

    /// The values of all sessions' cookies: what must be in no log.
    pub fn secrets(&self) -> Vec<String> {
        lock(&self.state.sessions).keys().cloned().collect()
    }
}

impl State {
    fn behaviour(&self) -> Behaviour {
        lock(&self.behaviour).clone()
    }

    /// Counts a password, and says whether it is right.
    fn is_right(&self, user: &str, password: &str) -> bool {
        let pair = (user.to_owned(), password.to_owned());
        *lock(&self.passwords).entry(pair).or_default() += 1;
        !user.is_empty() && !password.starts_with("wrong")
    }

    fn hub_url(&self, path: &str) -> String {
        match self.behaviour().hub_below {
            "" => format!("http://localhost:{}{path}", self.hub),
            below => format!("http://{}{below}{path}", self.proxy),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("nobody panics while holding it")
}

/// 128 random bits.
fn random() -> String {
    format!("{:032x}", fastrand::u128(..))
}

/// A cookie that a request brings.
fn cookie(headers: &HeaderMap, wanted: &str) -> Option<String> {
    let lines = headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok());
    let pairs = lines
        .flat_map(|line| line.split("; "))
        .filter_map(|pair| pair.split_once('='));
    let mut found = pairs.filter(|(name, _)| *name == wanted);
    found.next().map(|(_, value)| value.to_owned())
}
