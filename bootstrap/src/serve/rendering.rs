//! A rendered service in memory.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, Result};
use axum::body::Bytes;
use tempfile::TempDir;
use walkdir::{DirEntry, WalkDir};

use super::skeleton::Skeleton;
use crate::{answers::Answers, render::Manner};

/// The files of a service, and its name.
pub struct Rendering {
    pub name: String,
    /// By path, with forward slashes.
    pub files: BTreeMap<String, File>,
}

/// One file.
#[derive(Clone, PartialEq, Eq)]
pub struct File {
    pub content: Bytes,
    pub mode: Mode,
}

/// What a file is to its owner, as git knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Plain,
    Executable,
}

impl Rendering {
    /// Renders a service in a temporary folder, which is gone afterwards.
    ///
    /// # Errors
    /// One sentence, when an answer is refused or the disk is full.
    pub fn of(skeleton: &Skeleton, answers: &Answers) -> Result<Self> {
        let scratch = TempDir::new().context("no temporary folder can be made")?;
        let rendered = skeleton
            .template
            .render(answers, scratch.path(), Manner::SILENT);
        Ok(Self {
            files: skeleton.filled(files(&rendered?)?),
            name: answers.name.clone(),
        })
    }

    /// How many bytes of memory it takes beside the skeleton.
    pub fn own_bytes(&self, skeleton: &Skeleton) -> usize {
        let bytes = self
            .files
            .iter()
            .map(|(path, file)| match skeleton.shares(path) {
                true => path.len(),
                false => path.len() + file.content.len(),
            });
        bytes.sum()
    }
}

/// The files below a folder.
///
/// # Errors
/// When one cannot be read, or its path is not UTF-8.
pub fn files(folder: &Path) -> Result<BTreeMap<String, File>> {
    let mut files = BTreeMap::new();
    let walk = WalkDir::new(folder).into_iter();
    for entry in walk.filter_entry(|entry| entry.depth() == 0 || is_source(entry)) {
        let entry = entry?;
        if entry.file_type().is_file() {
            let path = relative(entry.path(), folder)?;
            files.insert(path, File::read(entry.path())?);
        }
    }
    Ok(files)
}

/// Whether it is neither build output nor git's own.
pub fn is_source(entry: &DirEntry) -> bool {
    let name = entry.file_name();
    name != "target" && name != ".git"
}

/// The path below a folder, with forward slashes.
///
/// # Errors
/// When it is not UTF-8, or not below it.
pub fn relative(path: &Path, folder: &Path) -> Result<String> {
    let path = path.strip_prefix(folder)?;
    let path = path.to_str().context("a path is not UTF-8")?;
    Ok(path.replace('\\', "/"))
}

impl File {
    fn read(path: &Path) -> Result<Self> {
        Ok(Self {
            content: fs::read(path)?.into(),
            mode: Mode::of(&fs::metadata(path)?),
        })
    }

    /// Its text, unless it has none.
    pub fn text(&self) -> Option<&str> {
        str::from_utf8(&self.content).ok()
    }
}

impl Mode {
    #[cfg(unix)]
    fn of(metadata: &fs::Metadata) -> Self {
        use std::os::unix::fs::PermissionsExt;

        match metadata.permissions().mode() & 0o100 {
            0 => Self::Plain,
            _ => Self::Executable,
        }
    }

    #[cfg(not(unix))]
    fn of(_: &fs::Metadata) -> Self {
        Self::Plain
    }

    /// The permissions in an archive.
    pub fn permissions(self) -> u32 {
        match self {
            Self::Plain => 0o644,
            Self::Executable => 0o755,
        }
    }
}
