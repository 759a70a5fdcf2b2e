//! A slash at the end of a path changes nothing, unless there is a route with it.

use axum::{Router, extract::Request, http::Uri};
use tower::{ServiceExt, service_fn};

use crate::requested_uri::{RequestedUri, requested};

/// Serves `app`, and `/path/` as `/path` where it has no route for it.
///
/// It is a fallback, so that a request whose route is found costs nothing more.
pub(crate) fn optional(app: Router) -> Router {
    let without = app.clone();
    app.fallback_service(service_fn(move |mut request: Request| {
        if let Some(uri) = without_slash(request.uri()) {
            let whole = RequestedUri(requested(&request).clone());
            request.extensions_mut().insert(whole);
            *request.uri_mut() = uri;
        }
        without.clone().oneshot(request)
    }))
}

/// `uri` without the slash at the end of its path. None where there is none, and where an empty segment or nothing
/// would be left.
fn without_slash(uri: &Uri) -> Option<Uri> {
    let path = uri.path().strip_suffix('/')?;
    if path.is_empty() || path.ends_with('/') {
        return None;
    }
    let path_and_query = match uri.query() {
        None => path.parse(),
        Some(query) => format!("{path}?{query}").parse(),
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(path_and_query.ok()?);
    Uri::from_parts(parts).ok()
}
