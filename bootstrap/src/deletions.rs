//! What the author deleted takes no part in a merge, so that it is no conflict and stays deleted.

use std::{collections::BTreeSet, path::PathBuf};

use anyhow::Result;
use git2::{Delta, Diff, DiffFile, Index, Repository, Tree};

/// Two renderings without the files that the author deleted from the first.
pub struct Remaining<'a> {
    /// The first, without them.
    pub from: Tree<'a>,
    /// The second, without them, whatever they are called there.
    pub to: Tree<'a>,
    /// Those among them that the second has changed or moved, as the first called them.
    pub changed: BTreeSet<PathBuf>,
}

/// Leaves out of two renderings what is in the first and was since deleted, and not just moved.
///
/// # Errors
/// When git cannot compare them.
pub fn left_out<'a>(
    repository: &'a Repository,
    (from, to): (&Tree<'_>, &Tree<'_>),
    committed: &Tree<'_>,
) -> Result<Remaining<'a>> {
    let by_author = with_moves(repository, from, committed)?;
    let deleted: BTreeSet<_> = by_author
        .deltas()
        .filter(|delta| delta.status() == Delta::Deleted)
        .filter_map(|delta| path(&delta.old_file()))
        .collect();
    let mut gone = deleted.clone();
    let mut changed = BTreeSet::new();
    for delta in with_moves(repository, from, to)?.deltas() {
        let old = path(&delta.old_file()).filter(|old| deleted.contains(old));
        if let (Some(old), Delta::Modified | Delta::Renamed) = (old, delta.status()) {
            gone.extend(path(&delta.new_file()));
            changed.insert(old);
        }
    }
    Ok(Remaining {
        from: without(repository, from, &deleted)?,
        to: without(repository, to, &gone)?,
        changed,
    })
}

fn with_moves<'a>(repository: &'a Repository, old: &Tree<'_>, new: &Tree<'_>) -> Result<Diff<'a>> {
    let mut diff = repository.diff_tree_to_tree(Some(old), Some(new), None)?;
    diff.find_similar(None)?;
    Ok(diff)
}

fn path(file: &DiffFile<'_>) -> Option<PathBuf> {
    file.path().map(PathBuf::from)
}

fn without<'a>(
    repository: &'a Repository,
    tree: &Tree<'_>,
    files: &BTreeSet<PathBuf>,
) -> Result<Tree<'a>> {
    let mut index = Index::new()?;
    index.read_tree(tree)?;
    for file in files {
        if index.get_path(file, 0).is_some() {
            index.remove(file, 0)?;
        }
    }
    let tree = index.write_tree_to(repository)?;
    Ok(repository.find_tree(tree)?)
}
