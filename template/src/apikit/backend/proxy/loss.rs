//! House: tells an answer of a proxy that knows the caller no more from the back-end's own refusal.

use axum::http::{
    HeaderMap, StatusCode,
    header::{CONTENT_TYPE, LOCATION},
};
use reqwest::{Response, Url};

use super::{page::Page, way::Way};

/// How much of a refusal is looked at. Sign-in pages are a few kilobytes.
const MAX_PAGE: usize = 64 * 1024;

/// What an answer says of the session it was asked with.
pub(super) enum Verdict {
    /// It is the back-end's own answer, whatever it is.
    Alive(Response),
    /// The proxy does not know the session any more, and the back-end has not seen the request.
    Lost,
    /// It may be either: the proxy must be asked.
    Doubtful(Response),
}

/// Looks at an answer to a request with a session.
pub(super) async fn judge(way: &Way, response: Response) -> Verdict {
    let headers = response.headers();
    let status = response.status();
    if status.is_redirection() {
        return judge_redirect(way, response);
    }
    if status != StatusCode::FORBIDDEN && status != StatusCode::UNAUTHORIZED {
        return Verdict::Alive(response);
    }
    if way.cookie.is_cleared(headers) {
        return Verdict::Lost;
    }
    if knows_caller(headers) {
        return Verdict::Alive(response);
    }
    if status == StatusCode::UNAUTHORIZED {
        // The proxy's for programs, which is `{}` or, to a HEAD, nothing; or the back-end's.
        return Verdict::Doubtful(response);
    }
    if !has_type(headers, "text/html") {
        return Verdict::Alive(response);
    }
    let (response, body) = peek(response).await;
    let page = Page::parse(&String::from_utf8_lossy(&body), &way.base);
    match way.is_sign_in(&page) {
        true => Verdict::Lost,
        false => Verdict::Doubtful(response),
    }
}

/// A redirect to the beginning of a login is the proxy's; one to somebody else's login may be the
/// back-end's.
fn judge_redirect(way: &Way, response: Response) -> Verdict {
    let target = response
        .headers()
        .get(LOCATION)
        .and_then(|location| response.url().join(location.to_str().ok()?).ok());
    let begins = |url: &Url| {
        let own = ["start", "sign_in"].map(|name| way.beside_start(name));
        own.iter()
            .any(|own| own.origin() == url.origin() && own.path() == url.path())
    };
    if way.cookie.begins_login(response.headers()) || target.as_ref().is_some_and(begins) {
        return Verdict::Lost;
    }
    match target.is_some_and(|url| leads_to_login(way, &url)) {
        true => Verdict::Doubtful(response),
        false => Verdict::Alive(response),
    }
}

/// Whether a URL leads away from the back-end with what an OAuth2 provider is asked for.
fn leads_to_login(way: &Way, url: &Url) -> bool {
    let mut names = url.query_pairs().map(|(name, _)| name);
    let asks = names.any(|name| name == "client_id" || name == "redirect_uri");
    asks && url.origin() != way.base.origin()
}

/// Whether the proxy marks the answer as one to somebody it knows.
fn knows_caller(headers: &HeaderMap) -> bool {
    ["x-auth-request-user", "x-auth-request-email", "gap-auth"]
        .into_iter()
        .any(|name| headers.contains_key(name))
}

fn has_type(headers: &HeaderMap, wanted: &str) -> bool {
    let found = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    found.is_some_and(|found| found.starts_with(wanted))
}

/// The beginning of a body, and the same answer with all of what was read of it.
async fn peek(mut response: Response) -> (Response, Vec<u8>) {
    let mut body = Vec::new();
    while body.len() < MAX_PAGE
        && let Ok(Some(chunk)) = response.chunk().await
    {
        body.extend_from_slice(&chunk);
    }
    let mut again = axum::http::Response::new(body.clone());
    *again.status_mut() = response.status();
    *again.headers_mut() = response.headers().clone();
    *again.extensions_mut() = response.extensions().clone();
    (again.into(), body)
}
