//! The provider: asks for a password, and sends people back with a code.

use std::{collections::HashMap, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Bytes,
    extract::{Query, Request, State as Shared},
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    middleware::{Next, from_fn_with_state},
    response::{Html, IntoResponse, Redirect, Response},
    routing::{get, post},
};

use super::{Hub, LoginForm, OwnPage, State, cookie, flavour::add_cookie, lock, random};

type Fields = HashMap<String, String>;

/// What the form's token must be: base64 with its padding, as the real ones are.
const TOKEN: &str = "dG9rZW4tb2YtdGhlLWxvZ2luLWZvcm0+LzA9PQ==";

pub fn router(state: Arc<State>) -> Router {
    Router::new()
        .route("/", get(home))
        .route("/login/oauth/authorize", get(authorize))
        .route("/login", get(login))
        .route("/session", post(session))
        .route("/detour/{*place}", get(detour).post(session))
        .route("/sessions/two-factor/app", get(two_factor))
        .route("/sessions/verified-device", get(home))
        .layer(from_fn_with_state(state.clone(), trouble))
        .with_state(state)
}

/// Applies the faults that concern the whole hub.
async fn trouble(Shared(state): Shared<Arc<State>>, request: Request, next: Next) -> Response {
    let behaviour = state.behaviour();
    let (head, body) = request.into_parts();
    lock(&state.requests).push(Request::from_parts(head.clone(), ()));
    let request = Request::from_parts(head, body);
    tokio::time::sleep(behaviour.delay).await;
    match behaviour.hub {
        Hub::Down => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Hub::Hangs => {
            tokio::time::sleep(Duration::from_secs(3600)).await;
            StatusCode::OK.into_response()
        }
        Hub::WantsReferrer if request.method() == "POST" => {
            let headers = request.headers();
            let from = |name| headers.get(name).and_then(|value| value.to_str().ok());
            let page = from(header::REFERER).unwrap_or_default();
            let origin = state.hub_url("");
            if page.starts_with(&format!("{origin}/login")) && from(header::ORIGIN) == Some(&origin)
            {
                return next.run(request).await;
            }
            (
                StatusCode::FORBIDDEN,
                Html("<title>403 Forbidden</title>CSRF"),
            )
                .into_response()
        }
        Hub::Loops => Redirect::to(&request.uri().to_string()).into_response(),
        Hub::RedirectsTo(url) => Redirect::to(&url).into_response(),
        _ => next.run(request).await,
    }
}

async fn home() -> Html<&'static str> {
    Html("<title>Home</title><p>Nothing to see here.</p>")
}

/// Leads on to where the person came from; from `/detour/again` by way of an address with a query of its own.
async fn detour(uri: Uri, headers: HeaderMap) -> Response {
    match (uri.path(), uri.query()) {
        ("/detour/again", _) => Redirect::temporary("/detour/query?own=1").into_response(),
        ("/detour/query", query) if query != Some("own=1") => {
            StatusCode::BAD_REQUEST.into_response()
        }
        _ => Redirect::to(&cookie_value(&headers, "return_to")).into_response(),
    }
}

async fn two_factor() -> Html<&'static str> {
    Html(
        r#"<title>Two-factor</title><form method="post" action="/sessions/two-factor">
           <input name="app_otp" autocomplete="one-time-code"></form>"#,
    )
}

/// The authorization endpoint: redirects to the login page, or back with a code if the person is logged in.
async fn authorize(
    Shared(state): Shared<Arc<State>>,
    Query(asked): Query<Fields>,
    request: Request,
) -> Response {
    let known = cookie(request.headers(), "user_session")
        .and_then(|session| lock(&state.people).get(&session).cloned());
    let Some(user) = known else {
        let below = state.behaviour().hub_below;
        let back = encoded(&format!("{below}{}", request.uri()));
        let login = format!("{below}/login?client_id=demo&return_to={back}");
        let remember = format!("return_to={back}; Path=/; HttpOnly");
        return ([(header::SET_COOKIE, remember)], Redirect::to(&login)).into_response();
    };
    let code = random();
    lock(&state.codes).insert(code.clone(), user);
    let state_value = encoded(&asked["state"]);
    let callback = &asked["redirect_uri"];
    let back = format!("{callback}?code={code}&state={state_value}");
    match state.behaviour().hub {
        Hub::Consent => Html(
            r#"<title>Authorize application</title>
               <form method="post" action="/login/oauth/authorize">
               <button name="authorize" value="1">Authorize</button></form>"#,
        )
        .into_response(),
        Hub::PlainLink => Html(format!(
            r#"<a href="/help">Help</a> <a href="{back}">Go on</a>"#
        ))
        .into_response(),
        Hub::MetaRefresh => {
            let page = format!(
                r#"<title>Redirecting</title><meta http-equiv="Refresh" content="0; URL='{}'">
                   <p>You are being redirected to the authorized application."#,
                back.replace('&', "&amp;")
            );
            Html(page).into_response()
        }
        Hub::Shows(page) if page.mentions("{callback}") => page.answer(&[
            ("{callback}", callback),
            ("{code}", &code),
            ("{state}", &asked["state"]),
        ]),
        Hub::RefreshHeader(content) => {
            let refresh = [(header::REFRESH, content.replace("{back}", &back))];
            (refresh, Html("<title>Redirecting</title>")).into_response()
        }
        _ => Redirect::to(&back).into_response(),
    }
}

