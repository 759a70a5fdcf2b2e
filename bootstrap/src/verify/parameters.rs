//! Values for the parameters of an operation, from what its document says of them.

use serde_json::Value;
use url::form_urlencoded::byte_serialize;

/// The path with its parameters filled in, and the query that is required.
pub fn filled(document: &Value, item: &Value, operation: &Value, path: &str) -> String {
    let described = [operation, item];
    let parameters: Vec<_> = described
        .iter()
        .filter_map(|of| of["parameters"].as_array())
        .flatten()
        .map(|parameter| resolved(document, parameter))
        .collect();
    let mut filled = String::new();
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').unwrap_or((after, ""));
        let described = parameters
            .iter()
            .find(|parameter| parameter["name"] == name && parameter["in"] == "path");
        filled.push_str(before);
        filled.push_str(&value(document, described.copied()));
        rest = after;
    }
    filled.push_str(rest);
    let required = parameters
        .iter()
        .filter(|parameter| parameter["in"] == "query" && parameter["required"] == true);
    for (position, parameter) in required.enumerate() {
        let name = encoded(parameter["name"].as_str().unwrap_or_default());
        let separator = if position == 0 { '?' } else { '&' };
        filled.push_str(&format!(
            "{separator}{name}={}",
            value(document, Some(parameter))
        ));
    }
    filled
}

/// What an author gave as an example, or else the simplest value of the type.
fn value(document: &Value, parameter: Option<&Value>) -> String {
    let nothing = Value::Null;
    let parameter = parameter.unwrap_or(&nothing);
    let schema = resolved(document, &parameter["schema"]);
    let given = [
        &parameter["example"],
        &schema["example"],
        &schema["examples"][0],
        &schema["default"],
        &schema["enum"][0],
    ];
    let given = given.into_iter().find_map(|given| match given {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(given.to_string()),
        _ => None,
    });
    let simplest = match schema["type"].as_str() {
        Some("integer" | "number") => "1",
        Some("boolean") => "true",
        _ => "x",
    };
    encoded(&given.unwrap_or_else(|| simplest.to_owned()))
}

/// What a `$ref` within the document points to.
fn resolved<'a>(document: &'a Value, described: &'a Value) -> &'a Value {
    let pointer = described["$ref"]
        .as_str()
        .and_then(|to| to.strip_prefix('#'));
    pointer
        .and_then(|pointer| document.pointer(pointer))
        .unwrap_or(described)
}

fn encoded(value: &str) -> String {
    let encoded: String = byte_serialize(value.as_bytes()).collect();
    encoded.replace('+', "%20")
}

#[cfg(test)]
mod tests {
    use super::filled;
    use serde_json::json;

    #[test]
    fn parameters_come_from_examples_references_and_types() {
        let document = json!({"components": {"parameters": {"job": {
            "name": "job", "in": "path", "schema": {"type": "string", "example": "a /?b"}
        }}}});
        let item = json!({"parameters": [{"$ref": "#/components/parameters/job"}]});
        let operation = json!({"parameters": [
            {"name": "run", "in": "path", "schema": {"type": "integer"}},
            {"name": "since", "in": "query", "required": true, "schema": {"enum": ["now"]}},
            {"name": "limit", "in": "query", "schema": {"type": "integer"}},
        ]});
        let path = filled(&document, &item, &operation, "/{job}/runs/{run}/{other}");
        assert_eq!(path, "/a%20%2F%3Fb/runs/1/x?since=now");
    }
}
