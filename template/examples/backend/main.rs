//! House: runs the example back-end, whose answers are in `api.rs`, on 127.0.0.1:8081.
//!
//! Set `LISTEN` for another address. With `-- --basic` it wants HTTP Basic: any user name, with the
//! password `demo`. With `-- --proxy` it hides behind an OAuth2 proxy, whose provider has its login
//! page on the next port of `localhost`: any user name, with any password that does not begin with
//! `wrong`.

mod api;
#[expect(dead_code, reason = "the tests need more of it than this program")]
mod oauth2;

use std::{net::SocketAddr, process::ExitCode};

use axum::{
    extract::Request,
    http::{HeaderMap, StatusCode, header},
    middleware::{self, Next},
    response::Response,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use oauth2::{Behaviour, Double};
use tokio::net::TcpListener;

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

    let back_end = match flag("--basic") {
        true => api::router().layer(middleware::from_fn(with_password)),
        false => api::router(),
    };
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

/// Lets a request through that has the password.
async fn with_password(request: Request, next: Next) -> Result<Response, StatusCode> {
    match knows_password(request.headers()) {
        true => Ok(next.run(request).await),
        false => Err(StatusCode::UNAUTHORIZED),
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
