//! What a source of services says of one of them: its name, and where it is.

use apikit::reqwest::Url;

/// The longest name, as of a Kubernetes Service.
const MAX_NAME: usize = 63;

/// A service that is to be looked at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Its name, which is no other's.
    pub name: String,
    /// Where its metadata and its OpenAPI document are: in `metadata` and `openapi.json` below it.
    pub url: Url,
    /// Its health check, where that is not `readyz` below `url`.
    pub health: Option<Url>,
    /// The path below which the front end passes requests on to it, where the source knows it.
    pub route: Option<String>,
    /// Its pods, where the source counts them.
    pub pods: Option<Pods>,
}

/// How many pods of a service there are, and how many of them are ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pods {
    pub ready: usize,
    pub all: usize,
}

impl Entry {
    /// The service of that name at `url`.
    ///
    /// # Errors
    /// One sentence, when the name or the URL is none.
    pub fn new(name: &str, url: &str) -> Result<Self, String> {
        let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let is_name = (1..=MAX_NAME).contains(&name.len())
            && name.bytes().all(|byte| is_letter(byte) || byte == b'-')
            && name.bytes().next().is_some_and(is_letter);
        if !is_name {
            return Err(format!(
                "{name:?} is no name of a service: it must be up to {MAX_NAME} lower-case letters, digits and dashes."
            ));
        }
        Ok(Self {
            name: name.to_owned(),
            url: http(url)?,
            health: None,
            route: None,
            pods: None,
        })
    }

    /// The service at `url`, named after the last part of its path, or else after its host.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn at(url: &str) -> Result<Self, String> {
        let parsed = http(url)?;
        let last = parsed.path_segments().and_then(|parts| {
            let mut parts = parts.filter(|part| !part.is_empty());
            parts.next_back().map(str::to_owned)
        });
        let host = || {
            let host = parsed.host_str().unwrap_or_default().replace('.', "-");
            match parsed.port() {
                Some(port) => format!("{host}-{port}"),
                None => host,
            }
        };
        Self::new(&last.unwrap_or_else(host), url)
    }

    /// The same with a health check elsewhere.
    ///
    /// # Errors
    /// One sentence, when it is no URL.
    pub fn with_health(self, url: &str) -> Result<Self, String> {
        let health = Some(http(url)?);
        Ok(Self { health, ..self })
    }

    /// The same with the path below which the front end passes requests on to it.
    ///
    /// # Errors
    /// One sentence, when it is no such path.
    pub fn with_route(self, route: &str) -> Result<Self, String> {
        match is_route(route) {
            true => Ok(Self {
                route: Some(route.to_owned()),
                ..self
            }),
            false => Err(format!(
                "{route:?} is no route: it must be a path such as \"/build-times\", with no slash at its end."
            )),
        }
    }

    /// The URL of `path` below the service's.
    pub fn below(&self, path: &str) -> Url {
        let mut url = self.url.clone();
        let path = format!("{}/{path}", url.path().trim_end_matches('/'));
        url.set_path(&path);
        url
    }

    /// Its route as far as the source tells: by name, or in the path of its URL.
    pub fn told_route(&self) -> Option<&str> {
        let path = self.url.path().trim_end_matches('/');
        let path = Some(path).filter(|path| is_route(path));
        self.route.as_deref().or(path)
    }
}

/// Whether a text is the path of a route: `/a`, or `/a/b`.
pub fn is_route(text: &str) -> bool {
    let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.strip_prefix('/').is_some_and(|path| {
        path.split('/').all(|part| {
            !part.is_empty() && ![".", ".."].contains(&part) && part.bytes().all(is_legal)
        })
    })
}

fn http(text: &str) -> Result<Url, String> {
    let rule = |text| {
        format!(
            "{text:?} is no URL of a service: it must be http or https, with a host, and without a query or credentials."
        )
    };
    let url: Url = text.parse().map_err(|_| rule(text))?;
    let is_plain = url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    match url.scheme() {
        "http" | "https" if is_plain => Ok(url),
        // What may be a password is not repeated.
        _ if url.password().is_some() => Err(rule("A URL with credentials")),
        _ => Err(rule(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_alone_is_named_after_its_path_or_its_host() {
        for (url, name) in [
            ("https://api.example.org/build-times", "build-times"),
            ("https://api.example.org/a/runs/", "runs"),
            (
                "http://build-times.unified-api:8080",
                "build-times-unified-api-8080",
            ),
            ("http://127.0.0.1:8081/", "127-0-0-1-8081"),
        ] {
            assert_eq!(Entry::at(url).unwrap().name, name, "{url}");
        }
    }

    #[test]
    fn what_is_no_name_url_or_route_is_refused_in_a_sentence() {
        let url = "http://localhost";
        for (refused, why) in [
            (Entry::new("", url), "\"\" is no name"),
            (Entry::new("A", url), "\"A\" is no name"),
            (Entry::new("-a", url), "\"-a\" is no name"),
            (Entry::new("a_b", url), "\"a_b\" is no name"),
            (Entry::new(&"a".repeat(64), url), "is no name"),
            (Entry::new("a", "localhost"), "\"localhost\" is no URL"),
            (Entry::new("a", "ftp://localhost"), "is no URL"),
            (Entry::new("a", "http://localhost?q"), "is no URL"),
            (
                Entry::new("a", "http://u:secret@h"),
                "credentials\" is no URL",
            ),
            (Entry::new("a", url).unwrap().with_route("a"), "is no route"),
            (
                Entry::new("a", url).unwrap().with_route("/a/"),
                "is no route",
            ),
            (
                Entry::new("a", url).unwrap().with_route("/a/.."),
                "is no route",
            ),
        ] {
            let refused = refused.unwrap_err();
            assert!(refused.contains(why), "{refused}");
            assert!(!refused.contains("secret"), "{refused}");
        }
    }

    #[test]
    fn what_is_asked_lies_below_the_url_with_and_without_a_slash() {
        for url in ["http://h:1/a", "http://h:1/a/"] {
            let entry = Entry::new("a", url).unwrap();
            assert_eq!(entry.below("metadata").as_str(), "http://h:1/a/metadata");
            assert_eq!(entry.told_route(), Some("/a"));
        }
        let entry = Entry::new("a", "http://h:1").unwrap();
        assert_eq!(entry.below("metadata").as_str(), "http://h:1/metadata");
        assert_eq!(entry.told_route(), None);
    }
}
