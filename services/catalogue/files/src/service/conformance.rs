//! Whether a service keeps the contract of all services: those rules of `bootstrap verify`, by their names, that three
//! requests tell.

use std::time::Duration;

use serde_json::Value;
use tokio::{time::Instant, try_join};

use super::{
    document::MAX_DOCUMENT,
    entry::Entry,
    fetch::{Answer, FetchError, Fetcher, REQUEST_ID},
    metadata::{self, MAX_METADATA},
};

/// A path that no service has.
const NOWHERE: &str = "catalogue/asks/for/what/nobody/has";

/// The members of metadata, each a string.
const MEMBERS: [&str; 6] = [
    "name",
    "description",
    "repository",
    "version",
    "api_version",
    "auth",
];

/// A rule that a service departs from, and what was seen, as a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Departure {
    pub rule: &'static str,
    pub seen: String,
}

/// Asks a service, for `time` at most, for what callers of all services rely on. Empty where it keeps all of it.
///
/// # Errors
/// When a request has no answer, which says nothing of the contract.
pub async fn departures(
    fetcher: &Fetcher,
    entry: &Entry,
    time: Duration,
) -> Result<Vec<Departure>, FetchError> {
    let deadline = Instant::now() + time;
    let ask = |path, limit| fetcher.ask(entry.below(path), limit, deadline);
    let (metadata, document, nothing) = try_join!(
        ask("metadata", MAX_METADATA),
        ask("openapi.json", MAX_DOCUMENT),
        ask(NOWHERE, MAX_METADATA),
    )?;
    let rules = [
        ("metadata", is_metadata(&metadata)),
        ("openapi", is_document(&document)),
        ("unknown-path", is_error(&nothing)),
        ("request-id", has_request_id(&nothing)),
    ];
    let broken = rules.into_iter().filter_map(|(rule, kept)| {
        let seen = kept.err()?;
        Some(Departure { rule, seen })
    });
    Ok(broken.collect())
}

fn is_metadata(answer: &Answer) -> Result<(), String> {
    let value = json(answer, 200)?;
    let said = value.as_object().ok_or("It is no object.")?;
    for name in MEMBERS {
        match said.get(name) {
            None => return Err(format!("`{name}` is missing.")),
            Some(member) if !member.is_string() => return Err(format!("`{name}` is no string.")),
            Some(_) => {}
        }
    }
    match said.keys().find(|name| !MEMBERS.contains(&name.as_str())) {
        Some(name) => {
            let name = metadata::text(name.clone()).unwrap_or_default();
            Err(format!("`{name}` is no member of metadata."))
        }
        None => Ok(()),
    }
}

fn is_document(answer: &Answer) -> Result<(), String> {
    let document = json(answer, 200)?;
    let is_of_its_version = document["openapi"]
        .as_str()
        .is_some_and(|version| version.starts_with("3.1."));
    if !is_of_its_version {
        return Err("It is not OpenAPI 3.1.".to_owned());
    }
    let info = &document["info"];
    let is_whole = info["title"].is_string() && info["version"].is_string();
    match is_whole && document["paths"].is_object() {
        true => Ok(()),
        false => Err("It lacks a title, a version or paths.".to_owned()),
    }
}

fn is_error(answer: &Answer) -> Result<(), String> {
    let error = json(answer, 404)?;
    let content = error.get("error_content");
    let is_in_shape = error["reason"].is_string()
        && error["status_code"] == 404
        && content.is_some_and(|content| content.is_string() || content.is_null());
    match is_in_shape {
        true => Ok(()),
        false => {
            Err("The error is not `reason`, `status_code` of 404 and `error_content`.".to_owned())
        }
    }
}

fn has_request_id(answer: &Answer) -> Result<(), String> {
    match answer.header("x-request-id") {
        Some(REQUEST_ID) => Ok(()),
        Some(_) => Err("It comes back as another one.".to_owned()),
        None => Err("It does not come back.".to_owned()),
    }
}

