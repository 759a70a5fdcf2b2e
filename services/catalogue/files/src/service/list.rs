//! The services that an operator lists, in a setting or in a file.

use std::{collections::BTreeSet, fs, path::Path};

use serde::Deserialize;

use super::entry::Entry;
use crate::config::Config;

/// The most services of a list, and of a cluster. Ten times what one front end is known to have.
pub const MAX_SERVICES: usize = 2_000;

/// The services that the settings list: none, where they list none.
///
/// # Errors
/// One sentence that names the value and the rule.
pub fn listed(config: &Config) -> Result<Vec<Entry>, String> {
    let mut entries = from_text(&config.catalogue_services)
        .map_err(|why| format!("CATALOGUE_SERVICES: {why}"))?;
    if let Some(file) = &config.catalogue_file {
        let in_file = from_file(file).map_err(|why| format!("{}: {why}", file.display()))?;
        entries.extend(in_file);
    }
    if entries.len() > MAX_SERVICES {
        return Err(format!(
            "{} services are listed: it must be {MAX_SERVICES} at most.",
            entries.len()
        ));
    }
    let mut names = BTreeSet::new();
    match entries.iter().find(|entry| !names.insert(&entry.name)) {
        Some(entry) => Err(format!(
            "Two services are named {:?}: each needs a name of its own.",
            entry.name
        )),
        None => Ok(entries),
    }
}

/// `name=url` or a URL, with commas or line breaks between them.
fn from_text(text: &str) -> Result<Vec<Entry>, String> {
    let items = text.split([',', '\n']).map(str::trim);
    items.filter(|item| !item.is_empty()).map(item).collect()
}

fn item(item: &str) -> Result<Entry, String> {
    match item.split_once('=') {
        Some((name, url)) => Entry::new(name.trim(), url.trim()),
        None => Entry::at(item),
    }
}

/// A list in a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    services: Vec<Item>,
}

/// A service in a file: a text as in the setting, or a table.
#[derive(Deserialize)]
#[serde(untagged)]
enum Item {
    Text(String),
    Table(Table),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    name: String,
    url: String,
    /// The health check, where it is not `readyz` below the URL.
    health: Option<String>,
    /// The path at the front end, where it is not the URL's.
    route: Option<String>,
}

fn from_file(file: &Path) -> Result<Vec<Entry>, String> {
    let text = fs::read_to_string(file).map_err(|error| format!("{error}."))?;
    let is_json = file
        .extension()
        .is_some_and(|extension| extension == "json");
    let list: List = match is_json {
        true => serde_json::from_str(&text).map_err(in_one_line)?,
        false => toml::from_str(&text).map_err(in_one_line)?,
    };
    let entries = list.services.into_iter().map(|one| match one {
        Item::Text(text) => item(&text),
        Item::Table(table) => table.entry(),
    });
    entries.collect()
}

fn in_one_line(error: impl ToString) -> String {
    let text = error.to_string();
    let words: Vec<_> = text.split_whitespace().collect();
    format!("it is no list of services: {}.", words.join(" "))
}

impl Table {
    fn entry(self) -> Result<Entry, String> {
        let mut entry = Entry::new(&self.name, &self.url)?;
        if let Some(health) = self.health {
            entry = entry.with_health(&health)?;
        }
        if let Some(route) = self.route {
            entry = entry.with_route(&route)?;
        }
        Ok(entry)
    }
}
