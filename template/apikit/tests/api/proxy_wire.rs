//! What an OAuth2 proxy says on the wire: one table, for the double and for the real oauth2-proxy alike.
//!
//! The real one has the example back-end behind it, an htpasswd file with the user `svc`, and a provider. The test for it
//! is ignored here, and run by the template's own tests, which start it.

use std::{fmt::Write, net::Ipv4Addr};

use apikit::testing::{
    client,
    oauth2::{Behaviour, Double, Flavour},
};
use axum::Router;
use reqwest::{Method, Response, Url, header};
use tokio::net::TcpListener;

/// A request, and the answer to it.
struct Case {
    method: &'static str,
    path: &'static str,
    /// A header that it brings.
    header: (&'static str, &'static str),
    /// The form that it sends.
    form: &'static str,
    /// The status, the type, what of the headers a client looks at, and what is on the page.
    answer: &'static str,
}

const NO_HEADER: (&str, &str) = ("accept", "text/html");

/// A cookie that no proxy has set.
const FOREIGN: (&str, &str) = ("cookie", "_oauth2_proxy=nobody-knows-it");

/// `svc` with the right password, and with a wrong one.
const RIGHT: (&str, &str) = (
    "authorization",
    "Basic c3ZjOmEgd29yZCBvZiB0aGUgc2VydmljZSdz",
);
const WRONG: (&str, &str) = ("authorization", "Basic c3ZjOndyb25n");

/// The session that the form of the proxy gives `svc`.
const SESSION: (&str, &str) = ("cookie", "{session}");

const fn get(
    path: &'static str,
    header: (&'static str, &'static str),
    answer: &'static str,
) -> Case {
    Case {
        method: "GET",
        path,
        header,
        form: "",
        answer,
    }
}

const fn sign_in(form: &'static str, answer: &'static str) -> Case {
    Case {
        method: "POST",
        path: "/oauth2/sign_in",
        header: NO_HEADER,
        form,
        answer,
    }
}

/// The sign-in page, and what every other page of the proxy leads to.
const SIGN_IN: &str =
    "title Sign In\nform GET /oauth2/start rd\nform POST /oauth2/sign_in rd username password\n";
const WAYS_ON: &str = "form GET /\nform GET /oauth2/sign_in rd\n";

/// Whatever its settings are.
const ALWAYS: [Case; 16] = [
    get("/ping", NO_HEADER, "200 text/plain; charset=utf-8\n"),
    get(
        "/oauth2/auth",
        NO_HEADER,
        "401 text/plain; charset=utf-8\ntext Unauthorized\n",
    ),
    get(
        "/oauth2/auth",
        FOREIGN,
        "401 text/plain; charset=utf-8\nset-cookie _oauth2_proxy=; Path=/; Max-Age=0; HttpOnly\ntext Unauthorized\n",
    ),
    get("/oauth2/auth", SESSION, "202 \ngap-auth svc\n"),
    get("/oauth2/auth", RIGHT, "202 \ngap-auth svc\n"),
    get(
        "/oauth2/auth",
        WRONG,
        "401 text/plain; charset=utf-8\ntext Unauthorized\n",
    ),
    get(
        "/api?metric=time&job=build",
        SESSION,
        "200 application/octet-stream\ngap-auth svc\n",
    ),
    get(
        "/api?metric=time&job=build",
        RIGHT,
        "200 application/octet-stream\ngap-auth svc\n",
    ),
    get(
        "/api?metric=time&job=build",
        ("accept", "text/html, application/json"),
        "401 application/json\ntext {}\n",
    ),
    get(
        "/oauth2/start?rd=/x",
        NO_HEADER,
        "302 \nset-cookie _oauth2_proxy_csrf=…; Path=/; Max-Age=900; HttpOnly\n\
         location elsewhere approval_prompt client_id redirect_uri response_type scope state\n",
    ),
    get(
        "/oauth2/sign_out?rd=/x",
        FOREIGN,
        "302 \nset-cookie _oauth2_proxy=; Path=/; Max-Age=0; HttpOnly\n\
         set-cookie _oauth2_proxy=; Path=/; Max-Age=0; HttpOnly\nlocation /x\n",
    ),
    sign_in(
        "username=svc&password=a+word+of+the+service%27s&rd=/x",
        "302 \nset-cookie _oauth2_proxy=…; Path=/; Max-Age=604800; HttpOnly\nlocation /x\n",
    ),
    get(
        "/oauth2/callback?error=access_denied&state=a:/",
        NO_HEADER,
        "403 text/html; charset=utf-8\ntitle 403 Forbidden\nsays access_denied\n{ways on}",
    ),
    get(
        "/oauth2/callback?code=x&state=a:/",
        NO_HEADER,
        "403 text/html; charset=utf-8\ntitle 403 Forbidden\nsays find a valid CSRF token\n{ways on}",
    ),
    get(
        "/oauth2/callback?code=x",
        NO_HEADER,
        "500 text/html; charset=utf-8\ntitle 500 Internal Server Error\n{ways on}",
    ),
    get(
        "/oauth2/callback?code=x&state=a:/",
        ("cookie", "_oauth2_proxy_csrf=nobody-knows-it"),
        "403 text/html; charset=utf-8\ntitle 403 Forbidden\nsays find a valid CSRF token\n{ways on}",
    ),
];

