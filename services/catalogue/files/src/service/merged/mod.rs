//! One OpenAPI document of all services.

mod part;
mod references;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use apikit::{BackendError, Result};
use axum::body::Bytes;
use serde_json::{Value, json};
use tokio::{sync::Mutex, task::spawn_blocking};

use super::catalogue::Services;
use crate::identity::IDENTITY;
use part::Part;

/// The document of all services, made when it is first asked for and kept until one of theirs changes. Clones share it.
#[derive(Clone, Default)]
pub struct Merged(Arc<Mutex<Option<(u64, Bytes)>>>);

impl Merged {
    /// The document of these services, as JSON.
    ///
    /// # Errors
    /// Never, but for a fault of the merge itself.
    pub async fn of(&self, services: Arc<Services>) -> Result<Bytes> {
        // Whoever comes second waits for the document that is being made.
        let mut kept = self.0.lock().await;
        let edition = services.edition;
        if let Some((made_of, text)) = &*kept
            && *made_of == edition
        {
            return Ok(text.clone());
        }
        let text = spawn_blocking(move || merged(&services)).await;
        let text = text.map_err(BackendError::internal)?;
        *kept = Some((edition, text.clone()));
        Ok(text)
    }
}

/// The document of these services. One whose own document cannot be merged is named in `x-left-out`, with the reason.
///
/// Documents are read one after the other and written at once: all of them as values would take several times the
/// memory of their texts.
fn merged(services: &Services) -> Bytes {
    let mut paths = Members::default();
    let mut components: BTreeMap<&str, Members> = BTreeMap::new();
    let (mut tags, mut left_out) = (Vec::new(), Vec::new());
    let mut taken = BTreeSet::new();
    for (name, known) in &services.by_name {
        let document = known.document.as_ref();
        let part = document
            .ok_or_else(|| "It has no OpenAPI document.".to_owned())
            .and_then(|document| Part::of(name, &known.route(), &document.value));
        let part = match part {
            Ok(part) => part,
            Err(why) => {
                left_out.push(json!({"name": name, "why": why}));
                continue;
            }
        };
        // Of two services at one path, the front end asks one, and nothing here tells which.
        for (path, item) in part.paths {
            if taken.insert(path.clone()) {
                paths.add(&path, &item);
            }
        }
        for (kind, named) in part.components {
            let members = components.entry(kind).or_default();
            named
                .iter()
                .for_each(|(name, value)| members.add(name, value));
        }
        tags.extend(part.tags);
    }
    let mut all = Members::default();
    components
        .iter()
        .for_each(|(kind, members)| all.add_text(kind, &members.object()));
    let who = &IDENTITY.metadata;
    let info = json!({
        "title": "All services",
        "description": "The services of the front end, each below its own path.",
        "version": who.version,
    });
    let mut document = Members::default();
    document.add("openapi", &json!("3.1.0"));
    document.add("info", &info);
    document.add("servers", &json!([{"url": "/"}]));
    document.add_text("paths", &paths.object());
    document.add_text("components", &all.object());
    document.add("tags", &Value::Array(tags));
    document.add("x-left-out", &Value::Array(left_out));
    document.object().into()
}

/// The members of a JSON object, as text.
#[derive(Default)]
struct Members(String);

impl Members {
    fn add(&mut self, name: &str, value: &Value) {
        self.add_text(name, &value.to_string());
    }

    fn add_text(&mut self, name: &str, json: &str) {
        if !self.0.is_empty() {
            self.0.push(',');
        }
        self.0.push_str(&Value::from(name).to_string());
        self.0.push(':');
        self.0.push_str(json);
    }

    fn object(&self) -> String {
        format!("{{{}}}", self.0)
    }
}
