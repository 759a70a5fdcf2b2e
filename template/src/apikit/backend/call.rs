//! House: one call to the back-end, with its retries, as figures and traces see it.

use std::error::Error;

use axum::http::StatusCode;
use reqwest::{Request, Response};

use super::{
    super::{
        metrics::calls::Outcome,
        traces::{self, Within},
        trail::Trail,
    },
    Backend, BackendError, Caller, Result,
    sending::Sending,
};

/// Sends a request as the service's auth type has it, with the caller's request id and place in a
/// trace, and notes what comes of it. A call that is not made for want of credentials is none.
pub(super) async fn watched(
    backend: &Backend,
    request: Request,
    caller: &Caller,
) -> Result<Response> {
    let proof = backend.proof(caller)?;
    let (url, trail) = (request.url(), caller.trail());
    let host = url.host_str().unwrap_or_default();
    let span = traces::of_call(trail, request.method(), host, url.path());
    let sending = Sending::new(request, trail, &span);

    let call = backend.metrics().calls().begin();
    let exchange = backend.exchange(&sending, proof);
    // Its log lines belong to the request, also where it is made from a task of its own.
    let around = trail.filter(|_| span.is_disabled()).map(Trail::span);
    let answer = Within::new(around.unwrap_or(&span), exchange).await;
    let (outcome, status) = match &answer {
        Ok(response) => (Outcome::Success, Some(response.status())),
        Err(error) => (outcome(error), error.answered()),
    };
    call.end(outcome);
    traces::called(&span, status, outcome);
    answer
}

fn outcome(error: &BackendError) -> Outcome {
    let cause = error.source().and_then(|source| source.downcast_ref());
    match error.status() {
        _ if cause.is_some_and(reqwest::Error::is_connect) => Outcome::Unreachable,
        StatusCode::GATEWAY_TIMEOUT => Outcome::Timeout,
        status if status.is_client_error() => Outcome::Refused,
        _ => Outcome::Failed,
    }
}
