//! Metrics and traces of one call to the back-end, its retries included.

use std::error::Error;

use axum::http::StatusCode;
use reqwest::Response;

use super::{
    Backend, BackendError, Caller, Result,
    attempt::Attempt,
    call_error::CallError,
    request::{Ready, Who},
};
use crate::{
    metrics::calls::Outcome,
    request_context::RequestContext,
    traces::{self, Within},
};

/// Sends a request with the credentials of `who` and the caller's request id and trace context, and records its
/// outcome. A call that is not made since credentials are missing is not counted.
pub(super) async fn send(
    backend: &Backend,
    ready: Ready,
    who: Who,
    caller: &Caller,
) -> Result<Response> {
    let proof = match who {
        Who::Caller => backend.proof(caller)?,
        Who::Service => backend.own_proof()?,
    };
    let (name, context) = (backend.inner.name, caller.context());
    let (method, url) = (ready.request.method(), ready.request.url());
    let span = traces::of_call(context, method, url, name.given());
    let attempt = Attempt::new(ready, name, context, &span);

    let call = backend.inner.calls.begin();
    let exchange = backend.exchange(&attempt, proof);
    // Its log lines belong to the request, even where another task makes the call.
    let around = context
        .filter(|_| span.is_disabled())
        .map(RequestContext::span);
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
        _ if cause.is_some_and(CallError::is_connect) => Outcome::Unreachable,
        StatusCode::GATEWAY_TIMEOUT => Outcome::Timeout,
        status if status.is_client_error() => Outcome::Refused,
        _ => Outcome::Failed,
    }
}
