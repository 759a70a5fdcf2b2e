//! Whether an answer means that the session has ended, or is the back-end's own refusal.

use std::time::Duration;

use axum::http::{HeaderMap, StatusCode, header::CONTENT_TYPE};
use futures_util::{StreamExt, stream};
use reqwest::{Body, Response, ResponseBuilderExt, Url};
use tokio::time::{Instant, timeout_at};

use super::{
    super::{coding, redirect},
    origins::AllowedOrigins,
    page::Page,
};

/// How much of a page is looked at. Sign-in pages are a few kilobytes.
const MAX_PAGE: usize = 64 * 1024;

/// How long a page is waited for. Sign-in pages come at once; a page that goes on for longer is the back-end's, or the
/// proxy is asked.
const MAX_WAIT: Duration = Duration::from_secs(1);

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

/// What the beginning of a page tells.
enum Look {
    /// It has a form of the proxy's own.
    SignIn,
    Other,
    /// There is no body, as with HEAD, or it had not all come in time.
    Unknown,
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
    if status.is_success() && is_page(headers) && !knows_caller(headers) {
        return match peek(origins, response).await {
            (response, Look::SignIn) => Verdict::SignInPage(response),
            (response, Look::Other) => Verdict::Alive(response),
            (response, Look::Unknown) => Verdict::Doubtful(response),
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
    if !is_page(headers) {
        return Verdict::Alive(response);
    }
    match peek(origins, response).await {
        (_, Look::SignIn) => Verdict::Lost,
        (response, _) => Verdict::Doubtful(response),
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

/// Whether an answer is a page of HTML.
fn is_page(headers: &HeaderMap) -> bool {
    let found = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let found = found.and_then(|found| found.split(';').next());
    let pages = ["text/html", "application/xhtml+xml"];
    found.is_some_and(|found| {
        let found = found.trim();
        pages.iter().any(|page| found.eq_ignore_ascii_case(page))
    })
}

/// What the beginning of a page tells, and the same answer with nothing read of it.
///
/// It ends with the page, after so many bytes, or after so long: a page that goes on and on, such as a log that somebody
/// watches, is held up for that long once, and no piece of it is lost.
async fn peek(origins: &AllowedOrigins, mut response: Response) -> (Response, Look) {
    let (status, url) = (response.status(), response.url().clone());
    let headers = response.headers().clone();
    let extensions = response.extensions().clone();
    let mut read = Vec::new();
    let mut body = Vec::new();
    let mut is_late = false;
    let end = Instant::now() + MAX_WAIT;
    while body.len() < MAX_PAGE {
        let Ok(chunk) = timeout_at(end, response.chunk()).await else {
            is_late = true;
            break;
        };
        let Some(chunk) = chunk.transpose() else {
            break;
        };
        body.extend_from_slice(chunk.as_deref().unwrap_or_default());
        let is_broken = chunk.is_err();
        read.push(chunk);
        if is_broken {
            break;
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
    let is_sign_in = || origins.is_sign_in(&Page::read(&decoded, &headers, &origins.base));
    let look = match decoded.is_empty() {
        false if is_sign_in() => Look::SignIn,
        false if !is_late => Look::Other,
        _ => Look::Unknown,
    };
    *again.headers_mut() = headers;
    (again.into(), look)
}

#[cfg(test)]
mod tests {
    use axum::http::Response as Answer;
    use bytes::Bytes;
    use tokio::time::sleep;

    use super::{
        super::{CookieName, settings::LoginBy},
        *,
    };

    const SIGN_IN: &str = "<form action=/oauth2/start><button>Log in</button></form>";

    fn origins() -> AllowedOrigins {
        let base: Url = "http://proxy.example/".parse().expect("it is a URL");
        AllowedOrigins {
            start: base.join("oauth2/start").expect("it is a path"),
            base,
            hosts: vec![],
            by: LoginBy::Provider,
            cookie: CookieName("_oauth2_proxy".to_owned()),
        }
    }

    fn answer(status: u16, content_type: &str, body: impl Into<Body>) -> Response {
        let answer = Answer::builder().status(status);
        let answer = answer.header(CONTENT_TYPE, content_type);
        answer
            .url(origins().base.join("data").expect("it is a path"))
            .body(body.into())
            .expect("it is an answer")
            .into()
    }

    fn word(verdict: &Verdict) -> &'static str {
        match verdict {
            Verdict::Alive(_) => "alive",
            Verdict::Lost => "lost",
            Verdict::Doubtful(_) => "doubtful",
            Verdict::SignInPage(_) => "sign-in page",
        }
    }

    #[tokio::test]
    async fn a_page_is_known_by_its_media_type_however_that_is_written() {
        for (content_type, is_page) in [
            ("text/html", true),
            ("Text/HTML", true),
            ("TEXT/HTML;charset=UTF-8", true),
            ("text/html ; charset=utf-8", true),
            ("application/xhtml+xml; charset=utf-8", true),
            ("application/XHTML+xml", true),
            ("text/plain", false),
            ("text/htmlx", false),
            ("application/json", false),
        ] {
            for (status, expected) in [(200, "sign-in page"), (403, "lost")] {
                let verdict = judge(&origins(), answer(status, content_type, SIGN_IN)).await;
                let expected = if is_page { expected } else { "alive" };
                assert_eq!(word(&verdict), expected, "{status} {content_type}");
            }
        }
    }

    /// Pages that come piece by piece, one each `pause`, and what they are taken for after a while.
    #[tokio::test(start_paused = true)]
    async fn a_page_that_goes_on_and_on_is_waited_for_a_moment() {
        let pause = Duration::from_millis(300);
        for (status, first, last, expected) in [
            (200, "<title>Log</title>", 0, "alive"),
            (200, "<title>Log</title>", 2, "alive"),
            (200, "<title>Log</title>", 90, "doubtful"),
            (200, SIGN_IN, 90, "sign-in page"),
            (403, "<title>No</title>", 90, "doubtful"),
            (403, SIGN_IN, 90, "lost"),
        ] {
            let pieces = stream::iter(0..=last).then(move |number| async move {
                match number {
                    0 => Ok::<_, std::io::Error>(Bytes::from(first)),
                    _ => {
                        sleep(pause).await;
                        Ok(Bytes::from_static(b"<p>a line"))
                    }
                }
            });
            let start = Instant::now();
            let page = answer(status, "text/html", Body::wrap_stream(pieces));
            let verdict = judge(&origins(), page).await;
            let shown = format!("{status} {first} {last}");
            assert_eq!(word(&verdict), expected, "{shown}");
            assert!(start.elapsed() < Duration::from_secs(2), "{shown}");
            // Nothing of it is lost.
            if let Verdict::Alive(page) | Verdict::Doubtful(page) = verdict {
                let text = page.text().await.expect("it is whole");
                assert_eq!(
                    text,
                    format!("{first}{}", "<p>a line".repeat(last)),
                    "{shown}"
                );
            }
        }
    }
}
