//! Answers `/` with a page where a browser asks, with a text where somebody at a terminal does, and with the health check
//! where anything else does.

use std::convert::Infallible;

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderValue, header},
    routing::{MethodRouter, any_service},
};
use tower::{ServiceExt, service_fn};

use crate::accept::{media_types, varying};

/// The programs that people at a terminal ask with, as their `User-Agent` begins.
const TERMINALS: [&str; 4] = ["curl/", "HTTPie/", "Wget/", "xh/"];

/// What `/` answers to people; without any, it is the health check alone.
pub(super) struct Home<S> {
    /// To requests that name `text/html` before all else, as browsers do when somebody opens an address.
    pub page: Option<fn() -> MethodRouter<S>>,
    /// To requests of programs at a terminal that name no media type.
    pub text: Option<fn() -> MethodRouter<S>>,
}

// Derived, these would ask for a `Clone` state.
impl<S> Clone for Home<S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for Home<S> {}

impl<S: Clone + Send + Sync + 'static> Home<S> {
    /// The routes of `/`: what people get, made by `finished` from what the author gave, and else `check`, for load
    /// balancers name nothing or `*/*`.
    pub fn or<T: Clone + Send + Sync + 'static>(
        self,
        check: MethodRouter,
        finished: impl Fn(MethodRouter<S>) -> MethodRouter,
    ) -> MethodRouter<T> {
        if self.page.is_none() && self.text.is_none() {
            return check.with_state(());
        }
        let page = self.page.map(|page| finished(page()));
        let text = self.text.map(|text| finished(text()));
        any_service(service_fn(move |request: Request| {
            let headers = request.headers();
            let asked = match (&page, &text) {
                (Some(page), _) if asks_for_html(headers) => page.clone(),
                (_, Some(text)) if is_terminal(headers) => text.clone(),
                _ => check.clone(),
            };
            let by_program = text.is_some();
            async move {
                let mut answer = varying(asked.oneshot(request).await?);
                if by_program {
                    let program = HeaderValue::from_static("user-agent");
                    answer.headers_mut().append(header::VARY, program);
                }
                Ok::<_, Infallible>(answer)
            }
        }))
    }
}

/// Whether a program of a person at a terminal asks, which takes whatever there is.
fn is_terminal(request: &HeaderMap) -> bool {
    let program = request.get(header::USER_AGENT);
    let program = program.and_then(|program| program.to_str().ok());
    program.is_some_and(|program| TERMINALS.iter().any(|known| program.starts_with(known)))
        && media_types(request).all(|(media_type, _)| media_type == "*/*")
}

/// Whether the first of the media types with the highest weight is `text/html`.
fn asks_for_html(request: &HeaderMap) -> bool {
    let mut first = ("", 0);
    for (media_type, weight) in media_types(request) {
        if weight > first.1 {
            first = (media_type, weight);
        }
    }
    first.0.eq_ignore_ascii_case("text/html")
}

#[cfg(test)]
mod tests {
    use axum::http::header;

    use super::*;

    #[test]
    fn only_who_names_html_first_gets_the_page() {
        for (accept, page) in [
            ("text/html", true),
            (
                "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
                true,
            ),
            ("application/json;q=0.9, TEXT/HTML", true),
            ("text/html;level=1;q=0.5, */*;q=0.1", true),
            ("", false),
            ("*/*", false),
            ("text/*", false),
            ("application/json, text/html", false),
            ("text/html;q=0.9, text/plain", false),
            ("text/html;q=0", false),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT, accept.parse().unwrap())]);
            assert_eq!(asks_for_html(&headers), page, "{accept:?}");
        }
        assert!(!asks_for_html(&HeaderMap::new()));
    }
}
