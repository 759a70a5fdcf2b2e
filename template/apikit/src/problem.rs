//! Errors as problem details (RFC 9457), for clients that ask for `application/problem+json`.

use axum::{
    body::to_bytes,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::accept::media_types;

/// The media type of problem details.
pub(super) const MEDIA_TYPE: &str = "application/problem+json";

const JSON: &str = "application/json";

/// The problem that has no more to say than its status.
const ABOUT_BLANK: &str = "about:blank";

/// An error as RFC 9457 has it, with the members of the one shape as extensions.
#[derive(Serialize, ToSchema)]
pub(super) struct Problem<'a> {
    /// The kind of problem: none beyond the status.
    #[serde(rename = "type")]
    #[schema(example = "about:blank")]
    kind: &'a str,
    /// The meaning of the status, in a few words.
    #[schema(example = "Not Found")]
    title: &'a str,
    /// The status of the answer.
    #[schema(example = 404, minimum = 400, maximum = 999)]
    status: u16,
    /// What happened, in words for the caller.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Nothing is served at /nowhere.")]
    detail: Option<&'a str>,
    /// The same as `title`, or the back-end's own words.
    reason: &'a str,
    /// The same as `status`.
    status_code: u16,
    /// The same as `detail`.
    #[schema(required)]
    error_content: Option<&'a str>,
}

/// The members of the one shape.
#[derive(Deserialize)]
struct Shape {
    reason: String,
    status_code: u16,
    error_content: Option<String>,
}

/// Whether a request names problem details in `Accept`, and prefers nothing else that errors may be in. A wildcard asks for
/// the one shape.
pub(super) fn is_asked_for(request: &HeaderMap) -> bool {
    let (mut problem, mut json) = (0, 0);
    for (name, weight) in media_types(request) {
        if name.eq_ignore_ascii_case(MEDIA_TYPE) {
            problem = weight.max(problem);
        } else if name.eq_ignore_ascii_case(JSON) {
            json = weight.max(json);
        }
    }
    problem > 0 && problem >= json
}

/// An error in the one shape as problem details.
pub(super) async fn of_error(error: Response) -> Response {
    let (mut head, body) = error.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap_or_default();
    head.headers.remove(header::CONTENT_LENGTH);
    let problem = HeaderValue::from_static(MEDIA_TYPE);
    head.headers.insert(header::CONTENT_TYPE, problem);
    // The answer to `HEAD` has lost its body already.
    let body = serde_json::from_slice(&bytes).map(|shape| written(&shape));
    Response::from_parts(head, body.unwrap_or_default().into())
}

fn written(shape: &Shape) -> Vec<u8> {
    let status = StatusCode::from_u16(shape.status_code).ok();
    let phrase = status.and_then(|status| status.canonical_reason());
    let problem = Problem {
        kind: ABOUT_BLANK,
        title: phrase.unwrap_or(&shape.reason),
        status: shape.status_code,
        detail: shape.error_content.as_deref(),
        reason: &shape.reason,
        status_code: shape.status_code,
        error_content: shape.error_content.as_deref(),
    };
    serde_json::to_vec(&problem).expect("strings and numbers are always JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_names_problem_details_gets_them() {
        for (accept, expected) in [
            ("application/problem+json", true),
            ("Application/Problem+JSON; charset=utf-8", true),
            ("application/json, application/problem+json", true),
            ("text/html, application/problem+json;q=0.2", true),
            (
                "application/json;q=0.5, application/problem+json;q=0.4",
                false,
            ),
            ("application/problem+json;q=0", false),
            ("application/problem+xml", false),
            ("application/*", false),
            ("*/*", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT, accept.parse().unwrap())]);
            assert_eq!(is_asked_for(&headers), expected, "{accept:?}");
        }
    }
}
