//! What the author changed, and the template has no longer in its place.

use std::{collections::BTreeSet, path::PathBuf};

use anyhow::Result;
use git2::{ObjectType, Tree, TreeWalkMode, TreeWalkResult};

/// The files of `from` that are in `committed` with another text, and not in `to`.
///
/// # Errors
/// When git cannot read the first.
pub fn changed(from: &Tree<'_>, to: &Tree<'_>, committed: &Tree<'_>) -> Result<BTreeSet<PathBuf>> {
    let mut found = BTreeSet::new();
    from.walk(TreeWalkMode::PreOrder, |folder, entry| {
        let path = PathBuf::from(folder).join(entry.name().unwrap_or_default());
        let is_file = entry.kind() == Some(ObjectType::Blob);
        if is_file && to.get_path(&path).is_err() {
            let now = committed.get_path(&path);
            if now.is_ok_and(|now| now.id() != entry.id()) {
                found.insert(path);
            }
        }
        TreeWalkResult::Ok
    })?;
    Ok(found)
}
