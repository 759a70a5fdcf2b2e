//! Every error has one shape, whichever layer it comes from.

use serde_json::Value;
use ureq::http::StatusCode;

use super::{
    client::{Answer, Client, USUAL},
    finding::{Checked, Objection},
    target::Target,
};

/// What the shape is, for whoever has another one.
const SHAPE: &str = r#"application/json {"reason": string, "status_code": the status, "error_content": string or null}"#;

/// So many segments that no route with parameters takes them for its own.
const NOWHERE: &str = "bootstrap-verify/asks/for/nothing/that/is/there";

/// A path that no service has is 404.
pub fn unknown_path(client: &Client, target: &Target, prefix: &str) -> Checked {
    let answer = client.get(target, &format!("{prefix}/{NOWHERE}"))?;
    expect(&answer, StatusCode::NOT_FOUND)?;
    Ok(answer.in_short())
}

/// `POST P/metadata`, without a body, is 405 and names the methods that are allowed.
pub fn wrong_method(client: &Client, target: &Target, prefix: &str) -> Checked {
    let answer = client.ask(target, "POST", &format!("{prefix}/metadata"), USUAL)?;
    expect(&answer, StatusCode::METHOD_NOT_ALLOWED)?;
    let allowed = answer.header("allow").unwrap_or_default();
    let mut methods = allowed.split(',').map(str::trim);
    if methods.any(|method| method == "GET") {
        return Ok(format!("{}, Allow: {allowed}", answer.in_short()));
    }
    Err(Objection::departs(
        format!("{}, Allow: {allowed}", answer.in_short()),
        "an Allow header that names GET",
    ))
}

/// An error of this status, in the shape.
pub fn expect(answer: &Answer, status: StatusCode) -> Result<(), Objection> {
    let short = answer.in_short();
    let number = status.as_u16();
    if answer.status != status {
        return Err(Objection::departs(short, format!("{number} {SHAPE}")));
    }
    let departs = |seen| Err(Objection::departs(format!("{short}{seen}"), SHAPE));
    if answer.media_type() != "application/json" {
        return departs(String::new());
    }
    let body = answer.json()?;
    if !body["reason"].is_string() {
        return departs(format!(", reason is {}", body["reason"]));
    }
    if body["status_code"] != number {
        return departs(format!(", status_code is {}", body["status_code"]));
    }
    let content = body.get("error_content");
    if !matches!(content, Some(Value::String(_) | Value::Null)) {
        let content = content.map_or("missing".to_owned(), Value::to_string);
        return departs(format!(", error_content is {content}"));
    }
    Ok(())
}
