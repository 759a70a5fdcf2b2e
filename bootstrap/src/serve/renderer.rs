//! Renders services, and keeps the last ones: the template does not change while the program runs.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use anyhow::Result;
use apikit::BackendError;
use moka::future::Cache;

use super::{limits::Places, rendering::Rendering, skeleton::Skeleton};
use crate::{answers::Answers, render::Template};

/// How much memory the renderings take that are kept, in bytes, besides what they share.
const KEPT: u64 = 64 * 1024 * 1024;

const DAY: u64 = 24 * 60 * 60;

/// What a rendering is made from: the answers in order, and the day, since a service has the year of its making.
type Key = (String, Vec<(String, String)>, u64);

/// Renders one template. Clones share what they keep.
#[derive(Clone)]
pub struct Renderer {
    skeleton: Arc<Skeleton>,
    kept: Cache<Key, Arc<Rendering>>,
    places: Places,
}

impl Renderer {
    /// A renderer of this template.
    ///
    /// # Errors
    /// One sentence, when it cannot be read or copied.
    pub fn new(template: &Template, places: Places) -> Result<Self> {
        let skeleton = Arc::new(Skeleton::of(template)?);
        let shared = skeleton.clone();
        let weight = move |_: &Key, rendering: &Arc<Rendering>| {
            let bytes = rendering.own_bytes(&shared);
            bytes.try_into().unwrap_or(u32::MAX)
        };
        Ok(Self {
            skeleton,
            kept: Cache::builder().max_capacity(KEPT).weigher(weight).build(),
            places,
        })
    }

    /// The service of these answers, if it is there already.
    pub async fn kept(&self, answers: &Answers) -> Option<Arc<Rendering>> {
        self.kept.get(&key(answers)).await
    }

    /// The service of these answers, which keep the rules. Who asks for the same one at the same time shares the work.
    ///
    /// # Errors
    /// 503 when too many are being rendered, and 500 when it fails.
    pub async fn render(&self, answers: &Answers) -> apikit::Result<Arc<Rendering>> {
        let rendered = self.kept.try_get_with(key(answers), self.anew(answers));
        rendered.await.map_err(|error| repeated(&error))
    }

    async fn anew(&self, answers: &Answers) -> apikit::Result<Arc<Rendering>> {
        let (skeleton, answers) = (self.skeleton.clone(), answers.clone());
        let work = move || Rendering::of(&skeleton, &answers);
        match self.places.run(work).await? {
            Ok(rendering) => Ok(Arc::new(rendering)),
            Err(error) => Err(BackendError::internal(error)),
        }
    }
}

fn key(answers: &Answers) -> Key {
    let mut given = answers.given.clone();
    given.sort();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let day = now.as_ref().map_or(0, Duration::as_secs) / DAY;
    (answers.name.clone(), given, day)
}

/// The error of somebody else's request for the same.
fn repeated(error: &BackendError) -> BackendError {
    let again = BackendError::new(error.status());
    match error.status().as_u16() {
        503 => again
            .with_content("Too many services are being rendered at the moment.")
            .with_retry_after(Duration::from_secs(1)),
        _ => again.with_source(error.to_string()),
    }
}