/// With a sign-in page.
const PAGE: [Case; 7] = [
    get("/api", NO_HEADER, "403 text/html; charset=utf-8\n{sign in}"),
    get(
        "/api",
        FOREIGN,
        "403 text/html; charset=utf-8\nset-cookie _oauth2_proxy=; Path=/; Max-Age=0; HttpOnly\n\
             set-cookie _oauth2_proxy=; Path=/; Max-Age=0; HttpOnly\n{sign in}",
    ),
    get("/api", WRONG, "403 text/html; charset=utf-8\n{sign in}"),
    get(
        "/oauth2/sign_in",
        NO_HEADER,
        "200 text/html; charset=utf-8\n{sign in}",
    ),
    get(
        "/oauth2/sign_in",
        SESSION,
        "200 text/html; charset=utf-8\nset-cookie _oauth2_proxy=; Path=/; Max-Age=0; HttpOnly\n{sign in}",
    ),
    sign_in(
        "username=svc&password=wrong&rd=/",
        "401 text/html; charset=utf-8\n{sign in}",
    ),
    sign_in(
        "username=&password=&rd=/",
        "400 text/html; charset=utf-8\n{sign in}",
    ),
];

const TO_THE_PROVIDER: &str = "302 \nset-cookie _oauth2_proxy_csrf=…; Path=/; Max-Age=900; HttpOnly\n\
    location elsewhere approval_prompt client_id redirect_uri response_type scope state\n";

/// With `--skip-provider-button`.
const SKIP: [Case; 4] = [
    get("/api", NO_HEADER, TO_THE_PROVIDER),
    get("/oauth2/sign_in", NO_HEADER, TO_THE_PROVIDER),
    get("/api", WRONG, TO_THE_PROVIDER),
    sign_in("username=svc&password=wrong&rd=/", TO_THE_PROVIDER),
];

/// With `--force-json-errors`.
const JSON: [Case; 3] = [
    get("/api", NO_HEADER, "401 application/json\ntext {}\n"),
    get(
        "/api",
        FOREIGN,
        "401 application/json\nset-cookie _oauth2_proxy=; Path=/; Max-Age=0; HttpOnly\ntext {}\n",
    ),
    get("/api", WRONG, "401 application/json\ntext {}\n"),
];

/// The variable that names the real one, and the word for its settings.
const REAL: &str = "APIKIT_TEST_OAUTH2_PROXY";
const KIND: &str = "APIKIT_TEST_OAUTH2_PROXY_KIND";

#[tokio::test]
async fn the_double_says_what_the_real_proxy_says() {
    for (kind, flavour) in [
        ("page", Flavour::V7),
        ("skip", Flavour::V7Skip),
        ("json", Flavour::V7Json),
    ] {
        let back_end = Router::new().fallback(async || "2m 41s".as_bytes());
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let behaviour = Behaviour {
            flavour,
            htpasswd: true,
            ..Behaviour::default()
        };
        let double = Double::start(listener, back_end, behaviour).await;
        says_what_it_should(&double.url(), kind).await;
    }
}

#[tokio::test]
#[ignore = "needs a running oauth2-proxy, which the template's .ci/cluster starts"]
async fn the_real_proxy_says_it() {
    let url = std::env::var(REAL).expect("it names the proxy");
    let kind = std::env::var(KIND).expect("it says what the proxy is like");
    says_what_it_should(&url, &kind).await;
}