async fn login(Shared(state): Shared<Arc<State>>, Query(asked): Query<Fields>) -> Response {
    let behaviour = state.behaviour();
    let back = asked.get("return_to").cloned().unwrap_or_default();
    let action = match behaviour.hub {
        Hub::PostsTo(url) => url,
        _ => "/session".to_owned(),
    };
    let page = match behaviour.form {
        LoginForm::Modern => modern(&action, &back),
        LoginForm::Classic => classic(&action),
        LoginForm::ByGet => classic(&action).replace("method=\"post\"", "method=\"get\""),
        LoginForm::Missing => "<title>No form here</title>".to_owned(),
        LoginForm::Huge => "a".repeat(50_000_000),
        LoginForm::Own(page) => {
            return page.answer(&[("{return_to}", &back.replace('&', "&amp;"))]);
        }
    };
    Html(page).into_response()
}

/// Decoys before and after, a field that only robots fill in, and entities in the values.
fn modern(action: &str, back: &str) -> String {
    let back = back.replace('&', "&amp;");
    format!(
        r#"<!doctype html><title>Sign in</title>
        <form action="/search"><input name="q"><input type="hidden" name="authenticity_token" value="decoy"></form>
        <form action="{action}" method="post">
          <input type="hidden" value="{TOKEN}" name="authenticity_token">
          <input type="text" name="login" id="login_field" autocomplete="username">
          <input type="text" name="required_field_ab12" hidden>
          <input type="password" name="password">
          <input type="hidden" name="timestamp" value="1700000000000">
          <input type="hidden" name="return_to" value="{back}">
          <input type="checkbox" name="remember" value="1">
          <input type="submit" name="commit" value="Sign in">
          <button type="submit" name="passkey" value="1">Use a passkey</button>
        </form>
        <form action="/join" method="post"><input name="email" type="email"></form>"#
    )
}

fn classic(action: &str) -> String {
    format!(
        r#"<html><title>Sign in</title><body><form method="post" action="{action}">
        <input name="authenticity_token" type="hidden" value="{TOKEN}" />
        <input name="login"><input name="password" type="password" />
        <input name="commit" type="submit" value="Sign in"></form></body></html>"#
    )
}

/// Handles the filled form.
async fn session(
    Shared(state): Shared<Arc<State>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let behaviour = state.behaviour();
    if let Hub::Detours {
        to,
        takes_form: true,
    } = behaviour.hub
        && uri.path() == "/session"
    {
        let location = HeaderValue::from_bytes(to).expect("it is a legal header");
        let location = [(header::LOCATION, location)];
        return (StatusCode::TEMPORARY_REDIRECT, location).into_response();
    }
    let media_type = headers.get(header::CONTENT_TYPE);
    let media_type = media_type
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    lock(&state.forms).push((media_type.to_owned(), body.to_vec()));
    let form = fields(media_type, &body);
    let field = |name: &str| form.get(name).cloned().unwrap_or_default();
    if !is_filled_well(behaviour.form, &form) {
        return (
            StatusCode::UNPROCESSABLE_ENTITY,
            "Your browser did something unexpected.",
        )
            .into_response();
    }
    let right = state.is_right(&field("login"), &field("password"));
    if behaviour.hub == Hub::LosesToken {
        lock(&state.behaviour).hub = Hub::Fine;
        let page = Html("<p>Your browser did something unexpected.");
        return (StatusCode::UNPROCESSABLE_ENTITY, page).into_response();
    }
    if behaviour.hub == Hub::LockedOut {
        return Html("<p>There have been several failed login attempts from this account.")
            .into_response();
    }
    if let (true, Hub::Shows(page)) = (right, &behaviour.hub)
        && page.mentions("{back}")
    {
        // The page leads on to where the person came from.
        let value = random();
        lock(&state.people).insert(value.clone(), field("login"));
        let cookie = format!("user_session={value}; Path=/; HttpOnly");
        let back = cookie_value(&headers, "return_to");
        let mut answer = page.answer(&[("{back}", &back.replace('&', "&amp;"))]);
        add_cookie(answer.headers_mut(), &cookie);
        return answer;
    }
    if let (true, Hub::Shows(page)) = (right, &behaviour.hub)
        && !page.mentions("{callback}")
    {
        return page.answer(&[]);
    }
    if let (false, LoginForm::Own(page)) = (right, behaviour.form) {
        let page = String::from_utf8_lossy(page.body).into_owned();
        return Html(format!("<p>Those do not match.{page}")).into_response();
    }
    if !right {
        let page = modern("/session", "").replace(
            "<form action=\"/search\"",
            "<p>Incorrect username or password.<form",
        );
        return Html(page).into_response();
    }

    let value = random();
    lock(&state.people).insert(value.clone(), field("login"));
    let remembered = cookie(&headers, "return_to").map(|back| decoded(&back));
    let next = match behaviour.hub {
        Hub::TwoFactor => "/sessions/two-factor/app".to_owned(),
        Hub::DeviceVerification => "/sessions/verified-device".to_owned(),
        Hub::ForgetsReturn => "/".to_owned(),
        _ if behaviour.form == LoginForm::Modern => field("return_to"),
        _ => remembered.unwrap_or("/".to_owned()),
    };
    let cookie = format!("user_session={value}; Path=/; HttpOnly; SameSite=Lax");
    let mut answer = ([(header::SET_COOKIE, cookie)], Redirect::to(&next)).into_response();
    if let Hub::Detours { to, .. } = behaviour.hub {
        let location = HeaderValue::from_bytes(to).expect("it is a legal header");
        answer.headers_mut().insert(header::LOCATION, location);
    }
    answer
}

