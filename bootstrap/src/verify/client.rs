//! Asks a service, and never waits or reads without an end.
//!
//! Nothing is sent that a stranger would not send: no credentials, no cookies, and nothing through a proxy that the
//! environment names. No redirect is followed, as one is an answer like any other here.

use std::{cell::Cell, fmt, process, time::Duration};

use serde_json::Value;
use ureq::{
    Agent, Error, SendBody,
    http::{HeaderMap, Request, StatusCode},
    tls::{RootCerts, TlsConfig, TlsProvider},
};

use super::{finding::Objection, target::Target};

/// What an answer may hold, in bytes; an OpenAPI document is the only long one.
pub const USUAL: u64 = 1 << 20;
pub const DOCUMENT: u64 = 8 << 20;

/// A service that has let so many requests wait in vain is not asked again.
const MOST_TIMEOUTS: u32 = 5;

/// Sends requests, each on a connection of its own.
pub struct Client {
    agent: Agent,
    timeouts: Cell<u32>,
    /// How long one answer may take.
    pub timeout: Duration,
    /// The id that all requests have in the service's log.
    pub request_id: String,
}

/// What a service answered.
pub struct Answer {
    /// The method and the path that were asked.
    pub asked: String,
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug)]
pub struct Unanswered {
    asked: String,
    why: String,
    answered: bool,
}

impl Client {
    /// A client that waits so long for each answer.
    pub fn new(timeout: Duration) -> Self {
        // The system's certificates, and those that a house has added to them.
        let tls = TlsConfig::builder()
            .provider(TlsProvider::NativeTls)
            .root_certs(RootCerts::PlatformVerifier)
            .build();
        let config = Agent::config_builder()
            .tls_config(tls)
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .max_idle_connections(0)
            .timeout_global(Some(timeout))
            .user_agent(concat!("bootstrap-verify/", env!("CARGO_PKG_VERSION")))
            .build();
        Self {
            agent: config.new_agent(),
            timeouts: Cell::new(0),
            timeout,
            request_id: format!("bootstrap-verify-{}", process::id()),
        }
    }

    /// Asks with `GET`.
    pub fn get(&self, target: &Target, path: &str) -> Result<Answer, Unanswered> {
        self.ask(target, "GET", path, USUAL)
    }

    /// Asks for at most so many bytes, with a method that has no body.
    pub fn ask(
        &self,
        target: &Target,
        method: &str,
        path: &str,
        most: u64,
    ) -> Result<Answer, Unanswered> {
        let asked = format!("{method} {path}");
        let unanswered = |why| Unanswered {
            asked: asked.clone(),
            why,
            answered: false,
        };
        if self.timeouts.get() >= MOST_TIMEOUTS {
            return Err(unanswered(format!(
                "not asked any more, after {MOST_TIMEOUTS} requests without an answer"
            )));
        }
        let mut request = Request::builder();
        if method == "POST" {
            // An empty body, rather than one of unknown length.
            request = request.header("content-length", "0");
        }
        let request = request
            .method(method)
            .uri(target.url(path))
            .header("accept", "*/*")
            .header("x-request-id", &self.request_id)
            .body(SendBody::none());
        let request = request.map_err(|error| unanswered(error.to_string()))?;
        let answer = self.agent.run(request);
        let answer = answer.map_err(|error| unanswered(self.reason(&error)))?;
        let (head, body) = answer.into_parts();
        let body = body.into_with_config().limit(most).read_to_vec();
        let body = body.map_err(|error| Unanswered {
            answered: true,
            ..unanswered(format!(
                "{}, then {}",
                head.status.as_u16(),
                self.reason(&error)
            ))
        })?;
        Ok(Answer {
            asked,
            status: head.status,
            headers: head.headers,
            body,
        })
    }

    fn reason(&self, error: &Error) -> String {
        match error {
            Error::Timeout(_) => {
                self.timeouts.set(self.timeouts.get() + 1);
                format!("no end within {} s", self.timeout.as_secs_f64())
            }
            Error::BodyExceedsLimit(most) => format!("more than {} MiB", most >> 20),
            Error::HostNotFound => "the host is unknown".to_owned(),
            error => error.to_string(),
        }
    }
}

impl Answer {
    /// The value of a header, as far as it is text.
    pub fn header(&self, name: &str) -> Option<String> {
        let value = self.headers.get(name)?;
        Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
    }

    /// All values of a header, as far as they are text, with commas between them.
    pub fn all(&self, name: &str) -> String {
        let values = self.headers.get_all(name).iter();
        let values = values.map(|value| String::from_utf8_lossy(value.as_bytes()));
        values.collect::<Vec<_>>().join(", ")
    }

    /// The media type without its parameters, in lower case.
    pub fn media_type(&self) -> String {
        let value = self.header("content-type").unwrap_or_default();
        let essence = value.split(';').next().unwrap_or_default();
        essence.trim().to_ascii_lowercase()
    }

    /// The body as text, wherever it is none.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// What was asked and answered, in a few words.
    pub fn in_short(&self) -> String {
        let kind = match self.header("content-type") {
            Some(kind) => format!(" {kind}"),
            None => " without a Content-Type".to_owned(),
        };
        let to = self
            .header("location")
            .filter(|_| self.status.is_redirection());
        let to = to.map(|to| format!(" to {to}")).unwrap_or_default();
        format!("{}: {}{to}{kind}", self.asked, self.status.as_u16())
    }

    /// An answer of 200 in a media type.
    pub fn ok(self, media_type: &str) -> Result<Self, Objection> {
        if self.status == StatusCode::OK && self.media_type() == media_type {
            return Ok(self);
        }
        Err(Objection::departs(
            self.in_short(),
            format!("200 {media_type}"),
        ))
    }

    /// The body as JSON.
    pub fn json(&self) -> Result<Value, Objection> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let seen = format!("{}, no JSON: {error}", self.in_short());
            Objection::departs(seen, "a body in JSON")
        })
    }
}

impl Unanswered {
    /// Whether an answer had begun: there is something that speaks HTTP.
    pub fn is_an_answer(&self) -> bool {
        self.answered
    }
}

impl fmt::Display for Unanswered {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.asked, self.why)
    }
}

impl From<Unanswered> for Objection {
    fn from(unanswered: Unanswered) -> Self {
        Self::departs(
            unanswered.to_string(),
            "an answer in HTTP, whole and in time",
        )
    }
}
