//! The service's URL, taken apart: where the host is, and below which route the service answers.

use anyhow::{Context, Result, ensure};
use url::Url;

/// A service as one reaches it.
#[derive(Clone, Debug)]
pub struct Target {
    origin: Url,
    /// The path of the URL without a slash at its end: `/build-times`, or nothing.
    pub route: String,
}

impl Target {
    /// Reads what the user gave.
    ///
    /// # Errors
    /// One sentence, when it is no URL that can be a service's.
    pub fn parse(text: &str) -> Result<Self> {
        let shown = text.escape_debug();
        let url = Url::parse(text);
        let mut origin = url.with_context(|| format!("URL \"{shown}\" is none"))?;
        ensure!(
            matches!(origin.scheme(), "http" | "https") && origin.has_host(),
            "URL \"{shown}\" must begin with http:// or https:// and a host"
        );
        // What is asked is what any caller may see: nobody's password goes out by mistake.
        ensure!(
            origin.username().is_empty() && origin.password().is_none(),
            "URL must have no user name or password: no credentials are ever sent"
        );
        ensure!(
            origin.query().is_none() && origin.fragment().is_none(),
            "URL \"{shown}\" must end with the service's route, without a query or a fragment"
        );
        let route = origin.path().trim_end_matches('/').to_owned();
        origin.set_path("/");
        Ok(Self { origin, route })
    }

    /// The URL of a path of the host, which may have a query.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin.as_str().trim_end_matches('/'))
    }

    /// The host alone, as an URL.
    pub fn origin(&self) -> &Url {
        &self.origin
    }

    /// What the user gave, spelled as it is understood.
    pub fn shown(&self) -> String {
        self.url(&self.route)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_the_route() {
        for (text, origin, route) in [
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080/", ""),
            ("http://127.0.0.1:8080/", "http://127.0.0.1:8080/", ""),
            ("https://a.example/x/", "https://a.example/", "/x"),
            ("https://[::1]/Odd_/v1", "https://[::1]/", "/Odd_/v1"),
        ] {
            let target = Target::parse(text).unwrap();
            assert_eq!(target.origin.as_str(), origin);
            assert_eq!(target.route, route);
        }
    }

    #[test]
    fn what_is_no_service_is_refused_in_a_sentence() {
        for (text, sentence) in [
            ("build-times", "is none"),
            ("ftp://a.example/x", "must begin with http:// or https://"),
            (
                "http://ada:demo@a.example/x",
                "must have no user name or password",
            ),
            ("http://a.example/x?y=z", "without a query"),
        ] {
            let error = Target::parse(text).unwrap_err().to_string();
            assert!(
                error.contains(sentence) && !error.contains("demo"),
                "{error}"
            );
        }
    }
}
