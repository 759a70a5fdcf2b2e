//! The notebooks of groups: GitHub lists them, and the keeper keeps them.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use apikit::{Backend, BackendError, Caller, Result};
use axum::{body::Body, http::StatusCode};
use futures_util::{StreamExt, TryStreamExt};
use serde::Deserialize;

/// How long a large notebook may take on its way.
const UPLOAD: Duration = Duration::from_secs(600);

/// Where notebooks are. Clones share its connections.
#[derive(Clone)]
pub struct Notebooks {
    github: Backend,
    keeper: Backend,
    max_bytes: usize,
}

/// One entry of a list of GitHub's. What else it says is passed over.
#[derive(Deserialize)]
struct Entry {
    name: String,
}

impl Notebooks {
    pub fn new(github: Backend, keeper: Backend, max_bytes: usize) -> Self {
        Self {
            github,
            keeper,
            max_bytes,
        }
    }

    /// The names of a group's notebooks, on all pages, as the caller may see them.
    ///
    /// # Errors
    /// What GitHub refuses, as it says it.
    pub async fn of(&self, group: &str, caller: &Caller) -> Result<Vec<String>> {
        let request = self
            .github
            .get("/groups")
            .segment(group)
            .segment("notebooks");
        let pages = request.pages_as(caller);
        let lists = pages.and_then(async |page| page.json::<Vec<Entry>>().await);
        let lists: Vec<_> = lists.try_collect().await?;
        Ok(lists
            .into_iter()
            .flatten()
            .map(|entry| entry.name)
            .collect())
    }

    /// Passes a notebook on to the keeper, piece by piece.
    ///
    /// # Errors
    /// 413 when it is too large, and what the keeper refuses.
    pub async fn keep(
        &self,
        group: &str,
        name: &str,
        notebook: Body,
        caller: &Caller,
    ) -> Result<()> {
        let max = self.max_bytes;
        let is_too_large = Arc::new(AtomicBool::new(false));
        let noted = is_too_large.clone();
        let mut length = 0;
        let pieces = notebook.into_data_stream().map_err(io::Error::other);
        let pieces = pieces.map(move |piece| {
            let piece = piece?;
            length += piece.len();
            if length > max {
                noted.store(true, Ordering::Relaxed);
                return Err(io::Error::other("the notebook is too large"));
            }
            Ok(piece)
        });
        let request = self
            .keeper
            .put("/notebooks")
            .segment(group)
            .segment(name)
            .timeout(UPLOAD)
            .body(reqwest::Body::wrap_stream(pieces));
        let kept = request.send_for(caller).await;
        match is_too_large.load(Ordering::Relaxed) {
            true => Err(BackendError::new(StatusCode::PAYLOAD_TOO_LARGE)
                .with_content(format!("The notebook is larger than {max} bytes."))),
            false => kept.map(|_| ()),
        }
    }
}
