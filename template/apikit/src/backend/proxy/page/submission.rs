//! A submitted form on the wire: a URL, or a body with its media type.

use encoding_rs::UTF_8;
use reqwest::Url;

use super::form::{Enctype, Entry, Method, Submission};

/// What follows the name of a file that nobody has chosen.
const NO_FILE: &[u8] = b"\"; filename=\"\"\r\nContent-Type: application/octet-stream\r\n\r\n";

impl Submission {
    /// These entries, posted to `action` as most forms are.
    pub fn posted(action: Url, entries: Vec<Entry>) -> Self {
        Self {
            action,
            method: Method::Post,
            enctype: Enctype::UrlEncoded,
            encoding: UTF_8,
            entries,
        }
    }

    /// The same, sent to another place.
    pub fn to(self, action: Url) -> Self {
        Self { action, ..self }
    }

    /// Where it is sent: with the entries as the query, where they travel in the URL.
    pub fn url(&self) -> Url {
        let mut url = self.action.clone();
        if self.method == Method::Get {
            url.set_query(Some(&self.url_encoded()));
        }
        url
    }

    /// The media type and the bytes of its body. `boundary` parts those of a `multipart/form-data`.
    pub fn body(&self, boundary: &str) -> (String, Vec<u8>) {
        match self.enctype {
            Enctype::UrlEncoded => (
                "application/x-www-form-urlencoded".to_owned(),
                self.url_encoded().into_bytes(),
            ),
            Enctype::Multipart => (
                format!("multipart/form-data; boundary={boundary}"),
                self.multipart(boundary),
            ),
            Enctype::Text => ("text/plain".to_owned(), self.lines()),
        }
    }

    fn url_encoded(&self) -> String {
        let encode = |text: &str| -> String {
            let bytes = self.encode(text);
            form_urlencoded::byte_serialize(&bytes).collect()
        };
        let pairs = self.entries.iter();
        let pairs = pairs.map(|entry| format!("{}={}", encode(&entry.name), encode(entry.text())));
        pairs.collect::<Vec<_>>().join("&")
    }

    fn multipart(&self, boundary: &str) -> Vec<u8> {
        let mut body = Vec::new();
        for entry in &self.entries {
            let name = self.encode(&entry.name);
            body.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
            body.extend_from_slice(b"Content-Disposition: form-data; name=\"");
            for byte in name {
                match byte {
                    b'\r' => body.extend_from_slice(b"%0D"),
                    b'\n' => body.extend_from_slice(b"%0A"),
                    b'"' => body.extend_from_slice(b"%22"),
                    byte => body.push(byte),
                }
            }
            body.extend_from_slice(match entry.value {
                Some(_) => &b"\"\r\n\r\n"[..],
                None => NO_FILE,
            });
            body.extend_from_slice(&self.encode(entry.text()));
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
        body
    }

    fn lines(&self) -> Vec<u8> {
        let mut body = Vec::new();
        for entry in &self.entries {
            body.extend_from_slice(&self.encode(&entry.name));
            body.push(b'=');
            body.extend_from_slice(&self.encode(entry.text()));
            body.extend_from_slice(b"\r\n");
        }
        body
    }

    /// Text as it is sent: each line ends as HTTP's do, and what the encoding cannot spell becomes `&#1234;`.
    fn encode(&self, text: &str) -> Vec<u8> {
        let lines = text.replace("\r\n", "\n").replace('\r', "\n");
        let text = lines.replace('\n', "\r\n");
        self.encoding.encode(&text).0.into_owned()
    }
}

impl Entry {
    /// Its text as it is sent.
    fn text(&self) -> &str {
        self.value.as_deref().unwrap_or_default()
    }
}
