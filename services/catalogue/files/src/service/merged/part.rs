//! What one service contributes to the document of all: its paths, as the front end has them, and what they refer to.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::references::References;
use crate::service::document::{Document, Server, server_path};

/// The kinds of components of OpenAPI 3.1.
pub const KINDS: [&str; 10] = [
    "schemas",
    "responses",
    "parameters",
    "examples",
    "requestBodies",
    "headers",
    "securitySchemes",
    "links",
    "callbacks",
    "pathItems",
];

const METHODS: [&str; 8] = [
    "get", "put", "post", "delete", "options", "head", "patch", "trace",
];

/// What one service contributes.
#[derive(Debug)]
pub struct Part {
    pub paths: BTreeMap<String, Value>,
    pub components: BTreeMap<&'static str, Map<String, Value>>,
    pub tags: Vec<Value>,
}

impl Part {
    /// The part of the service of that name, which the front end has below `route`. Whatever it names has the service's
    /// name before it, which has no `_`, so that no two services meet.
    ///
    /// # Errors
    /// A sentence, when the document cannot be merged.
    pub fn of(name: &str, route: &str, document: &Document) -> Result<Self, String> {
        let whole: Value = serde_json::from_slice(&document.text)
            .map_err(|error| format!("Its OpenAPI document is no JSON: {error}."))?;
        let version = whole["openapi"].as_str().unwrap_or_default();
        if !version.starts_with("3.1.") {
            return Err(format!(
                "Its OpenAPI document is of version {version:?}, and only 3.1 can be merged."
            ));
        }
        let kept = kept(&whole, route, &document.server)?;
        let references = References::new(name, &whole, &kept)?;
        let mut paths = BTreeMap::new();
        let (mut used, mut ids) = (BTreeSet::new(), BTreeSet::new());
        for (path, place) in &kept {
            let mut item = whole["paths"][path].clone();
            for operation in operations(&mut item, place, path)? {
                let operation = operation.as_object_mut();
                let operation =
                    operation.ok_or_else(|| format!("An operation of {path:?} is none."))?;
                complete(operation, &whole["security"]);
                is_shaped(operation, path)?;
                let tags = operation.get("tags").and_then(Value::as_array);
                let tags = tags.into_iter().flatten().filter_map(Value::as_str);
                used.extend(tags.map(str::to_owned));
                if let Some(id) = operation.get("operationId").and_then(Value::as_str)
                    && !ids.insert(id.to_owned())
                {
                    return Err(format!("Two of its operations have the id {id:?}."));
                }
                if !operation.contains_key("tags") {
                    operation.insert("tags".to_owned(), json!([name]));
                }
            }
            references.rename(&mut item)?;
            paths.insert(place.clone(), item);
        }
        Ok(Self {
            paths,
            components: references.components()?,
            tags: tags(&whole, &used, &references)?,
        })
    }
}

/// The paths below `route`, each with its place at the front end.
fn kept(whole: &Value, route: &str, server: &str) -> Result<BTreeMap<String, String>, String> {
    let Some(paths) = whole["paths"].as_object() else {
        return Ok(BTreeMap::new());
    };
    let mut kept = BTreeMap::new();
    for (path, item) in paths.iter().filter(|(path, _)| !path.starts_with("x-")) {
        if !path.starts_with('/') || !item.is_object() {
            return Err(format!("Its path {path:?} is none."));
        }
        let own = server_of(item);
        let place = format!("{}{path}", own.as_deref().unwrap_or(server));
        let rest = place.strip_prefix(route);
        if rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) {
            kept.insert(path.clone(), place);
        }
    }
    Ok(kept)
}

/// The path of the server that a path or an operation has of its own.
fn server_of(item: &Value) -> Option<String> {
    let servers: Vec<Server> = Vec::deserialize(item.get("servers")?).ok()?;
    server_path(&servers)
}

/// The operations of a path, without those that are at a place of their own.
fn operations<'a>(
    item: &'a mut Value,
    place: &str,
    path: &str,
) -> Result<impl Iterator<Item = &'a mut Value>, String> {
    let item = item.as_object_mut();
    let item = item.ok_or_else(|| format!("Its path {path:?} is none."))?;
    item.remove("servers");
    item.retain(|method, operation| {
        let elsewhere = server_of(operation).is_some_and(|own| format!("{own}{path}") != place);
        !METHODS.contains(&method.as_str()) || !elsewhere
    });
    let members = item.iter_mut();
    Ok(members
        .filter(|(method, _)| METHODS.contains(&method.as_str()))
        .map(|(_, operation)| operation))
}

/// Says in an operation what the document says for all.
fn complete(operation: &mut Map<String, Value>, security: &Value) {
    operation.remove("servers");
    if !security.is_null() && !operation.contains_key("security") {
        operation.insert("security".to_owned(), security.clone());
    }
}

/// Readers of the merged document fail over what is no list or no object, wherever it came from.
fn is_shaped(operation: &Map<String, Value>, path: &str) -> Result<(), String> {
    type Rule = (&'static str, fn(&Value) -> bool);
    let rules: [Rule; 6] = [
        ("responses", Value::is_object),
        ("parameters", Value::is_array),
        ("requestBody", Value::is_object),
        ("security", Value::is_array),
        ("tags", Value::is_array),
        ("operationId", Value::is_string),
    ];
    for (member, is_right) in rules {
        if operation.get(member).is_some_and(|value| !is_right(value)) {
            return Err(format!(
                "An operation of {path:?} has {member} that are none."
            ));
        }
    }
    Ok(())
}

/// The headings that are used, each once.
fn tags(
    whole: &Value,
    used: &BTreeSet<String>,
    references: &References,
) -> Result<Vec<Value>, String> {
    let mut left = used.clone();
    let mut tags = Vec::new();
    for tag in whole["tags"].as_array().into_iter().flatten() {
        let name = tag["name"].as_str().unwrap_or_default();
        if left.remove(name) {
            let mut tag = tag.clone();
            tag["name"] = references.tag(name).into();
            tags.push(tag);
        }
    }
    Ok(tags)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever reads it by recursion would run out of stack.
    #[test]
    fn a_document_that_is_nested_without_end_is_refused() {
        let nested = format!(
            "{{\"openapi\":\"3.1.0\",\"x\":{}1{}}}",
            "[".repeat(10_000),
            "]".repeat(10_000)
        );
        let document = Document::read(nested.into_bytes()).unwrap();
        let refused = Part::of("a", "/a", &document).unwrap_err();
        assert!(refused.contains("recursion limit"), "{refused}");
    }
}
