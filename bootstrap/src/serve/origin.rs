//! Where a caller reaches this service, as the request says it.

use std::convert::Infallible;

use axum::{
    extract::FromRequestParts,
    http::{header::HOST, request::Parts},
};
use url::Url;

/// The scheme and the host of a request, such as `http://localhost:8080`.
pub struct Origin(pub String);

impl<S: Sync> FromRequestParts<S> for Origin {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let header = |name: &str| parts.headers.get(name)?.to_str().ok();
        let scheme = match header("x-forwarded-proto") {
            Some("https") => "https",
            _ => "http",
        };
        // Written anew by the parser of URLs, so that nothing but a host gets into commands.
        let named = header(HOST.as_str()).and_then(|host| {
            let origin = Url::parse(&format!("{scheme}://{host}")).ok()?.origin();
            origin.is_tuple().then(|| origin.ascii_serialization())
        });
        Ok(Self(
            named.unwrap_or_else(|| format!("{scheme}://localhost")),
        ))
    }
}