/// The JSON of an answer that must have this status.
fn json(answer: &Answer, status: u16) -> Result<Value, String> {
    let seen = answer.status.as_u16();
    if seen != status {
        return Err(format!("It answers {seen} where {status} is due."));
    }
    let media_type = answer.header("content-type").unwrap_or_default();
    let media_type = media_type.split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case("application/json") {
        let shown = metadata::text(media_type.to_owned()).unwrap_or_default();
        return Err(format!("It is {shown:?} where application/json is due."));
    }
    serde_json::from_slice(&answer.body).map_err(|_| "It is no JSON.".to_owned())
}

#[cfg(test)]
mod tests {
    use apikit::reqwest::{StatusCode, header::HeaderMap};
    use serde_json::json;

    use super::*;

    fn answer(status: u16, media_type: &str, body: &Value) -> Answer {
        let headers = [("content-type", media_type), ("x-request-id", REQUEST_ID)];
        let headers = headers.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::from_iter(headers),
            body: body.to_string().into_bytes(),
        }
    }

    fn metadata() -> Value {
        json!({
            "name": "a", "description": "b", "repository": "https://example.org/a", "version": "1.0.0",
            "api_version": "1.0", "auth": "none",
        })
    }

    fn without(mut value: Value, member: &str) -> Value {
        value.as_object_mut().unwrap().remove(member);
        value
    }

    fn with(mut value: Value, member: &str, other: Value) -> Value {
        value[member] = other;
        value
    }

    #[test]
    fn metadata_is_six_strings() {
        let good = metadata();
        let is_kept = |status, media_type, body| is_metadata(&answer(status, media_type, &body));
        for media_type in ["application/json", "Application/JSON ; charset=utf-8"] {
            assert_eq!(is_kept(200, media_type, good.clone()), Ok(()));
        }
        assert!(is_kept(404, "application/json", good.clone()).is_err());
        assert!(is_kept(200, "text/html", good.clone()).is_err());
        for (bad, seen) in [
            (json!([]), "It is no object."),
            (without(good.clone(), "auth"), "`auth` is missing."),
            (
                with(good.clone(), "version", json!(1)),
                "`version` is no string.",
            ),
            (
                with(good, "more", json!("")),
                "`more` is no member of metadata.",
            ),
        ] {
            let departure = is_kept(200, "application/json", bad).unwrap_err();
            assert_eq!(departure, seen);
        }
    }

    #[test]
    fn a_document_is_of_openapi_3_1() {
        let good = json!({"openapi": "3.1.0", "info": {"title": "a", "version": "1"}, "paths": {}});
        let is_kept = |body| is_document(&answer(200, "application/json", &body));
        assert_eq!(is_kept(good.clone()), Ok(()));
        for bad in [
            json!("3.1.0"),
            with(good.clone(), "openapi", json!("3.0.3")),
            with(good.clone(), "info", json!({"title": "a"})),
            without(good, "paths"),
        ] {
            assert!(is_kept(bad.clone()).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_error_has_three_members_and_the_number_of_its_status() {
        let good = json!({"reason": "Not Found", "status_code": 404, "error_content": null});
        let is_kept = |status, body| is_error(&answer(status, "application/json", &body));
        assert_eq!(is_kept(404, good.clone()), Ok(()));
        assert_eq!(is_kept(404, with(good.clone(), "more", json!(1))), Ok(()));
        for (status, bad) in [
            (200, good.clone()),
            (404, with(good.clone(), "status_code", json!("404"))),
            (404, without(good, "error_content")),
            (404, json!({"detail": "Not Found"})),
        ] {
            assert!(is_kept(status, bad.clone()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_request_id_comes_back_as_it_was_sent() {
        let mut answer = answer(404, "application/json", &json!({}));
        assert_eq!(has_request_id(&answer), Ok(()));
        answer
            .headers
            .insert("x-request-id", "other".parse().unwrap());
        assert!(has_request_id(&answer).is_err());
        answer.headers.clear();
        assert!(has_request_id(&answer).is_err());
    }
}
