//! The files that are the author's from the first edit on: an update leaves them as they are.
//!
//! The template brings them as a sample, to be replaced. A merge of another sample into what the author wrote in its
//! place would be a conflict that no one wants to resolve.

use std::{collections::BTreeSet, path::PathBuf};

use anyhow::{Context, Result};
use git2::{Index, Tree};

use crate::project::{Project, index_entry};

/// The samples; the last is version 0.1.0's.
const SAMPLES: [&str; 4] = [
    "src/service.rs",
    "tests/api/service.rs",
    "examples/backend.rs",
    "examples/backend/api.rs",
];

/// A later rendering that leaves alone what the author made of the samples.
pub struct Kept<'a> {
    /// The rendering, with the earlier samples where the author has changed them.
    pub to: Tree<'a>,
    /// Those among them that the template has changed, moved or dropped.
    pub changed: BTreeSet<PathBuf>,
}

/// Puts the samples of the earlier of two renderings into the later one, where the author has changed them.
///
/// # Errors
/// When git cannot read the renderings.
pub fn kept<'a>(project: &'a Project, from: &Tree<'_>, to: &Tree<'_>) -> Result<Kept<'a>> {
    let committed = project.committed()?;
    let mut index = Index::new()?;
    index.read_tree(to)?;
    let mut changed = BTreeSet::new();
    for path in SAMPLES.map(|sample| project.path(sample)) {
        let (Ok(before), Ok(authors)) = (from.get_path(&path), committed.get_path(&path)) else {
            continue;
        };
        let after = to.get_path(&path).ok().map(|entry| entry.id());
        if authors.id() != before.id() && after != Some(before.id()) {
            let name = path.to_str().context("a file's name is no text")?;
            let mode = u32::try_from(before.filemode())?;
            index.add(&index_entry(&name.replace('\\', "/"), before.id(), mode))?;
            changed.insert(path);
        }
    }
    let to = index.write_tree_to(&project.repository)?;
    Ok(Kept {
        to: project.repository.find_tree(to)?,
        changed,
    })
}
