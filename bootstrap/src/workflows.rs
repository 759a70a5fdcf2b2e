//! The workflows that services call in this repository, and the commit by which they call them.

use std::{collections::BTreeMap, fs};

use anyhow::{Context, Result};
use git2::{Commit, Oid, Repository};

use crate::{house::constants, render::Template, twins::Written};

/// Where they are, and how their names begin.
const FOLDER: &str = ".github/workflows";
const PREFIX: &str = "service-";

/// The workflows that services call, by file name, each by the hash of its text.
type Workflows = BTreeMap<String, Oid>;

/// Whether the commit that services name has the workflows as they are here.
#[derive(Debug, Eq, PartialEq)]
pub enum Pin {
    /// It has.
    Current,
    /// It has not, or it is in no history that is here.
    Stale,
    /// The whole history is not here to tell.
    Unknown,
}

/// The module of the hooks that names the commit, as it should be: of the newest commit that changed the workflows, where
/// they are committed and the history is here, and else as it is.
///
/// # Errors
/// When a file or the history cannot be read.
pub fn module(template: &Template) -> Result<Written> {
    let named = named(template)?;
    let commit = match pin(template)? {
        Pin::Stale => committed(template)?.unwrap_or(named),
        Pin::Current | Pin::Unknown => named,
    };
    Ok(Written {
        path: "hooks/workflows.rhai".to_owned(),
        text: format!(
            "// The commit of this repository whose workflows services call. Written by `cargo run -- twins`, not by hand.\n\n\
             export const commit = \"{commit}\";\n"
        ),
    })
}

/// Whether services call the workflows that are here.
///
/// # Errors
/// When a file or the history cannot be read.
pub fn pin(template: &Template) -> Result<Pin> {
    let Some(repository) = history(template) else {
        return Ok(Pin::Unknown);
    };
    let here = here(template)?;
    let commit = Oid::from_str(&named(template)?).and_then(|id| repository.find_commit(id));
    let head = repository.head()?.peel_to_commit()?;
    let is_here = |commit: &Commit| -> Result<bool> {
        let is_past = repository.graph_descendant_of(head.id(), commit.id())?;
        Ok((is_past || head.id() == commit.id()) && of(&repository, commit)? == here)
    };
    match commit {
        Ok(commit) if is_here(&commit)? => Ok(Pin::Current),
        _ => Ok(Pin::Stale),
    }
}

/// The commit that `hooks/workflows.rhai` names.
fn named(template: &Template) -> Result<String> {
    let mut constants = constants(template, "workflows")?;
    constants
        .remove("commit")
        .context("hooks/workflows.rhai names no commit")
}

/// The repository, if it has a history, and the whole of it.
fn history(template: &Template) -> Option<Repository> {
    let repository = Repository::open(&template.root).ok()?;
    let is_whole = !repository.is_shallow() && repository.head().is_ok();
    is_whole.then_some(repository)
}

/// The commit that made the workflows what they are here, unless they are not committed yet.
fn committed(template: &Template) -> Result<Option<String>> {
    let here = here(template)?;
    let Some(repository) = history(template) else {
        return Ok(None);
    };
    let mut commit = repository.head()?.peel_to_commit()?;
    if of(&repository, &commit)? != here {
        return Ok(None);
    }
    'older: loop {
        for parent in commit.parents() {
            if of(&repository, &parent)? == here {
                commit = parent;
                continue 'older;
            }
        }
        return Ok(Some(commit.id().to_string()));
    }
}

fn here(template: &Template) -> Result<Workflows> {
    let mut found = Workflows::new();
    for entry in fs::read_dir(template.root.join(FOLDER))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with(PREFIX) {
            let text = fs::read(entry.path())?;
            found.insert(name, Oid::hash_object(git2::ObjectType::Blob, &text)?);
        }
    }
    Ok(found)
}

fn of(repository: &Repository, commit: &Commit) -> Result<Workflows> {
    let Ok(folder) = commit.tree()?.get_path(FOLDER.as_ref()) else {
        return Ok(Workflows::new());
    };
    let folder = repository.find_tree(folder.id())?;
    let entries = folder
        .iter()
        .filter_map(|entry| Some((entry.name().ok()?.to_owned(), entry.id())));
    Ok(entries
        .filter(|(name, _)| name.starts_with(PREFIX))
        .collect())
}
