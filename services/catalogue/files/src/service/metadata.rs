//! What a service says of itself: in this template's form, or in Safir's.

use apikit::reqwest::Url;
use serde::Deserialize;

/// The most bytes of an answer with metadata.
pub const MAX_METADATA: usize = 64 * 1024;

/// The most characters of one text.
const MAX_TEXT: usize = 500;

/// The most bytes of a link.
const MAX_LINK: usize = 2_000;

/// What a service says of itself. All of it is as its author has it, so it may be anything: texts are in one line, and
/// links lead to http or https.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    pub name: String,
    pub description: Option<String>,
    pub version: Option<String>,
    pub api_version: Option<String>,
    pub auth: Option<String>,
    /// Where its source is.
    pub repository: Option<Url>,
    /// Where its documentation is.
    pub documentation: Option<Url>,
}

/// Safir puts metadata into an object of its own at the index of an API, and answers it bare at the root of the service.
#[derive(Deserialize)]
#[serde(untagged)]
enum Answered {
    Index { metadata: Fields },
    Bare(Fields),
}

#[derive(Deserialize)]
struct Fields {
    name: String,
    description: Option<String>,
    version: Option<String>,
    api_version: Option<String>,
    auth: Option<String>,
    repository: Option<String>,
    repository_url: Option<String>,
    documentation_url: Option<String>,
}

impl Metadata {
    /// Reads an answer. `None` of one that is no metadata.
    pub fn read(answer: &[u8]) -> Option<Self> {
        let fields = match serde_json::from_slice(answer).ok()? {
            Answered::Index { metadata } | Answered::Bare(metadata) => metadata,
        };
        Some(Self {
            name: text(fields.name)?,
            description: fields.description.and_then(text),
            version: fields.version.and_then(text),
            api_version: fields.api_version.and_then(text),
            auth: fields.auth.and_then(text),
            repository: fields.repository.or(fields.repository_url).and_then(link),
            documentation: fields.documentation_url.and_then(link),
        })
    }
}

/// The beginning of a text, in one line. `None` where nothing is to be seen of it.
pub fn text(text: String) -> Option<String> {
    let words = text.split(|letter: char| letter.is_whitespace() || letter.is_control());
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    let line = words.join(" ");
    match line.char_indices().nth(MAX_TEXT) {
        _ if line.is_empty() => None,
        Some((end, _)) => Some(format!("{}…", &line[..end])),
        None => Some(line),
    }
}

/// A link that a page may show: `javascript:` and its like run scripts, and names before `@` pass for hosts.
fn link(text: String) -> Option<Url> {
    let url: Url = text.parse().ok()?;
    let is_web = ["http", "https"].contains(&url.scheme());
    let is_plain = url.username().is_empty() && url.password().is_none();
    (is_web && is_plain && url.as_str().len() <= MAX_LINK).then_some(url)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(answer: Value) -> Option<Metadata> {
        Metadata::read(answer.to_string().as_bytes())
    }

    #[test]
    fn metadata_of_the_template_and_of_safir_is_read() {
        let template = json!({
            "name": "a", "description": "b", "repository": "https://example.org/a", "version": "1.0.0", "api_version": "1.0",
            "auth": "none",
        });
        let safir = json!({
            "name": "a", "description": "b", "version": "1.0.0", "repository_url": "https://example.org/a",
            "documentation_url": null,
        });
        let template = read(template).unwrap();
        let expected = Metadata {
            api_version: None,
            auth: None,
            ..template.clone()
        };
        assert_eq!(template.auth.as_deref(), Some("none"));
        assert_eq!(read(json!({"metadata": safir})).unwrap(), expected);
        assert_eq!(read(safir).unwrap(), expected);
    }

    #[test]
    fn what_is_no_metadata_is_none() {
        for answer in [
            json!([]),
            json!("name"),
            json!({}),
            json!({"name": null}),
            json!({"name": ""}),
            json!({"name": "a", "version": 1}),
            json!({"metadata": {}}),
        ] {
            assert_eq!(read(answer.clone()), None, "{answer}");
        }
        assert_eq!(Metadata::read(b"<!DOCTYPE html>"), None);
    }

    #[test]
    fn texts_are_short_and_in_one_line_and_links_are_of_the_web() {
        let odd = json!({
            "name": " a\n\u{1b}[31mb ", "description": "d".repeat(501), "repository": "javascript:alert(1)",
            "documentation_url": "https://good.example.org@bad.example.org/",
        });
        let read = read(odd).unwrap();
        assert_eq!(read.name, "a [31mb");
        assert_eq!(read.description.unwrap().chars().count(), 501);
        assert_eq!((read.repository, read.documentation), (None, None));
    }
}
