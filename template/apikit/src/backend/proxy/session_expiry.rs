//! Whether an answer means that the session has ended, or is the back-end's own refusal.

use axum::http::{HeaderMap, StatusCode, header::CONTENT_TYPE};
use futures_util::{StreamExt, stream};
use reqwest::{Body, Response, ResponseBuilderExt, Url};

use super::{
    super::{coding, redirect},
    origins::AllowedOrigins,
    page::Page,
};

/// How much of a refusal is looked at. Sign-in pages are a few kilobytes.
const MAX_PAGE: usize = 64 * 1024;

/// What an answer means for the session of its request.
pub(super) enum Verdict {
    /// It is the back-end's own answer; the session is fine.
    Alive(Response),
    /// The session has ended, and the back-end has not seen the request.
    Lost,
    /// It may be either: the proxy must be asked, and the answer is the back-end's unless the proxy denies the session.
    Doubtful(Response),
    /// It looks like the proxy's sign-in page, though with a success, as nginx's `auth_request` may have it. The proxy
    /// must be asked, and the answer is the back-end's only if the proxy knows the session.
    SignInPage(Response),
}

/// Classifies an answer to a request with a session.
pub(super) async fn judge(origins: &AllowedOrigins, response: Response) -> Verdict {
    let headers = response.headers();
    let status = response.status();
    if origins.begins_login(response.url()) {
        // A redirect within the origin led to the start of a login.
        return Verdict::Lost;
    }
    if status.is_redirection() {
        return judge_redirect(origins, response);
    }
    if status.is_success() && has_type(headers, "text/html") && !knows_caller(headers) {
        let (response, page) = peek(origins, response).await;
        return match page {
            Some(page) if origins.is_sign_in(&page) => Verdict::SignInPage(response),
            Some(_) => Verdict::Alive(response),
            // There is no body, as with HEAD.
            None => Verdict::Doubtful(response),
        };
    }
    if status != StatusCode::FORBIDDEN && status != StatusCode::UNAUTHORIZED {
        return Verdict::Alive(response);
    }
    if origins.cookie.is_cleared(headers) {
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
    let (response, page) = peek(origins, response).await;
    match page.is_some_and(|page| origins.is_sign_in(&page)) {
        true => Verdict::Lost,
        false => Verdict::Doubtful(response),
    }
}

/// A redirect to the start of a login is the proxy's; one to another login may be the back-end's.
fn judge_redirect(origins: &AllowedOrigins, response: Response) -> Verdict {
    let target = redirect::location(response.url(), response.headers());
    let begins = |url: &Url| origins.begins_login(url);
    if origins.cookie.begins_login(response.headers()) || target.as_ref().is_some_and(begins) {
        return Verdict::Lost;
    }
    match target.is_some_and(|url| leads_to_login(origins, &url)) {
        true => Verdict::Doubtful(response),
        false => Verdict::Alive(response),
    }
}

/// Whether a URL is on another origin and has the parameters of an OAuth2 authorization request.
fn leads_to_login(origins: &AllowedOrigins, url: &Url) -> bool {
    let mut names = url.query_pairs().map(|(name, _)| name);
    let asks = names.any(|name| name == "client_id" || name == "redirect_uri");
    asks && url.origin() != origins.base.origin()
}

/// Whether the proxy marks the answer as one within a session.
pub(super) fn knows_caller(headers: &HeaderMap) -> bool {
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

/// The page at the beginning of an answer, if it has a body, and the same answer with nothing read of it.
async fn peek(origins: &AllowedOrigins, mut response: Response) -> (Response, Option<Page>) {
    let (status, url) = (response.status(), response.url().clone());
    let headers = response.headers().clone();
    let extensions = response.extensions().clone();
    let mut read = Vec::new();
    let mut body = Vec::new();
    while body.len() < MAX_PAGE {
        match response.chunk().await.transpose() {
            None => break,
            Some(chunk) => {
                body.extend_from_slice(chunk.as_deref().unwrap_or_default());
                let is_broken = chunk.is_err();
                read.push(chunk);
                if is_broken {
                    break;
                }
            }
        }
    }
    let rest = stream::iter(read).chain(response.bytes_stream());
    let again = axum::http::Response::builder()
        .url(url)
        .body(Body::wrap_stream(rest));
    let mut again = again.expect("it has no headers yet");
    *again.status_mut() = status;
    again.extensions_mut().extend(extensions);
    let decoded = match coding::is_coded(&headers) {
        true => coding::decoded(&headers, &body, MAX_PAGE).unwrap_or_default(),
        false => body,
    };
    let page = (!decoded.is_empty()).then(|| Page::read(&decoded, &headers, &origins.base));
    *again.headers_mut() = headers;
    (again.into(), page)
}
