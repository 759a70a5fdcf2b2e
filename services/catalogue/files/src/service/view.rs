//! What callers are told of a service, in JSON.

use std::time::SystemTime;

use humantime::format_rfc3339_seconds;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    catalogue::Services,
    conformance,
    known::{Known, Seen, Status},
};
use crate::identity::ROUTE;

/// All services.
#[derive(Serialize, ToSchema)]
pub struct ServiceList {
    services: Vec<Service>,
}

/// A service, as it was seen last.
#[derive(Serialize, ToSchema)]
pub struct Service {
    name: String,
    /// The path below which the front end passes requests on to it.
    #[schema(example = "/build-times")]
    route: String,
    /// `pass`: it answers as it should. `warn`: it answers, and something is wrong. `fail`: it does not answer.
    status: Status,
    /// When it began to stand so.
    #[schema(format = DateTime)]
    since: String,
    /// When it was last looked at.
    #[schema(format = DateTime, required)]
    checked_at: Option<String>,
    /// What is wrong with it, in sentences.
    problems: Vec<String>,
    /// The rules of the contract of all services that it departs from, as far as the catalogue asks. Null as long as it has
    /// not asked.
    #[schema(required)]
    departures: Option<Vec<Departure>>,
    /// What it says of itself.
    #[schema(required)]
    metadata: Option<Metadata>,
    /// Its OpenAPI document.
    #[schema(required)]
    openapi: Option<OpenApi>,
}

/// A rule that a service departs from.
#[derive(Serialize, ToSchema)]
struct Departure {
    /// Its name, as `bootstrap verify` has it.
    #[schema(example = "unknown-path")]
    rule: &'static str,
    /// What was seen, in a sentence.
    seen: String,
}

/// What a service says of itself, in the last answer that could be had.
#[derive(Serialize, ToSchema)]
struct Metadata {
    name: String,
    #[schema(required)]
    description: Option<String>,
    #[schema(required)]
    version: Option<String>,
    #[schema(required)]
    api_version: Option<String>,
    /// How callers are authenticated to its back-end.
    #[schema(required)]
    auth: Option<String>,
    /// Where its source is.
    #[schema(required)]
    repository: Option<String>,
    /// Where its documentation is.
    #[schema(required)]
    documentation: Option<String>,
    /// When it said so.
    #[schema(format = DateTime)]
    seen_at: String,
    /// How long ago that was, in seconds.
    age_seconds: u64,
}

/// Where the last OpenAPI document is that could be had of a service.
#[derive(Serialize, ToSchema)]
struct OpenApi {
    /// Its path on this host.
    href: String,
    /// When it was had.
    #[schema(format = DateTime)]
    seen_at: String,
    /// How long ago that was, in seconds.
    age_seconds: u64,
}

impl ServiceList {
    /// All services, as of `now`.
    pub fn of(services: &Services, now: SystemTime) -> Self {
        let services = services.by_name.values();
        Self {
            services: services.map(|known| Service::of(known, now)).collect(),
        }
    }
}

impl Service {
    /// One service, as of `now`.
    pub fn of(known: &Known, now: SystemTime) -> Self {
        Self {
            name: known.entry.name.clone(),
            route: known.route(),
            status: known.status,
            since: format_rfc3339_seconds(known.since).to_string(),
            checked_at: known
                .checked
                .map(|at| format_rfc3339_seconds(at).to_string()),
            problems: known.problems.clone(),
            departures: known.departures.as_deref().map(departures),
            metadata: known.metadata.as_ref().map(|seen| metadata(seen, now)),
            openapi: known.document.as_ref().map(|seen| OpenApi {
                href: document_path(&known.entry.name),
                seen_at: format_rfc3339_seconds(seen.at).to_string(),
                age_seconds: age(seen.at, now),
            }),
        }
    }
}

fn departures(departures: &[conformance::Departure]) -> Vec<Departure> {
    let departures = departures.iter().map(|departure| Departure {
        rule: departure.rule,
        seen: departure.seen.clone(),
    });
    departures.collect()
}

fn metadata(seen: &Seen<super::metadata::Metadata>, now: SystemTime) -> Metadata {
    let said = seen.value.clone();
    Metadata {
        name: said.name,
        description: said.description,
        version: said.version,
        api_version: said.api_version,
        auth: said.auth,
        repository: said.repository.map(String::from),
        documentation: said.documentation.map(String::from),
        seen_at: format_rfc3339_seconds(seen.at).to_string(),
        age_seconds: age(seen.at, now),
    }
}

/// Where the catalogue serves the OpenAPI document of a service: as it was seen last, whether the service is up or not.
pub fn document_path(name: &str) -> String {
    format!("{ROUTE}/services/{name}/openapi.json")
}

fn age(at: SystemTime, now: SystemTime) -> u64 {
    now.duration_since(at).unwrap_or_default().as_secs()
}
