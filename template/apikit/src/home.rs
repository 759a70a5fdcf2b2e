//! Answers `/` with a page where a browser asks, and with the health check where anything else does.

use std::convert::Infallible;

use axum::{
    extract::Request,
    http::HeaderMap,
    routing::{MethodRouter, any_service},
};
use tower::{ServiceExt, service_fn};

use crate::accept::{media_types, varying};

/// `page` for requests that name `text/html` before all else, as browsers do when somebody opens an address; `check` for
/// all others: load balancers name nothing or `*/*`, and so does curl.
pub(super) fn page_or<S: Clone + Send + Sync + 'static>(
    page: MethodRouter,
    check: MethodRouter,
) -> MethodRouter<S> {
    any_service(service_fn(move |request: Request| {
        let asked = match asks_for_html(request.headers()) {
            true => page.clone(),
            false => check.clone(),
        };
        async move {
            let answer = asked.oneshot(request).await?;
            Ok::<_, Infallible>(varying(answer))
        }
    }))
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
