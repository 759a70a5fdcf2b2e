//! Who sends no credentials where they are needed is told so, in HTTP Basic's words.
//!
//! Which path needs them, the OpenAPI document says. Only `GET` is tried, as it changes nothing.

use serde_json::Value;
use ureq::http::StatusCode;

use super::{
    client::{Answer, Client},
    error_shape,
    finding::{Checked, Objection},
    openapi, parameters,
    target::Target,
};

/// Paths that are tried, until one answers 401.
const MOST: usize = 5;

/// Without credentials, a path that needs them is 401 in the shape of errors, with a challenge.
pub fn are_asked_for(
    client: &Client,
    target: &Target,
    identity: &Result<Value, Objection>,
    document: &Result<Value, Objection>,
) -> Checked {
    let skipped = |why: &str| Err(Objection::NotApplicable(why.to_owned()));
    let (Ok(identity), Ok(document)) = (identity, document) else {
        return skipped("metadata or openapi.json is not there to say what needs credentials");
    };
    if identity["auth"] == "none" {
        return skipped("the metadata says auth none");
    }
    let mut last = None;
    for path in secured(document, target).take(MOST) {
        let answer = client.get(target, &path)?;
        if answer.status == StatusCode::UNAUTHORIZED {
            return challenged(&answer);
        }
        if answer.status.is_success() {
            let expected = "401, as the document says that it needs credentials";
            return Err(Objection::departs(answer.in_short(), expected));
        }
        last = Some(answer.in_short());
    }
    match last {
        None => skipped("the document has no GET operation that needs credentials"),
        Some(seen) => skipped(&format!("{seen}, to values that the document suggests")),
    }
}

fn challenged(answer: &Answer) -> Checked {
    error_shape::expect(answer, StatusCode::UNAUTHORIZED)?;
    let challenges = answer.all("www-authenticate");
    let seen = format!("{}, WWW-Authenticate: {challenges}", answer.in_short());
    if seen.to_ascii_lowercase().contains("basic realm=") {
        return Ok(seen);
    }
    Err(Objection::departs(
        seen,
        "WWW-Authenticate: Basic realm=\"…\"",
    ))
}

/// The paths below the route whose `GET` needs credentials, with values for their parameters.
fn secured(document: &Value, target: &Target) -> impl Iterator<Item = String> {
    openapi::paths(document).filter_map(|(path, item)| {
        let operation = item.get("get")?;
        let requirements = operation.get("security").or(document.get("security"))?;
        let requirements = requirements.as_array()?;
        // An empty requirement among them means that none will do as well.
        let any = requirements
            .iter()
            .all(|one| one.as_object().is_some_and(|one| !one.is_empty()));
        if requirements.is_empty() || !any {
            return None;
        }
        let full = openapi::full_path(document, item, path, target)?;
        let full = openapi::is_below(&full, &target.route).then_some(full)?;
        Some(parameters::filled(document, item, operation, &full))
    })
}
