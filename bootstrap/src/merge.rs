//! Carries what differs between two renderings into a project: a three-way merge, as git makes it.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use git2::{
    CheckoutNotificationType, DiffFormat, ErrorCode, Index, MergeOptions, ResetType, Tree,
    build::CheckoutBuilder,
};
use tempfile::TempDir;

use crate::{
    deletions, gone,
    project::{Project, index_entry},
    samples,
};

/// A merge that is made, and not yet written into the project.
pub struct Merge<'a> {
    project: &'a Project,
    index: Index,
    /// What the template's side of a conflict is called.
    label: String,
    /// The files whose two sides contradict each other.
    pub conflicts: BTreeSet<String>,
    /// The files that the author deleted and the template changed. They stay deleted.
    pub kept_deleted: BTreeSet<PathBuf>,
    /// The files that the author wrote in the place of a sample, of which the template has another now.
    pub kept_samples: BTreeSet<PathBuf>,
    /// The files that the author changed and the template has no longer, or elsewhere.
    pub changed_and_gone: BTreeSet<PathBuf>,
}

impl<'a> Merge<'a> {
    /// Merges what differs between two trees into what is committed; `label` names the later one.
    ///
    /// # Errors
    /// When git cannot.
    pub fn of(project: &'a Project, from: &Tree<'_>, to: &Tree<'_>, label: &str) -> Result<Self> {
        let repository = &project.repository;
        let committed = project.committed()?;
        let kept = samples::kept(project, from, to)?;
        let to = &kept.to;
        let remaining = deletions::left_out(repository, (from, to), &committed)?;
        let mut options = MergeOptions::new();
        options.find_renames(true);
        let index =
            repository.merge_trees(&remaining.from, &committed, &remaining.to, Some(&options))?;
        let mut conflicts = BTreeSet::new();
        for conflict in index.conflicts()? {
            let conflict = conflict?;
            let side = conflict.our.or(conflict.their).or(conflict.ancestor);
            let path = side.map(|entry| String::from_utf8(entry.path));
            conflicts.extend(path.transpose()?);
        }
        let mut changed_and_gone = gone::changed(&remaining.from, &remaining.to, &committed)?;
        changed_and_gone.retain(|file| !conflicts.iter().any(|path| Path::new(path) == file));
        Ok(Self {
            project,
            index,
            label: label.to_owned(),
            changed_and_gone,
            conflicts,
            kept_deleted: remaining.changed,
            kept_samples: kept.changed,
        })
    }

    /// Whether there is nothing to write.
    ///
    /// # Errors
    /// When git cannot read the project.
    pub fn is_empty(&self) -> Result<bool> {
        let committed = self.project.committed()?;
        let repository = &self.project.repository;
        let diff = repository.diff_tree_to_index(Some(&committed), Some(&self.index), None)?;
        Ok(diff.deltas().len() == 0)
    }

    /// What would be written, as a patch: conflicts are in it as they would be marked.
    ///
    /// # Errors
    /// When git cannot make it.
    pub fn patch(mut self) -> Result<String> {
        self.mark_conflicts()?;
        let repository = &self.project.repository;
        let merged = repository.find_tree(self.index.write_tree_to(repository)?)?;
        let committed = self.project.committed()?;
        let mut diff = repository.diff_tree_to_tree(Some(&committed), Some(&merged), None)?;
        diff.find_similar(None)?;
        let mut patch = Vec::new();
        diff.print(DiffFormat::Patch, |_, _, line| {
            if matches!(line.origin(), '+' | '-' | ' ') {
                patch.push(line.origin() as u8);
            }
            patch.extend(line.content());
            true
        })?;
        Ok(String::from_utf8_lossy(&patch).into_owned())
    }

    /// Puts the files with marks into the place of the conflicts.
    fn mark_conflicts(&mut self) -> Result<()> {
        if self.conflicts.is_empty() {
            return Ok(());
        }
        let scratch = TempDir::new()?;
        let mut checkout = self.checkout();
        checkout
            .force()
            .target_dir(scratch.path())
            .update_index(false)
            .disable_filters(true)
            .disable_pathspec_match(true);
        for file in &self.conflicts {
            checkout.path(file.as_str());
        }
        let repository = &self.project.repository;
        repository.checkout_index(Some(&mut self.index), Some(&mut checkout))?;
        for file in &self.conflicts {
            let side = self
                .index
                .iter()
                .find(|entry| entry.path == file.as_bytes());
            let mode = side.context("a conflict is in the index")?.mode;
            self.index.conflict_remove(Path::new(file))?;
            // Where both sides moved a file, git leaves nothing at its old place.
            let marked = scratch.path().join(file);
            if marked.exists() {
                let marked = repository.blob_path(&marked)?;
                self.index.add(&index_entry(file, marked, mode))?;
            }
        }
        Ok(())
    }

    /// Writes it into the project's files and git's index, or leaves both as they were.
    ///
    /// # Errors
    /// One sentence, when a file is in the way or cannot be written, or this was interrupted.
    pub fn write(mut self, interrupted: impl FnOnce() -> bool) -> Result<()> {
        let mut in_the_way = None;
        let mut checkout = self.checkout();
        checkout
            .safe()
            .overwrite_ignored(false)
            .notify_on(CheckoutNotificationType::CONFLICT)
            .notify(|_, path, _, _, _| {
                in_the_way = path.map(|path| path.display().to_string());
                true
            });
        let repository = &self.project.repository;
        let written = repository.checkout_index(Some(&mut self.index), Some(&mut checkout));
        drop(checkout);
        match written {
            Ok(()) if !interrupted() => Ok(()),
            Ok(()) => {
                self.restore()?;
                bail!("interrupted: the project is as it was")
            }
            // git looks for what is in the way before it writes anything.
            Err(error) if error.code() == ErrorCode::Conflict => {
                let file = in_the_way.unwrap_or_else(|| error.message().to_owned());
                bail!("{file} is in the way, and not committed: nothing was changed")
            }
            Err(error) => {
                self.restore()?;
                Err(error).context("the update cannot be written, and the project is as it was")
            }
        }
    }

    fn checkout<'b>(&self) -> CheckoutBuilder<'b> {
        let mut checkout = CheckoutBuilder::new();
        checkout.our_label("yours").their_label(&self.label);
        checkout
    }

    /// Takes back what was written. All that was there before is committed.
    fn restore(&self) -> Result<()> {
        let repository = &self.project.repository;
        let committed = self.project.committed()?;
        let root = repository.workdir().context("the repository has files")?;
        let head = repository.head()?.peel_to_commit()?;
        for entry in self.index.iter() {
            let path = Path::new(std::str::from_utf8(&entry.path)?);
            if committed.get_path(path).is_err() {
                let _ = fs::remove_file(root.join(path));
                let mut folders = path.ancestors().skip(1);
                // The first that holds something else ends it, and the root holds `.git`.
                while folders
                    .next()
                    .is_some_and(|folder| fs::remove_dir(root.join(folder)).is_ok())
                {
                }
            }
        }
        repository
            .reset(head.as_object(), ResetType::Hard, None)
            .context("the project could not be put back: run `git reset --hard`")
    }
}
