//! What load balancers and Kubernetes ask, at the root of the service's own address.

use ureq::http::StatusCode;

use super::{
    client::{Answer, Client},
    finding::{Checked, Objection},
    target::Target,
};

/// `GET /` is what load balancers ask: 200, plain text, `OK`.
pub fn check(client: &Client, target: &Target) -> Checked {
    let answer = client.get(target, "/")?.ok("text/plain")?;
    if answer.text().trim_end() == "OK" {
        return Ok(answer.in_short());
    }
    Err(Objection::departs(
        format!("{}, {:?}", answer.in_short(), answer.text()),
        "the text OK",
    ))
}

/// `GET /healthz`: 200 while the process lives.
pub fn liveness(client: &Client, target: &Target) -> Checked {
    let answer = client.get(target, "/healthz")?;
    if answer.status == StatusCode::OK {
        return Ok(answer.in_short());
    }
    Err(Objection::departs(answer.in_short(), "200"))
}

/// `GET /readyz`: 200, or 503 while the service wants no requests.
pub fn readiness(client: &Client, target: &Target) -> Checked {
    let answer: Answer = client.get(target, "/readyz")?;
    match answer.status {
        StatusCode::OK => Ok(answer.in_short()),
        StatusCode::SERVICE_UNAVAILABLE => {
            Ok(format!("{}: it wants no requests now", answer.in_short()))
        }
        _ => Err(Objection::departs(answer.in_short(), "200 or 503")),
    }
}
