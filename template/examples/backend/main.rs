//! Yours: the ill-behaved back-end that the sample in `src/service.rs` wraps, on 127.0.0.1:8081.
//!
//! It wants its arguments in the query and answers plain text, which is not always UTF-8:
//!
//! ```text
//! $ curl 'http://127.0.0.1:8081/api?metric=time&job=build'
//! 2m 41s
//! ```
//!
//! Set `LISTEN` for another address. With `-- --basic` it wants HTTP Basic: any user name, with the
//! password `demo`. With `-- --proxy` it hides behind an OAuth2 proxy, whose provider has its login
//! page on the next port of `localhost`: any user name, with any password that does not begin with
//! `wrong`.

#[expect(dead_code, reason = "the tests need more of it than this program")]
mod oauth2;

use std::{net::SocketAddr, process::ExitCode};

use axum::{
    Router,
    extract::Query,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use oauth2::{Behaviour, Double};
use serde::Deserialize;
use tokio::net::TcpListener;

#[derive(Deserialize)]
struct Wanted {
    job: String,
    metric: String,
}

#[tokio::main]
async fn main() -> ExitCode {
    let flag = |wanted: &str| std::env::args().any(|argument| argument == wanted);
    let listen = std::env::var("LISTEN").unwrap_or("127.0.0.1:8081".to_owned());
    let Ok(address) = listen.parse::<SocketAddr>() else {
        eprintln!("LISTEN={listen} must be ADDRESS:PORT, such as 127.0.0.1:8081.");
        return ExitCode::from(2);
    };
    let listener = match TcpListener::bind(address).await {
        Ok(listener) => listener,
        Err(error) => {
            eprintln!("The example back-end cannot listen on {address}: {error}.");
            return ExitCode::FAILURE;
        }
    };

    let back_end = back_end(flag("--basic"));
    if flag("--proxy") {
        let double = Double::start(listener, back_end, Behaviour::default()).await;
        println!(
            "The example back-end is listening on {}, behind an OAuth2 proxy: start the service with AUTH_LOGIN_HOSTS={}",
            double.url(),
            double.login_host(),
        );
        return std::future::pending().await;
    }
    let address = listener.local_addr().unwrap_or(address);
    println!("The example back-end is listening on http://{address}");
    match axum::serve(listener, back_end).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("The example back-end has stopped: {error}.");
            ExitCode::FAILURE
        }
    }
}

fn back_end(wants_password: bool) -> Router {
    let api = move |headers: HeaderMap, wanted: Query<Wanted>| async move {
        match wants_password && !knows_password(&headers) {
            true => StatusCode::UNAUTHORIZED.into_response(),
            false => answer(&wanted),
        }
    };
    Router::new().route("/api", get(api))
}

/// The value as the back-end knows it, without a word on its type or encoding.
fn answer(wanted: &Wanted) -> Response {
    match (wanted.job.as_str(), wanted.metric.as_str()) {
        ("build", "time") => b"2m 41s".into_response(),
        ("build", "size") => b"17.4 MB".into_response(),
        ("build", "author") => b"Ren\xe9e".into_response(), // Latin-1, and not said to be
        (job, metric) => (StatusCode::NOT_FOUND, format!("no {metric} of {job}")).into_response(),
    }
}

fn knows_password(headers: &HeaderMap) -> bool {
    let password = || {
        let header = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        let pair = BASE64_STANDARD
            .decode(header.strip_prefix("Basic ")?)
            .ok()?;
        let pair = String::from_utf8(pair).ok()?;
        Some(pair.split_once(':')?.1.to_owned())
    };
    password().is_some_and(|password| password == "demo")
}
