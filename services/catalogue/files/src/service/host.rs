//! The host that a request names, which the catalogue's links begin with.

use std::convert::Infallible;

use apikit::reqwest::Url;
use axum::{
    extract::FromRequestParts,
    http::{header::HOST, request::Parts},
};

/// Where callers reach the front end, where the operator has said so.
#[derive(Clone)]
pub struct PublicUrl(pub Option<String>);

/// The host that a request names, such as `api.lsst.codes` or `localhost:8080`.
pub struct Host(pub String, Scheme);

#[derive(Clone, Copy)]
enum Scheme {
    Http,
    Https,
}

impl Host {
    /// The host with its scheme, as far as the front end says by `X-Forwarded-Proto` which one callers use.
    pub fn origin(&self) -> String {
        match self.1 {
            Scheme::Http => format!("http://{}", self.0),
            Scheme::Https => format!("https://{}", self.0),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Host {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let header = |name: &str| {
            let value = parts.headers.get(name)?;
            value.to_str().ok()
        };
        let scheme = match header("x-forwarded-proto") {
            Some("https") => Scheme::Https,
            _ => Scheme::Http,
        };
        // Written anew by the parser of URLs, so that nothing but a host gets into links.
        let named = header(HOST.as_str()).and_then(|host| {
            let url = Url::parse(&format!("http://{host}")).ok()?;
            let name = url.host_str()?;
            Some(match url.port() {
                Some(port) => format!("{name}:{port}"),
                None => name.to_owned(),
            })
        });
        Ok(Self(
            named.unwrap_or_else(|| "localhost".to_owned()),
            scheme,
        ))
    }
}
