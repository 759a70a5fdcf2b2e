//! The questions as a JSON Schema, of the draft 2020-12.

use std::hash::{DefaultHasher, Hash, Hasher};

use anyhow::{Context, Result};
use axum::{
    body::Bytes,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use headers::{ETag, HeaderMapExt, IfNoneMatch};
use serde_json::{Map, Value, json};

use super::{
    questions::{NAME, QUESTIONS},
    rules::Rules,
};
use crate::answers::Answers;

/// The media type of the schema.
pub const MEDIA_TYPE: &str = "application/schema+json";

/// The schema as it is answered. Clones share it.
#[derive(Clone)]
pub struct Schema {
    text: Bytes,
    tag: ETag,
}

impl Schema {
    /// The schema of these rules.
    ///
    /// # Errors
    /// When a hook fails.
    pub fn of(rules: &Rules) -> Result<Self> {
        let text = format!("{:#}\n", schema(rules)?);
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        let tag = format!("\"{:016x}\"", hasher.finish());
        Ok(Self {
            text: text.into(),
            tag: tag.parse().ok().context("it is no tag")?,
        })
    }

    /// The answer to a request with these headers: the schema, or 304 where the caller has it.
    pub fn answer(&self, request: &HeaderMap) -> Response {
        let known = request.typed_get::<IfNoneMatch>();
        let mut answer = match known.is_none_or(|known| known.precondition_passes(&self.tag)) {
            true => ([(header::CONTENT_TYPE, MEDIA_TYPE)], self.text.clone()).into_response(),
            false => StatusCode::NOT_MODIFIED.into_response(),
        };
        answer.headers_mut().typed_insert(self.tag.clone());
        answer
    }
}

/// The name in examples of what follows from the name.
const EXAMPLE: &str = "build-times";

/// What the answers of a service are. What an answer must be is for the hooks to say, so most have no pattern here.
///
/// # Errors
/// When a hook fails.
fn schema(rules: &Rules) -> Result<Value> {
    let example = rules.defaults(&Answers::named(EXAMPLE))?;
    let other = rules.defaults(&Answers::named("other").with("owner", "other"))?;
    let choices = rules.choices()?;
    let mut properties = Map::new();
    for question in &QUESTIONS {
        let name = question.name;
        let mut property = json!({
            "type": "string",
            "title": question.title,
            "description": question.help,
        });
        match (example.get(name), other.get(name)) {
            (Some(default), Some(other)) if default == other => {
                property["default"] = json!(default)
            }
            // It follows from the other answers.
            (Some(default), _) => property["examples"] = json!([default]),
            (None, _) if name == NAME => property["examples"] = json!([EXAMPLE]),
            (None, _) => {}
        }
        if let Some(choices) = choices.get(name) {
            property["enum"] = json!(choices);
        }
        properties.insert(name.to_owned(), property);
    }
    Ok(json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Answers of a service",
        "description": "What a service of this template is rendered from. An answer that is not given, or empty, has its default.",
        "type": "object",
        "properties": properties,
        "required": [NAME],
        "additionalProperties": false,
    }))
}
