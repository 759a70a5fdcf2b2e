//! One look at a service: its health, its metadata and its OpenAPI document, all at once.

use std::time::Duration;

use apikit::reqwest::StatusCode;
use tokio::{join, time::Instant};

use super::{
    document::{Document, MAX_DOCUMENT},
    entry::Entry,
    fetch::{FetchError, Fetcher},
    metadata::{MAX_METADATA, Metadata},
};

/// What one look at a service found. Each `Err` is a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sight {
    pub health: Health,
    pub metadata: Result<Metadata, String>,
    pub document: Result<Document, String>,
}

/// What the health check of a service answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    Good,
    /// With a sentence.
    Bad(String),
    /// There is no such check: a service that answers anything else is healthy.
    Unknown,
}

/// Looks at a service, for `time` at most. No two of its three requests wait for each other.
pub async fn look(fetcher: &Fetcher, entry: &Entry, time: Duration) -> Sight {
    let deadline = Instant::now() + time;
    let (health, metadata, document) = join!(
        health(fetcher, entry, deadline),
        metadata(fetcher, entry, deadline),
        document(fetcher, entry, deadline),
    );
    Sight {
        health,
        metadata,
        document,
    }
}

async fn health(fetcher: &Fetcher, entry: &Entry, deadline: Instant) -> Health {
    let own = || entry.below("readyz");
    let url = entry.health.clone().unwrap_or_else(own);
    match fetcher.status(url, deadline).await {
        Ok(status) if status.is_success() => Health::Good,
        Ok(status) if status.is_server_error() => {
            Health::Bad(format!("The health check answers {}.", status.as_u16()))
        }
        Ok(_) => Health::Unknown,
        Err(error) => Health::Bad(format!("The health check {error}.")),
    }
}

/// `metadata` below the URL, or what stands at the URL itself, where Safir has it.
async fn metadata(fetcher: &Fetcher, entry: &Entry, deadline: Instant) -> Result<Metadata, String> {
    let asked = |path: &'static str| fetcher.get(entry.below(path), MAX_METADATA, deadline);
    let answer = asked("metadata").await;
    if answer == Err(FetchError::Status(StatusCode::NOT_FOUND))
        && let Ok(index) = asked("").await
        && let Some(metadata) = Metadata::read(&index)
    {
        return Ok(metadata);
    }
    let answer = answer.map_err(|error| format!("The metadata {error}."))?;
    Metadata::read(&answer).ok_or_else(|| "The metadata is none.".to_owned())
}

async fn document(fetcher: &Fetcher, entry: &Entry, deadline: Instant) -> Result<Document, String> {
    let answer = fetcher.get(entry.below("openapi.json"), MAX_DOCUMENT, deadline);
    let answer = answer
        .await
        .map_err(|error| format!("The OpenAPI document {error}."))?;
    Document::read(answer).ok_or_else(|| "The OpenAPI document is none.".to_owned())
}
