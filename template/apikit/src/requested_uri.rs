//! The URI that a client has asked for.

use std::convert::Infallible;

use axum::{
    extract::{FromRequestParts, Request},
    http::{Uri, request::Parts},
};

/// The URI of a request as its client sent it: with the service's route, where the request came by the front end.
/// Handlers see the rest of it as their `Uri`, and as axum's `OriginalUri`.
///
/// ```
/// use apikit::RequestedUri;
/// use axum::http::Uri;
///
/// async fn seen(RequestedUri(whole): RequestedUri, uri: Uri) -> String {
///     format!("{uri} of {whole}") // `/jobs of /my-service/jobs`
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestedUri(pub Uri);

impl<S: Sync> FromRequestParts<S> for RequestedUri {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let known = parts.extensions.get::<Self>().cloned();
        Ok(known.unwrap_or_else(|| Self(parts.uri.clone())))
    }
}

/// The URI that a client has asked for.
pub(crate) fn requested(request: &Request<impl Sized>) -> &Uri {
    let known = request.extensions().get();
    known.map_or(request.uri(), |RequestedUri(uri)| uri)
}