/// Whether a form came as a browser would send it.
fn is_filled_well(kind: LoginForm, form: &Fields) -> bool {
    let has = |name: &str, value: &str| form.get(name).is_some_and(|found| found == value);
    if matches!(kind, LoginForm::Own(_)) {
        return true;
    }
    let common = has("authenticity_token", TOKEN) && has("commit", "Sign in");
    let modern = has("required_field_ab12", "")
        && has("timestamp", "1700000000000")
        && !form.contains_key("remember")
        && !form.contains_key("passkey");
    common && (kind != LoginForm::Modern || modern)
}

/// A value for a query or a cookie.
fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    let encode = |byte: u8| match plain(byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}

fn decoded(text: &str) -> String {
    let form = format!("v={text}");
    let pairs: Query<Fields> =
        Query::try_from_uri(&format!("/?{form}").parse().expect("it is encoded"))
            .expect("it is a query");
    pairs.0["v"].clone()
}

/// The value of a cookie, as it was before it was put there.
fn cookie_value(headers: &HeaderMap, name: &str) -> String {
    cookie(headers, name).map_or_else(String::new, |value| decoded(&value))
}

/// The fields of a form, however it was sent, as far as this provider reads them.
fn fields(media_type: &str, body: &[u8]) -> Fields {
    if let Some((_, boundary)) = media_type.split_once("boundary=") {
        let text = String::from_utf8_lossy(body).into_owned();
        let boundary = format!("--{boundary}\r\n");
        return text
            .split(&boundary)
            .skip(1)
            .filter_map(|part| {
                let (head, rest) = part.split_once("\r\n\r\n")?;
                let (_, name) = head.split_once("name=\"")?;
                let value = rest.split("\r\n").next()?;
                Some((name.split('"').next()?.to_owned(), value.to_owned()))
            })
            .collect();
    }
    let text: String = body.iter().map(|byte| char::from(*byte)).collect();
    let uri = format!("/?{text}").parse();
    let pairs = uri
        .ok()
        .and_then(|uri| Query::<Fields>::try_from_uri(&uri).ok());
    pairs.map_or_else(Fields::new, |pairs| pairs.0)
}

impl OwnPage {
    fn mentions(&self, word: &str) -> bool {
        String::from_utf8_lossy(self.body).contains(word)
    }

    /// The page, with words replaced.
    fn answer(&self, words: &[(&str, &str)]) -> Response {
        let body = match words.iter().any(|(word, _)| self.mentions(word)) {
            false => self.body.to_vec(),
            true => {
                let text = String::from_utf8_lossy(self.body).into_owned();
                let replace = |text: String, (word, with): &(&str, &str)| text.replace(word, with);
                words.iter().fold(text, replace).into_bytes()
            }
        };
        let status = StatusCode::from_u16(self.status).unwrap_or_default();
        let content_type = [(header::CONTENT_TYPE, self.content_type)];
        let mut answer = (status, content_type, body).into_response();
        if !self.coding.is_empty() {
            let coding = HeaderValue::from_static(self.coding);
            answer
                .headers_mut()
                .insert(header::CONTENT_ENCODING, coding);
        }
        answer
    }
}
