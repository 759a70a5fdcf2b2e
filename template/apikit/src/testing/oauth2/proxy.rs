//! The proxy: passes requests with a session on, and redirects all others to the hub.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering},
    time::Instant,
};

use axum::{
    Form, Router,
    extract::{Query, Request, State as Shared},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use tower::ServiceExt;

use super::{
    Accepted, Behaviour, Flavour, Hub, Session, State, cookie,
    flavour::{add_cookie, error_page, found, json, sign_in_page, unauthorized},
    lock, random,
};

type Fields = HashMap<String, String>;

pub fn router(state: Arc<State>) -> Router {
    Router::new()
        .route("/oauth2/start", get(start))
        .route("/oauth2/callback", get(callback).post(posted_callback))
        .route("/oauth2/auth", get(check))
        .route("/oauth2/sign_in", post(sign_in).get(sign_in_form))
        .route("/oauth2/sign_out", get(sign_out))
        .route("/ping", get(|| async { "OK" }))
        .fallback(elsewhere)
        .with_state(state)
}

/// The hub's, where it is below the proxy's own origin; else the back-end's.
async fn elsewhere(Shared(state): Shared<Arc<State>>, mut request: Request) -> Response {
    let below = state.behaviour().hub_below;
    let path = request.uri().to_string();
    match path.strip_prefix(below) {
        Some(rest) if !below.is_empty() && rest.starts_with('/') => {
            *request.uri_mut() = rest.parse().expect("the rest of a path is one");
            match super::hub::router(state).oneshot(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            }
        }
        _ => back_end(Shared(state), request).await,
    }
}

async fn start(Shared(state): Shared<Arc<State>>, Query(asked): Query<Fields>) -> Response {
    state.starts.fetch_add(1, Ordering::SeqCst);
    let next = asked.get("rd").map_or("/", String::as_str);
    to_the_hub(&state, next)
}

fn to_the_hub(state: &State, next: &str) -> Response {
    let nonce = random();
    let name = state.behaviour().cookie;
    let callback = format!("http://{}/oauth2/callback", state.proxy);
    let path = format!(
        "/login/oauth/authorize?approval_prompt=force&client_id=demo&redirect_uri={callback}\
         &response_type=code&scope=user%3Aemail&state={nonce}%3A{next}"
    );
    let mut response = found(&state.hub_url(&path));
    let csrf = state.behaviour().flavour.begins(&name, &nonce);
    add_cookie(response.headers_mut(), &csrf);
    response
}

async fn callback(
    Shared(state): Shared<Arc<State>>,
    Query(asked): Query<Fields>,
    headers: HeaderMap,
) -> Response {
    called_back(&state, &asked, &headers)
}

/// The same, of a provider that has the person's browser post the code.
async fn posted_callback(
    Shared(state): Shared<Arc<State>>,
    headers: HeaderMap,
    Form(asked): Form<Fields>,
) -> Response {
    called_back(&state, &asked, &headers)
}

fn called_back(state: &State, asked: &Fields, headers: &HeaderMap) -> Response {
    let behaviour = state.behaviour();
    let flavour = behaviour.flavour;
    let refuse = |status: StatusCode, text: &str| error_page(flavour, status, text);
    if let Some(error) = asked.get("error") {
        let said = match flavour.is_v7() {
            true => {
                format!("Login Failed: The upstream identity provider returned an error: {error}")
            }
            false => error.clone(),
        };
        return refuse(StatusCode::FORBIDDEN, &said);
    }
    let csrf = format!("{}_csrf", behaviour.cookie);
    let nonce = cookie(headers, &csrf);
    let code = |asked: &Fields| {
        let code = asked.get("code")?;
        lock(&state.codes).remove(code)
    };
    let Some((wanted, next)) = asked.get("state").and_then(|state| state.split_once(':')) else {
        return refuse(StatusCode::INTERNAL_SERVER_ERROR, "Internal Error");
    };
    // v7 looks at the cookie first; bitly's has used the code up by then.
    if flavour.is_v7() && nonce.as_deref() != Some(wanted) {
        let said = "Login Failed: Unable to find a valid CSRF token. Please try again.";
        return refuse(StatusCode::FORBIDDEN, said);
    }
    let Some(user) = code(asked) else {
        return refuse(StatusCode::INTERNAL_SERVER_ERROR, "Internal Error");
    };
    let loses = behaviour.hub == Hub::LosesCsrf;
    if loses {
        lock(&state.behaviour).hub = Hub::Fine;
    }
    let mut response = if loses || nonce.as_deref() != Some(wanted) {
        let said = match flavour.is_v7() {
            true => "Login Failed: Unable to find a valid CSRF token. Please try again.",
            false => "csrf failed",
        };
        refuse(StatusCode::FORBIDDEN, said)
    } else if user.starts_with("denied") {
        let said = match flavour.is_v7() {
            true => "You do not have permission to access this resource.",
            false => "Invalid Account",
        };
        refuse(StatusCode::FORBIDDEN, said)
    } else {
        let mut response = found(next);
        open_session(state, &behaviour, &user, response.headers_mut());
        response
    };
    add_cookie(response.headers_mut(), &flavour.removes(&csrf));
    response
}

/// Sets the cookie of a new session, in one part or several.
fn open_session(state: &State, behaviour: &Behaviour, user: &str, headers: &mut HeaderMap) {
    let value = format!("{}|{}=", random(), random());
    let session = Session {
        user: user.to_owned(),
        until: behaviour.lifetime.map(|lifetime| Instant::now() + lifetime),
    };
    lock(&state.sessions).insert(value.clone(), session);
    let length = value.len().div_ceil(behaviour.parts);
    for (number, part) in value.as_bytes().chunks(length).enumerate() {
        let part = String::from_utf8_lossy(part);
        let name = match behaviour.parts {
            1 => behaviour.cookie.clone(),
            _ => format!("{}_{number}", behaviour.cookie),
        };
        let set = behaviour.flavour.opens(&name, &part, behaviour.lifetime);
        add_cookie(headers, &set);
    }
}

/// Who sends a request, by their session.
fn in_session(
    state: &State,
    behaviour: &Behaviour,
    headers: &HeaderMap,
) -> Option<(String, String)> {
    let name = &behaviour.cookie;
    let value = match behaviour.parts {
        1 => cookie(headers, name)?,
        parts => (0..parts)
            .map(|number| cookie(headers, &format!("{name}_{number}")))
            .collect::<Option<String>>()?,
    };
    let sessions = lock(&state.sessions);
    let session = sessions.get(&value)?;
    let lives = session.until.is_none_or(|until| Instant::now() < until);
    lives.then(|| (session.user.clone(), value.clone()))
}

async fn check(Shared(state): Shared<Arc<State>>, headers: HeaderMap) -> Response {
    let behaviour = state.behaviour();
    let session = in_session(&state, &behaviour, &headers);
    let known = session.map(|(user, _)| user);
    let known = known.or_else(|| with_header(&state, &behaviour, &headers));
    match known {
        Some(user) if behaviour.accepted != Accepted::Nowhere => {
            let mut response = StatusCode::ACCEPTED.into_response();
            mark(&behaviour, &user, response.headers_mut());
            response
        }
        _ => {
            let mut response = unauthorized(behaviour.flavour);
            if behaviour.flavour.is_v7() {
                remove_sent(&behaviour, &headers, response.headers_mut());
            }
            response
        }
    }
}

/// v7 says on each answer within a session whose it is; beside nginx, it sees none.
fn mark(behaviour: &Behaviour, user: &str, headers: &mut HeaderMap) {
    let flavour = behaviour.flavour;
    if flavour.is_v7() && !matches!(flavour, Flavour::NginxPage | Flavour::NginxRedirect) {
        let user = HeaderValue::from_str(user).expect("a user name is a legal header");
        headers.insert("gap-auth", user);
    }
}

/// Removes those of the session's cookies that a request brought, as v7 does when it knows no such session.
fn remove_sent(behaviour: &Behaviour, sent: &HeaderMap, headers: &mut HeaderMap) {
    let name = &behaviour.cookie;
    let parts = (0..behaviour.parts).map(|number| format!("{name}_{number}"));
    for name in [name.clone()].into_iter().chain(parts) {
        if cookie(sent, &name).is_some() {
            add_cookie(headers, &behaviour.flavour.removes(&name));
        }
    }
}

/// The proxy's own form, for users of its htpasswd file.
async fn sign_in(
    Shared(state): Shared<Arc<State>>,
    headers: HeaderMap,
    Form(form): Form<Fields>,
) -> Response {
    let field = |name: &str| form.get(name).cloned().unwrap_or_default();
    let behaviour = state.behaviour();
    let (user, next) = (field("username"), field("rd"));
    let right = state.is_right(&user, &field("password"));
    if behaviour.htpasswd && right {
        let mut response = found(&next);
        open_session(&state, &behaviour, &user, response.headers_mut());
        return response;
    }
    if behaviour.flavour.skips() {
        return to_the_hub(&state, &next);
    }
    let status = match behaviour.flavour.is_v7() {
        // Without an htpasswd file it checks no password.
        true if behaviour.htpasswd && user.is_empty() => StatusCode::BAD_REQUEST,
        true if behaviour.htpasswd => StatusCode::UNAUTHORIZED,
        _ => StatusCode::OK,
    };
    signing_in(&behaviour, &headers, status)
}

/// The sign-in page, asked for by its address.
async fn sign_in_form(
    Shared(state): Shared<Arc<State>>,
    Query(asked): Query<Fields>,
    headers: HeaderMap,
) -> Response {
    let behaviour = state.behaviour();
    match behaviour.flavour.skips() {
        true => to_the_hub(&state, asked.get("rd").map_or("/", String::as_str)),
        false => signing_in(&behaviour, &headers, StatusCode::OK),
    }
}

/// The sign-in page. Whoever sees it has no session from then on.
fn signing_in(behaviour: &Behaviour, sent: &HeaderMap, status: StatusCode) -> Response {
    let mut response = (status, sign_in_page(behaviour)).into_response();
    match behaviour.flavour.is_v7() {
        true => remove_sent(behaviour, sent, response.headers_mut()),
        false => {
            let removal = behaviour.flavour.removes(&behaviour.cookie);
            add_cookie(response.headers_mut(), &removal);
        }
    }
    response
}

async fn sign_out(
    Shared(state): Shared<Arc<State>>,
    Query(asked): Query<Fields>,
    headers: HeaderMap,
) -> Response {
    let behaviour = state.behaviour();
    let mut response = found(asked.get("rd").map_or("/", String::as_str));
    match behaviour.flavour.is_v7() {
        // Once for a session that it cannot read, and once more as it is asked to.
        true => {
            let session = in_session(&state, &behaviour, &headers);
            for _ in 0..if session.is_some() { 1 } else { 2 } {
                remove_sent(&behaviour, &headers, response.headers_mut());
            }
        }
        false => {
            let removal = behaviour.flavour.removes(&behaviour.cookie);
            add_cookie(response.headers_mut(), &removal);
        }
    }
    response
}

/// Passes everything else to the back-end, within a session.
async fn back_end(Shared(state): Shared<Arc<State>>, mut request: Request) -> Response {
    let behaviour = state.behaviour();
    let session = in_session(&state, &behaviour, request.headers())
        .filter(|_| behaviour.accepted == Accepted::Everywhere);
    let by_header = || with_header(&state, &behaviour, request.headers());
    let Some(user) = session.clone().map(|(user, _)| user).or_else(by_header) else {
        return refuse(&state, &behaviour, &request);
    };
    let known = HeaderValue::from_str(&user).expect("a user name is a legal header");
    let headers = request.headers_mut();
    headers.remove(header::AUTHORIZATION);
    headers.remove(header::COOKIE);
    headers.insert("x-forwarded-user", known);
    let mut response = match state.back_end.clone().oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    mark(&behaviour, &user, response.headers_mut());
    if let Some((user, old)) = session.filter(|_| behaviour.refreshes) {
        lock(&state.sessions).remove(&old);
        open_session(&state, &behaviour, &user, response.headers_mut());
    }
    response
}

/// Who sends a request, by a bearer token or by HTTP Basic.
fn with_header(state: &State, behaviour: &Behaviour, headers: &HeaderMap) -> Option<String> {
    let header = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    if let Some(token) = header.strip_prefix("Bearer ") {
        let right = behaviour.bearer.as_deref() == Some(token);
        return right.then(|| "bearer".to_owned());
    }
    let pair = BASE64_STANDARD
        .decode(header.strip_prefix("Basic ")?)
        .ok()?;
    let pair = String::from_utf8(pair).ok()?;
    let (user, password) = pair.split_once(':')?;
    (behaviour.htpasswd && state.is_right(user, password)).then(|| user.to_owned())
}

/// The answer of each kind of proxy to a request without a session.
fn refuse(state: &State, behaviour: &Behaviour, request: &Request) -> Response {
    state.refusals.fetch_add(1, Ordering::SeqCst);
    let flavour = behaviour.flavour;
    let removal = flavour.removes(&behaviour.cookie);
    let accepts = request.headers().get_all(header::ACCEPT).iter();
    let mut accepts = accepts
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','));
    let is_program = flavour.is_v7() && accepts.any(|kind| kind.trim() == "application/json");
    match flavour {
        Flavour::Bitly | Flavour::BitlyOwnPage => {
            let mut response = match flavour {
                Flavour::Bitly => (StatusCode::FORBIDDEN, sign_in_page(behaviour)).into_response(),
                _ => (StatusCode::FORBIDDEN, "Members only.").into_response(),
            };
            add_cookie(response.headers_mut(), &removal);
            add_cookie(response.headers_mut(), &removal);
            response
        }
        Flavour::BitlySkip => to_the_hub(state, "/"),
        Flavour::NginxPage => sign_in_page(behaviour).into_response(),
        Flavour::NginxRedirect => Redirect::to("/oauth2/sign_in?rd=/").into_response(),
        Flavour::V7 | Flavour::V7Skip | Flavour::V7Json => {
            let mut response = match flavour {
                _ if is_program || flavour == Flavour::V7Json => json(),
                Flavour::V7Skip => {
                    let wanted = request.uri().path_and_query();
                    to_the_hub(state, wanted.map_or("/", |wanted| wanted.as_str()))
                }
                _ => (StatusCode::FORBIDDEN, sign_in_page(behaviour)).into_response(),
            };
            // Once when it reads the session, and once more when it shows the page.
            remove_sent(behaviour, request.headers(), response.headers_mut());
            if response.status() == StatusCode::FORBIDDEN {
                remove_sent(behaviour, request.headers(), response.headers_mut());
            }
            response
        }
    }
}
