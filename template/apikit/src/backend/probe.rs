//! The probe of the back-end for readiness: one request for all that ask, every few seconds at most.

use std::{sync::Arc, time::Duration};

use axum::http::Method;
use reqwest::Request;
use tokio::{sync::Mutex, time::Instant};

use super::Backend;

/// How long an answer holds. However many probes there are, the back-end sees one in this time.
const FRESH: Duration = Duration::from_secs(5);

/// How long no answer holds: less than a probe waits for the next one, so that a pod that is
/// probed twice before it is taken out of service was seen to fail twice.
const FAILED: Duration = Duration::from_secs(1);

/// The time limit of the back-end's answer. A probe of Kubernetes waits for a second.
const TIME_LIMIT: Duration = Duration::from_millis(800);

/// The last result. Clones share it.
#[derive(Clone, Debug)]
pub struct Probe(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    backend: Backend,
    /// Held while the back-end is asked: others wait for that answer.
    last: Mutex<Option<Seen>>,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    at: Instant,
    up: bool,
}

impl Probe {
    /// A probe of `backend`.
    pub fn new(backend: Backend) -> Self {
        Self(Arc::new(Inner {
            backend,
            last: Mutex::default(),
        }))
    }

    /// Whether the back-end is up, as seen a short while ago.
    pub async fn is_up(&self) -> bool {
        let mut last = self.0.last.lock().await;
        if let Some(seen) = *last
            && seen.at.elapsed() < if seen.up { FRESH } else { FAILED }
        {
            return seen.up;
        }
        let up = self.0.backend.answers().await;
        match (up, last.is_none_or(|seen| seen.up)) {
            (false, true) => tracing::warn!("the back-end does not answer: /readyz says 503"),
            (true, false) => tracing::info!("the back-end answers again"),
            _ => {}
        }
        let at = Instant::now();
        *last = Some(Seen { at, up });
        up
    }
}

impl Backend {
    /// Whether it answers `GET <BACKEND_URL>`, without credentials, with anything below 500. A 401, a
    /// 404 or a redirect to a login is an answer, too.
    async fn answers(&self) -> bool {
        let request = || {
            let mut request = Request::new(Method::GET, self.inner.base.clone());
            *request.timeout_mut() = Some(TIME_LIMIT);
            request
        };
        let answer = self.inner.client.execute(true, request).await;
        answer.is_ok_and(|answer| !answer.status().is_server_error())
    }
}
