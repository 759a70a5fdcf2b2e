//! A version that has no tag: of the commits that hold it, the one that a project is most like.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::Result;
use git2::{ObjectType, Oid, Repository, Sort, Tree, TreeWalkMode, TreeWalkResult};

use crate::{
    history::History,
    house::{self, Constants},
    record::Record,
    render::Template,
    version::Version,
};

/// Writes the template of the recorded version that is closest to a project into a folder, if a commit holds it.
///
/// # Errors
/// When the history cannot be read, or the folder cannot be written.
pub fn export(history: &History, record: &Record, into: &Path) -> Result<Option<Template>> {
    let repository = &history.repository;
    let mut newest_first = repository.revwalk()?;
    newest_first.set_sorting(Sort::TOPOLOGICAL | Sort::TIME)?;
    newest_first.push_head()?;
    let mut project = Files::of(&record.folder);
    let mut closest = None;
    for commit in newest_first {
        let tree = repository.find_commit(commit?)?.tree()?;
        if version(repository, &tree) != Some(record.template.version) {
            continue;
        }
        let alike = project.alike(repository, &tree)?;
        // Of two that are as close, the newer one.
        if closest.as_ref().is_none_or(|(most, _)| alike > *most) {
            closest = Some((alike, tree));
        }
    }
    let template = closest.map(|(_, tree)| history.write_parts(&tree, into));
    template.transpose()
}

/// The version of the template in a commit, if there is one.
fn version(repository: &Repository, commit: &Tree<'_>) -> Option<Version> {
    let constants = |module: &str| -> Option<Constants> {
        let path = format!("hooks/{module}.rhai");
        let entry = commit.get_path(Path::new(&path)).ok()?;
        let blob = repository.find_blob(entry.id()).ok()?;
        Some(house::constants_in(
            std::str::from_utf8(blob.content()).ok()?,
        ))
    };
    Version::among(&constants("version")?, &constants("house")?).ok()
}

/// A project's files, as git would name what they hold.
struct Files<'a> {
    folder: &'a Path,
    known: BTreeMap<PathBuf, Option<Oid>>,
}

impl<'a> Files<'a> {
    fn of(folder: &'a Path) -> Self {
        let known = BTreeMap::new();
        Self { folder, known }
    }

    /// How many files of the template in a commit the project has as they are. Those with Liquid are not among them.
    fn alike(&mut self, repository: &Repository, commit: &Tree<'_>) -> Result<usize> {
        let Ok(template) = commit.get_path(Path::new("template")) else {
            return Ok(0);
        };
        let mut alike = 0;
        let template = repository.find_tree(template.id())?;
        template.walk(TreeWalkMode::PreOrder, |folder, entry| {
            if entry.kind() == Some(ObjectType::Blob) {
                let path = PathBuf::from(folder).join(entry.name().unwrap_or_default());
                alike += usize::from(self.id(path) == Some(entry.id()));
            }
            TreeWalkResult::Ok
        })?;
        Ok(alike)
    }

    /// What git calls the text of a file, whichever ends its lines have.
    fn id(&mut self, path: PathBuf) -> Option<Oid> {
        let file = self.folder.join(&path);
        *self.known.entry(path).or_insert_with(|| {
            let mut text = fs::read(file).ok()?;
            text.retain(|byte| *byte != b'\r');
            Oid::hash_object(ObjectType::Blob, &text).ok()
        })
    }
}
