//! The id that a caller gives a request comes back with the answer, so that both find it in their logs.

use super::{
    client::Client,
    finding::{Checked, Objection},
    target::Target,
};

/// `X-Request-Id` of the request is that of the answer.
pub fn check(client: &Client, target: &Target, prefix: &str) -> Checked {
    let answer = client.get(target, &format!("{prefix}/metadata"))?;
    let seen = match answer.header("x-request-id") {
        Some(id) if id == client.request_id => {
            return Ok(format!("{}, X-Request-Id: {id}", answer.asked));
        }
        Some(id) => format!("{}, X-Request-Id: {id}", answer.asked),
        None => format!("{}, no X-Request-Id", answer.asked),
    };
    Err(Objection::departs(
        seen,
        format!("X-Request-Id: {}, as it was sent", client.request_id),
    ))
}
