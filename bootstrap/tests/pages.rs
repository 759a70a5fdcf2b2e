//! The pages of this repository: their links lead somewhere, and each decision is to be found.

use std::{collections::BTreeMap, path::Path};

use crate::support::files;
use bootstrap::render::Template;

/// The Markdown of this repository, but for what is rendered.
fn pages() -> BTreeMap<String, String> {
    let pages = files(&Template::here().root).into_iter();
    let pages = pages.filter(|(path, _)| path.ends_with(".md") && !path.starts_with("template/"));
    pages
        .map(|(path, text)| (path, String::from_utf8(text).unwrap()))
        .collect()
}

/// The targets of `[text](target)` outside code.
fn links(page: &str) -> impl Iterator<Item = &str> {
    let prose = page.split("```").step_by(2);
    let after = prose.flat_map(|text| text.split("](").skip(1));
    after.filter_map(|rest| Some(rest.split_once(')')?.0))
}

#[test]
fn every_link_within_the_repository_leads_somewhere() {
    let root = Template::here().root;
    let mut followed = 0;
    for (path, text) in pages() {
        let folder = root.join(&path).parent().unwrap().to_owned();
        for link in links(&text).filter(|link| !link.contains("://")) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = folder.join(Path::new(file));
            assert!(file.is_empty() || target.exists(), "{path}: {link}");
            let heading = format!("\n## {}", anchor.replace('-', " "));
            let found = anchor.is_empty() || text.to_lowercase().contains(&heading);
            assert!(found, "{path}: {link}");
            followed += 1;
        }
    }
    assert!(followed > 20, "{followed}");
}

#[test]
fn the_architecture_names_every_decision() {
    let pages = pages();
    let architecture = &pages["docs/architecture.md"];
    let known: Vec<_> = links(architecture).collect();
    for path in pages.keys() {
        if let Some(decision) = path.strip_prefix("docs/")
            && decision.starts_with("decisions/")
        {
            assert!(known.contains(&decision), "{decision}");
        }
    }
}
