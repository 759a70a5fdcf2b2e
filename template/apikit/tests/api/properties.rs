//! What parses the words of strangers keeps its word for any of them.
//!
//! Each property is tried with 256 cases by chance; PROPTEST_CASES says how many otherwise. What parses the pages and
//! cookies of a login has its own beside it.

use crate::probe::NAME;
use apikit::{
    Auth, Backend, BackendError, Caller, backend::Credentials, below,
    request_context::RequestContext,
};
use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderValue, Response, Uri},
    response::IntoResponse,
    routing::get,
};
use proptest::prelude::*;
use secrecy::ExposeSecret;
use tokio::runtime::{self, Runtime};
use tower::ServiceExt;

use crate::{cleaning::cleaning, test_app::settings};

/// Any value that a header can have at all.
fn header() -> impl Strategy<Value = HeaderValue> {
    let byte = prop_oneof![Just(b'\t'), b' '..=b'~', 0x80..=0xffu8];
    prop::collection::vec(byte, 0..200).prop_map(|bytes| value(&bytes))
}

/// A value that is right, or has one character that is another or too many.
fn nearly(right: &'static str) -> impl Strategy<Value = HeaderValue> {
    let broken = (right, any::<prop::sample::Index>(), "[ -~]", 0..=1usize);
    let broken = broken.prop_map(|(mut text, place, other, replaced)| {
        let place = place.index(text.len());
        text.replace_range(place..place + replaced, &other);
        text
    });
    prop_oneof![right, broken].prop_map(|text| value(text.as_bytes()))
}

fn value(bytes: &[u8]) -> HeaderValue {
    HeaderValue::from_bytes(bytes).expect("it has no control characters")
}

fn headers(name: &'static str, value: HeaderValue) -> HeaderMap {
    HeaderMap::from_iter([(name.parse().expect("it is a name"), value)])
}

/// A runtime without threads, which is made in no time.
fn runtime() -> Runtime {
    let mut builder = runtime::Builder::new_current_thread();
    builder.enable_all().build().expect("there is a runtime")
}

/// Failures are told and not kept in a file: what is wrong gets a test of its own.
fn unkept() -> ProptestConfig {
    ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(unkept())]

    #[test]
    fn credentials_come_back_as_they_were_sent(username in "[^:]*", password in any::<String>()) {
        let sent = Credentials { username, password: password.into() };
        let caller = Caller::from_headers(&headers("authorization", sent.to_header()));
        let read = caller.credentials().unwrap().unwrap();
        prop_assert_eq!(read.username, sent.username);
        prop_assert_eq!(read.password.expose_secret(), sent.password.expose_secret());
    }

    #[test]
    fn an_authorization_is_credentials_or_refused(
        value in prop_oneof![header(), nearly("[Bb]asic [A-Za-z0-9+/]{0,40}={0,3}")],
    ) {
        match Caller::from_headers(&headers("authorization", value)).credentials() {
            Ok(read) => prop_assert!(!read.unwrap().username.contains(':')),
            Err(refused) => prop_assert_eq!(refused.status(), 401),
        }
    }

    #[test]
    fn a_request_id_is_taken_if_it_is_sane_and_made_if_not(
        value in prop_oneof![header(), nearly("[A-Za-z0-9._-]{1,130}")],
    ) {
        let context = RequestContext::of(&headers("x-request-id", value.clone()));
        let id = context.id().as_str();
        prop_assert!((1..=128).contains(&id.len()));
        prop_assert!(id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)));
        prop_assert!(id == value || (id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit())));
    }

    #[test]
    fn a_trace_is_followed_only_if_it_is_one(
        value in prop_oneof![
            header(),
            nearly("[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-0[01]"),
            nearly("(00|ff)-(0{32}|[0-9a-f]{32})-(0{16}|[0-9a-f]{16})-0[01]-?"),
        ],
    ) {
        let context = RequestContext::of(&headers("traceparent", value.clone()));
        if let Some(id) = context.trace_id() {
            prop_assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()));
            prop_assert_ne!(id, "0".repeat(32));
            prop_assert_eq!(&value.to_str().unwrap()[3..35], id);
        }
    }

    #[test]
    fn a_retry_after_is_passed_on_if_it_is_one(
        value in prop_oneof![header(), nearly("[0-9]{1,22}"), nearly("Wed, 21 Oct [0-9]{4} 07:28:00 GMT")],
    ) {
        let mut answer = axum::http::Response::new("");
        *answer.status_mut() = axum::http::StatusCode::SERVICE_UNAVAILABLE;
        answer.headers_mut().insert("retry-after", value.clone());
        let passed_on = runtime().block_on(BackendError::from_response(answer.into())).into_response();
        let number = |value: &HeaderValue| value.to_str().ok()?.trim().parse::<u64>().ok();
        let passed_on = passed_on.headers().get("retry-after");
        match number(&value) {
            Some(seconds) => prop_assert_eq!(passed_on.and_then(number), Some(seconds)),
            None => prop_assert!(passed_on.is_none_or(|wait| number(wait).is_some())),
        }
    }

    #[test]
    fn a_path_below_the_route_is_the_path_without_it(path in "/|(/[A-Za-z0-9%._~!:@-]{1,8}){1,4}/?") {
        let echo = Router::new()
            .route("/", get(async |uri: Uri| uri.to_string()))
            .route("/{*path}", get(async |uri: Uri| uri.to_string()));
        let app = below("/some/route", echo.clone());
        let (directly, status) = (ask(&echo, &path), ask(&app, &path).0);
        prop_assert_eq!(ask(&app, &format!("/some/route{path}")), directly);
        prop_assert_eq!(status, 404, "{} is not below the route", path);
    }
}

fn ask(app: &Router, path: &str) -> (u16, axum::body::Bytes) {
    let request = Request::get(path)
        .body(Body::empty())
        .expect("it is a path");
    runtime().block_on(async {
        let answer: Response<Body> = app.clone().oneshot(request).await.unwrap();
        let status = answer.status().as_u16();
        (
            status,
            axum::body::to_bytes(answer.into_body(), 10_000)
                .await
                .unwrap(),
        )
    })
}

#[test]
fn whatever_callers_choose_the_backend_is_asked_below_its_base() {
    let runtime = runtime();
    let backend = runtime.block_on(cleaned());
    let segments = prop_oneof![any::<String>(), "(\\.|%2[eE]|/|%2[fF]|a){0,5}"];
    let paths = prop_oneof![
        any::<String>(),
        "/?((\\.|%2[eE]){1,2}(/|\\\\|%2[fF]|%5[cC])|a/){0,3}\t?"
    ];
    proptest!(unkept(), |(segment in segments, path in paths)| {
        let asked = |request: apikit::backend::BackendRequest| runtime.block_on(async {
            request.send_as(&Caller::anonymous()).await?.text().await
        });
        match asked(backend.get("/jobs").segment(&segment)) {
            Ok(seen) => prop_assert_eq!(seen, format!("/base/jobs/{segment}")),
            Err(refused) => prop_assert_eq!(refused.status(), 400),
        }
        match asked(backend.get(&path)) {
            Ok(seen) => prop_assert!(seen == "/base" || seen.starts_with("/base/"), "{}", seen),
            Err(refused) => prop_assert_eq!(refused.status(), 400),
        }
    });
}

/// A back-end below `/base` that says what it was asked, behind a proxy that cleans paths.
async fn cleaned() -> Backend {
    let url = format!("--backend-url={}/base", cleaning().await);
    let settings = settings(&[&url]);
    Backend::new(
        &settings.backend,
        Auth::None,
        NAME,
        settings.request_timeout,
    )
    .unwrap()
}
