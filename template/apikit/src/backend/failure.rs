//! What a caller is told of a call that has failed.

use std::time::Duration;

use axum::http::{StatusCode, header};
use encoding_rs::UTF_8;
use tokio::time::timeout;

use super::{
    BackendError,
    call_error::CallError,
    client::MAX_HEADERS,
    coding,
    name::Name,
    redirect::{NotFollowed, is_redirect},
    response::charset,
    retry::retry_after,
};

/// How much of an error's body is passed on to the caller.
const MAX_REFUSAL: usize = 64 * 1024;

impl BackendError {
    /// The back-end's error, passed on: its status, its reason and up to 64 KiB of its body. One of 500 and above without
    /// a body says whose it is.
    ///
    /// An answer below 400 is no error: it becomes a 502.
    pub async fn from_response(response: reqwest::Response) -> Self {
        refusal(response, Name::DEFAULT, Duration::MAX).await
    }
}

/// See [`BackendError::from_response`]; the body may take as long as `limit`.
pub(super) async fn refusal(
    mut response: reqwest::Response,
    name: Name,
    limit: Duration,
) -> BackendError {
    let status = response.status();
    if status.as_u16() < 400 {
        let what = match is_redirect(status) {
            true => "redirects elsewhere",
            false => "answers neither success nor error",
        };
        let error = BackendError::bad_gateway(format!("The {name} {what} ({status})."));
        return error.with_answered(status);
    }

    let mut body = Vec::new();
    let reading = async {
        while body.len() < MAX_REFUSAL
            && let Ok(Some(chunk)) = response.chunk().await
        {
            body.extend_from_slice(&chunk);
        }
    };
    // The part that has come by then is used.
    let _ = timeout(limit, reading).await;
    body.truncate(MAX_REFUSAL);
    if coding::is_coded(response.headers()) {
        body = coding::beginning(response.headers(), body, MAX_REFUSAL);
    }
    let encoding = charset(response.headers()).unwrap_or(UTF_8);
    let text = encoding.decode(&body).0;

    let mut error = BackendError::new(status).with_answered(status);
    if !text.trim().is_empty() {
        error = error.with_content(text);
    } else if status.as_u16() >= 500 {
        // Or the caller would take it for an error of the service's own.
        let status = status.as_u16();
        error = error.with_content(format!("The {name} answers {status} and says no more."));
    }
    let reason = response.extensions().get::<hyper::ext::ReasonPhrase>();
    if let Some(reason) = reason.filter(|reason| !reason.as_bytes().is_empty()) {
        error = error.with_reason(String::from_utf8_lossy(reason.as_bytes()).into_owned());
    }
    for challenge in response.headers().get_all(header::WWW_AUTHENTICATE) {
        error = error.with_challenge(challenge.clone());
    }
    if let Some(wait) = retry_after(response.headers()) {
        error = error.with_retry_after(wait);
    }
    error
}

/// A redirect that was not followed.
pub(super) fn redirected(status: StatusCode, why: &NotFollowed, name: Name) -> BackendError {
    let error = BackendError::bad_gateway(format!("The {name} redirects {why} ({status})."));
    error.with_answered(status)
}

/// A call that got no answer, or only part of one. URLs stay out of it: they hold what callers sent.
pub(super) fn failure(error: impl Into<CallError>, name: Name) -> BackendError {
    let error = error.into();
    let hyper = error.hyper();
    let answer = if error.is_connect() {
        BackendError::bad_gateway(format!("The {name} cannot be reached."))
    } else if error.is_timeout() {
        too_late(name)
    } else if error.is_closed() {
        BackendError::bad_gateway(format!(
            "The {name} closed the connection before its answer was complete."
        ))
    } else if hyper.is_some_and(hyper::Error::is_parse_too_large) {
        BackendError::bad_gateway(format!(
            "The {name}'s answer has more than {MAX_HEADERS} headers, or too long ones."
        ))
    } else if let Some(fault) = hyper.filter(|error| error.is_parse()) {
        BackendError::bad_gateway(format!("The {name}'s answer is not valid HTTP: {fault}."))
    } else {
        BackendError::bad_gateway(format!("The {name}'s answer broke off."))
    };
    answer.with_source(error.without_url())
}

/// A call that was not answered in time.
pub(super) fn too_late(name: Name) -> BackendError {
    BackendError::gateway_timeout(format!("The {name} took too long."))
}
