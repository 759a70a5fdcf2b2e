//! The program of an example back-end, whose answers its author gives.

use std::{net::SocketAddr, process::ExitCode};

use axum::{
    Router,
    extract::Request,
    http::StatusCode,
    middleware::{self, Next},
    response::Response,
};
use secrecy::ExposeSecret;
use tokio::net::TcpListener;

use crate::backend::Caller;

/// The address without `LISTEN`: the default of `--backend-url`.
const LISTEN: &str = "127.0.0.1:8081";

/// Serves `answers` as a back-end to try a service with, on 127.0.0.1:8081 or where the variable `LISTEN` says.
///
/// With the flag `--basic` it requires HTTP Basic: any user name, with the password `demo`. With `--proxy` it is
/// behind an OAuth2 proxy, whose provider has its login page on the next port of `localhost`: any user name, with
/// any password that does not begin with `wrong`.
#[tokio::main]
pub async fn example_backend(answers: Router) -> ExitCode {
    let listen = std::env::var("LISTEN").unwrap_or(LISTEN.to_owned());
    let Ok(address) = listen.parse::<SocketAddr>() else {
        eprintln!("LISTEN={listen} must be ADDRESS:PORT, such as {LISTEN}.");
        return ExitCode::from(2);
    };
    let listener = match TcpListener::bind(address).await {
        Ok(listener) => listener,
        Err(error) => {
            eprintln!("The example back-end cannot listen on {address}: {error}.");
            return ExitCode::FAILURE;
        }
    };
    let flag = |wanted: &str| std::env::args().any(|argument| argument == wanted);
    let answers = match flag("--basic") {
        true => answers.layer(middleware::from_fn(with_password)),
        false => answers,
    };
    if flag("--proxy") {
        return behind_a_proxy(listener, answers).await;
    }
    let address = listener.local_addr().unwrap_or(address);
    println!("The example back-end is listening on http://{address}");
    match axum::serve(listener, answers).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("The example back-end has stopped: {error}.");
            ExitCode::FAILURE
        }
    }
}

#[cfg(feature = "bitly-proxy")]
async fn behind_a_proxy(listener: TcpListener, answers: Router) -> ExitCode {
    use super::oauth2::{Behaviour, Double};
    let double = Double::start(listener, answers, Behaviour::default()).await;
    println!(
        "The example back-end is listening on {}, behind an OAuth2 proxy: start the service with AUTH_LOGIN_HOSTS={}",
        double.url(),
        double.login_host(),
    );
    std::future::pending().await
}

#[cfg(not(feature = "bitly-proxy"))]
async fn behind_a_proxy(_: TcpListener, _: Router) -> ExitCode {
    eprintln!("--proxy needs the cargo feature bitly-proxy.");
    ExitCode::from(2)
}

/// Lets a request through that has the password.
async fn with_password(request: Request, next: Next) -> Result<Response, StatusCode> {
    let credentials = Caller::from_headers(request.headers()).credentials();
    match credentials {
        Ok(Some(credentials)) if credentials.password.expose_secret() == "demo" => {
            Ok(next.run(request).await)
        }
        _ => Err(StatusCode::UNAUTHORIZED),
    }
}