async fn says_what_it_should(base: &str, kind: &str) {
    let own: &[Case] = match kind {
        "page" => &PAGE,
        "skip" => &SKIP,
        "json" => &JSON,
        _ => panic!("there is no {kind}"),
    };
    let client = client();
    let form = "username=svc&password=a+word+of+the+service%27s&rd=/";
    let signed_in = client.post(format!("{base}/oauth2/sign_in"));
    let signed_in = signed_in.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    let signed_in = signed_in.body(form).send().await.unwrap();
    let session = signed_in.headers()[header::SET_COOKIE].to_str().unwrap();
    let session = session.split(';').next().unwrap().to_owned();

    let mut wrong = String::new();
    for case in ALWAYS.iter().chain(own) {
        let method: Method = case.method.parse().unwrap();
        let (name, value) = case.header;
        let mut request = client
            .request(method, format!("{base}{}", case.path))
            .header(name, value.replace("{session}", &session));
        if !case.form.is_empty() {
            request = request
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(case.form);
        }
        let expected = case.answer.replace("{sign in}", SIGN_IN);
        let expected = expected.replace("{ways on}", WAYS_ON);
        let answer = facts(request.send().await.unwrap(), &expected).await;
        if answer != expected {
            let request = format!(
                "{} {} {:?} {}",
                case.method, case.path, case.header, case.form
            );
            write!(
                wrong,
                "{kind}: {request}\n{answer}--- and not\n{}\n",
                expected
            )
            .unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// What a client looks at in an answer, a line each. Of the words that a page should say, those that it says.
async fn facts(answer: Response, expected: &str) -> String {
    let status = answer.status();
    let headers = answer.headers().clone();
    let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap());
    let base = answer.url().clone();
    let body = answer.text().await.unwrap();

    let kind = header("content-type").unwrap_or_default();
    // The pages of redirects are for nobody.
    let kind = if status.is_redirection() { "" } else { kind };
    let mut facts = format!("{} {kind}\n", status.as_u16());
    for cookie in headers.get_all("set-cookie") {
        let cookie = cookie.to_str().unwrap();
        let (name, rest) = cookie.split_once('=').unwrap();
        let (value, attributes) = rest.split_once(';').unwrap();
        let value = if value.is_empty() { "" } else { "…" };
        writeln!(facts, "set-cookie {name}={value};{attributes}").unwrap();
    }
    if let Some(user) = header("gap-auth") {
        writeln!(facts, "gap-auth {user}").unwrap();
    }
    if let Some(location) = header("location") {
        writeln!(facts, "location {}", target(&base, location)).unwrap();
    } else if kind.starts_with("text/html") {
        facts += &on_page(&body, expected);
    } else if !status.is_success() {
        writeln!(facts, "text {}", body.trim()).unwrap();
    }
    facts
}

/// A path on the same origin, or the parameters for elsewhere.
fn target(base: &Url, location: &str) -> String {
    let url = base.join(location).unwrap();
    if url.origin() == base.origin() {
        return location.to_owned();
    }
    let mut names: Vec<_> = url
        .query_pairs()
        .map(|(name, _)| name.into_owned())
        .collect();
    names.sort();
    format!("elsewhere {}", names.join(" "))
}

/// The title of a page, the expected words, and its forms with the names of their fields.
fn on_page(html: &str, expected: &str) -> String {
    let mut facts = String::new();
    let title = html
        .split("<title>")
        .nth(1)
        .and_then(|rest| rest.split("</title>").next());
    writeln!(facts, "title {}", title.unwrap_or_default()).unwrap();
    let words = expected
        .lines()
        .filter_map(|line| line.strip_prefix("says "));
    for words in words.filter(|words| html.contains(words)) {
        writeln!(facts, "says {words}").unwrap();
    }
    for form in html.split("<form").skip(1) {
        let form = form.split("</form>").next().unwrap_or_default();
        let of = |name: &str| attribute(form, name).unwrap_or_default();
        let fields = form.split("<input").skip(1);
        let names: Vec<_> = fields
            .filter_map(|field| attribute(field, "name"))
            .collect();
        let line = format!("form {} {} {}", of("method"), of("action"), names.join(" "));
        writeln!(facts, "{}", line.trim_end()).unwrap();
    }
    facts
}

/// An attribute of the tag that a text begins in.
fn attribute<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let tag = text.split('>').next()?;
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    rest.split('"').next()
}
