//! A rendered service in memory.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, Result};
use axum::body::Bytes;
use tempfile::TempDir;
use walkdir::WalkDir;

use crate::{
    answers::Answers,
    render::{Manner, Template},
};

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
    /// Renders a service in a temporary folder, which is gone afterwards. Files that are as in `base` share its memory.
    ///
    /// # Errors
    /// One sentence, when an answer is refused or the disk is full.
    pub fn of(template: &Template, answers: &Answers, base: Option<&Self>) -> Result<Self> {
        let scratch = TempDir::new().context("no temporary folder can be made")?;
        let folder = template.render(answers, scratch.path(), Manner::SILENT)?;
        let mut files = BTreeMap::new();
        for entry in WalkDir::new(&folder) {
            let entry = entry?;
            if entry.file_type().is_file() {
                let path = entry.path().strip_prefix(&folder)?;
                let path = path.to_str().context("a path is not UTF-8")?;
                let path = path.replace('\\', "/");
                let known = base.and_then(|base| base.files.get(&path));
                files.insert(path, File::read(entry.path(), known)?);
            }
        }
        Ok(Self {
            name: answers.name.clone(),
            files,
        })
    }

    /// How many bytes of memory it takes beside `base`.
    pub fn own_bytes(&self, base: &Self) -> usize {
        let shared = |path: &String, file: &File| {
            let known = base.files.get(path);
            known.is_some_and(|known| known.content.as_ptr() == file.content.as_ptr())
        };
        let paths: usize = self.files.keys().map(String::len).sum();
        let own = self.files.iter().filter(|(path, file)| !shared(path, file));
        paths + own.map(|(_, file)| file.content.len()).sum::<usize>()
    }
}

impl File {
    fn read(path: &Path, known: Option<&Self>) -> Result<Self> {
        let read = Self {
            content: fs::read(path)?.into(),
            mode: Mode::of(&fs::metadata(path)?),
        };
        Ok(match known {
            Some(known) if *known == read => known.clone(),
            _ => read,
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
