//! The proxy: lets people in who have a session, and sends all others to the hub for one.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering},
    time::{Instant, SystemTime},
};

use axum::{
    Form, Router,
    extract::{Query, Request, State as Shared},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Redirect, Response},
    routing::{get, post},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use tower::ServiceExt;

use super::{Accepted, Behaviour, Flavour, Hub, Session, State, cookie, lock, random};

type Fields = HashMap<String, String>;

const PAST: &str = "Thu, 01 Jan 1970 00:00:00 GMT";

pub fn router(state: Arc<State>) -> Router {
    Router::new()
        .route("/oauth2/start", get(start))
        .route("/oauth2/callback", get(callback))
        .route("/oauth2/auth", get(check))
        .route("/oauth2/sign_in", post(sign_in))
        .fallback(back_end)
        .with_state(state)
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
    let csrf = format!("{name}_csrf={nonce}; Path=/; HttpOnly");
    (
        [(header::SET_COOKIE, csrf)],
        Redirect::to(&state.hub_url(&path)),
    )
        .into_response()
}

async fn callback(
    Shared(state): Shared<Arc<State>>,
    Query(asked): Query<Fields>,
    headers: HeaderMap,
) -> Response {
    let refuse = |status: StatusCode, text: &str| {
        let page = format!("<title>{status}</title><p>{text}</p>");
        (status, Html(page)).into_response()
    };
    let code = asked
        .get("code")
        .and_then(|code| lock(&state.codes).remove(code));
    let Some(user) = code else {
        return refuse(StatusCode::INTERNAL_SERVER_ERROR, "Internal Error");
    };
    let behaviour = state.behaviour();
    let nonce = cookie(&headers, &format!("{}_csrf", behaviour.cookie));
    let (wanted, next) = asked["state"].split_once(':').unwrap_or_default();
    let loses = behaviour.hub == Hub::LosesCsrf;
    if loses {
        lock(&state.behaviour).hub = Hub::Fine;
    }
    if loses || nonce.as_deref() != Some(wanted) {
        let said = match behaviour.flavour {
            Flavour::Bitly | Flavour::BitlyOwnPage | Flavour::BitlySkip => "csrf failed",
            Flavour::V7 | Flavour::V7Json => "Unable to find a valid CSRF token. Please try again.",
        };
        return refuse(StatusCode::FORBIDDEN, said);
    }
    if user.starts_with("denied") {
        return refuse(StatusCode::FORBIDDEN, "Invalid Account");
    }
    let mut response = Redirect::to(next).into_response();
    open_session(&state, &behaviour, &user, response.headers_mut());
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
    let expires = behaviour.lifetime.map_or_else(String::new, |lifetime| {
        format!(
            "; Expires={}",
            httpdate::fmt_http_date(SystemTime::now() + lifetime)
        )
    });
    let length = value.len().div_ceil(behaviour.parts);
    for (number, part) in value.as_bytes().chunks(length).enumerate() {
        let part = String::from_utf8_lossy(part);
        let name = match behaviour.parts {
            1 => behaviour.cookie.clone(),
            _ => format!("{}_{number}", behaviour.cookie),
        };
        add_cookie(
            headers,
            &format!("{name}={part}; Path=/; HttpOnly{expires}"),
        );
    }
}

fn add_cookie(headers: &mut HeaderMap, cookie: &str) {
    let value = HeaderValue::from_str(cookie).expect("it is a legal cookie");
    headers.append(header::SET_COOKIE, value);
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
    match in_session(&state, &behaviour, &headers) {
        Some(_) if behaviour.accepted != Accepted::Nowhere => StatusCode::ACCEPTED.into_response(),
        _ => (StatusCode::UNAUTHORIZED, "unauthorized request").into_response(),
    }
}

/// The proxy's own form, for users of its htpasswd file.
async fn sign_in(Shared(state): Shared<Arc<State>>, Form(form): Form<Fields>) -> Response {
    let field = |name: &str| form.get(name).cloned().unwrap_or_default();
    let behaviour = state.behaviour();
    let right = state.is_right(&field("username"), &field("password"));
    if !behaviour.htpasswd || !right {
        let status = match behaviour.flavour {
            Flavour::V7 | Flavour::V7Json => StatusCode::UNAUTHORIZED,
            Flavour::Bitly | Flavour::BitlyOwnPage | Flavour::BitlySkip => StatusCode::OK,
        };
        return (status, Html(sign_in_page())).into_response();
    }
    let mut response = Redirect::to(&field("rd")).into_response();
    open_session(
        &state,
        &behaviour,
        &field("username"),
        response.headers_mut(),
    );
    response
}

fn sign_in_page() -> &'static str {
    r#"<title>Sign In</title><form method="GET" action="/oauth2/start">
       <input type="hidden" name="rd" value="/"><button>Sign in</button></form>"#
}

/// Everything else is the back-end's, for those who may.
async fn back_end(Shared(state): Shared<Arc<State>>, mut request: Request) -> Response {
    let behaviour = state.behaviour();
    let session = in_session(&state, &behaviour, request.headers())
        .filter(|_| behaviour.accepted == Accepted::Everywhere);
    let by_header = || with_header(&state, &behaviour, request.headers());
    let Some(user) = session.clone().map(|(user, _)| user).or_else(by_header) else {
        return refuse(&state, &behaviour, request.headers());
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

/// What each proxy says to those who have no session.
fn refuse(state: &State, behaviour: &Behaviour, headers: &HeaderMap) -> Response {
    state.refusals.fetch_add(1, Ordering::SeqCst);
    let name = &behaviour.cookie;
    let removal = format!("{name}=; Path=/; Expires={PAST}");
    let page = || (StatusCode::FORBIDDEN, Html(sign_in_page())).into_response();
    match behaviour.flavour {
        Flavour::Bitly | Flavour::BitlyOwnPage => {
            let mut response = match behaviour.flavour {
                Flavour::Bitly => page(),
                _ => (StatusCode::FORBIDDEN, "Members only.").into_response(),
            };
            add_cookie(response.headers_mut(), &removal);
            add_cookie(response.headers_mut(), &removal);
            response
        }
        Flavour::BitlySkip => to_the_hub(state, "/"),
        Flavour::V7 => {
            let mut response = page();
            if cookie(headers, name).is_some() {
                add_cookie(
                    response.headers_mut(),
                    &format!("{name}=; Path=/; Max-Age=0"),
                );
            }
            response
        }
        Flavour::V7Json => {
            let json = [(header::CONTENT_TYPE, "application/json")];
            (StatusCode::UNAUTHORIZED, json, "{}").into_response()
        }
    }
}
