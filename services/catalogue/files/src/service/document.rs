//! The OpenAPI document of a service, as far as the catalogue relies on it.

use std::collections::BTreeMap;

use apikit::reqwest::Url;
use axum::body::Bytes;
use serde::{Deserialize, de::IgnoredAny};

use super::entry::is_route;

/// The most bytes of a document.
pub const MAX_DOCUMENT: usize = 1024 * 1024;

/// An OpenAPI document: its text, which is JSON, and where it says that its paths begin. Clones share the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    pub text: Bytes,
    /// The path of its server: empty for the root.
    pub server: String,
}

#[derive(Deserialize)]
struct Outline {
    #[serde(rename = "openapi")]
    _version: String,
    #[serde(rename = "paths")]
    _paths: Option<BTreeMap<String, IgnoredAny>>,
    #[serde(default)]
    servers: Vec<Server>,
}

/// A server of a document.
#[derive(Deserialize)]
pub struct Server {
    url: String,
}

impl Document {
    /// Takes an answer. `None` of one that is no OpenAPI document.
    pub fn read(answer: Vec<u8>) -> Option<Self> {
        let outline: Outline = serde_json::from_slice(&answer).ok()?;
        Some(Self {
            text: answer.into(),
            server: server_path(&outline.servers).unwrap_or_default(),
        })
    }

    /// Where the front end passes requests on, as far as the document tells.
    pub fn route(&self) -> Option<&str> {
        Some(self.server.as_str()).filter(|path| is_route(path))
    }
}

/// The path of the first of these servers, without a slash at its end. `None` where there is no server, or it is no URL.
pub fn server_path(servers: &[Server]) -> Option<String> {
    let base = Url::parse("http://front-end").expect("it is a URL");
    let url = base.join(&servers.first()?.url).ok()?;
    Some(url.path().trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(answer: Value) -> Option<Document> {
        Document::read(answer.to_string().into_bytes())
    }

    #[test]
    fn a_document_tells_where_its_paths_begin() {
        for (servers, path) in [
            (json!([]), ""),
            (json!([{"url": "/"}]), ""),
            (json!([{"url": "/a"}, {"url": "/b"}]), "/a"),
            (json!([{"url": "https://api.example.org/a/b/"}]), "/a/b"),
            (json!([{"url": "http://["}]), ""),
        ] {
            let document = json!({"openapi": "3.1.0", "paths": {}, "servers": servers});
            assert_eq!(read(document).unwrap().server, path, "{servers}");
        }
    }

    #[test]
    fn what_is_no_document_is_none() {
        for answer in [
            json!([]),
            json!({"swagger": "2.0"}),
            json!({"openapi": 3.1, "paths": {}}),
            json!({"openapi": "3.1.0", "paths": []}),
            json!({"openapi": "3.1.0", "paths": {}, "servers": "/"}),
        ] {
            assert_eq!(read(answer.clone()), None, "{answer}");
        }
        assert_eq!(Document::read(b"<!DOCTYPE html>".to_vec()), None);
    }
}
