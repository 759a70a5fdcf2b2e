//! A project in its git repository: whether it is clean, and how it would look as it was rendered.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::record::FILE;
use anyhow::{Context, Result, bail, ensure};
use git2::{
    Index, IndexEntry, IndexTime, ObjectType, Oid, Repository, RepositoryState, StatusOptions,
    Tree, TreeEntry,
};
use walkdir::WalkDir;

/// The modes that git knows of a file.
const PLAIN: u32 = 0o100_644;
const EXECUTABLE: u32 = 0o100_755;

/// A project that is committed to git.
pub struct Project {
    /// Its repository.
    pub repository: Repository,
    /// The project's folder in the repository: empty, unless the repository holds more than it.
    folder: PathBuf,
}

impl Project {
    /// Finds the repository that a folder is in.
    ///
    /// # Errors
    /// One sentence, when there is none, or none with a commit.
    pub fn open(folder: &Path) -> Result<Self> {
        let shown = folder.display();
        let repository = Repository::discover(folder).with_context(|| {
            format!("{shown} is in no git repository, into which an update could be merged")
        })?;
        ensure!(
            repository.head().is_ok(),
            "{shown} has no commit yet: commit it first, so that you can see what an update changes",
        );
        let root = repository
            .workdir()
            .with_context(|| format!("{shown} is in a bare repository"))?;
        let inside = folder
            .canonicalize()?
            .strip_prefix(root.canonicalize()?)?
            .to_owned();
        Ok(Self {
            repository,
            folder: inside,
        })
    }

    /// Keeps whatever git is given from now on in memory, and its folder as it is.
    ///
    /// # Errors
    /// When git cannot.
    pub fn write_nothing(&self) -> Result<()> {
        // The object databases on disk have the priorities 1 and 2.
        self.repository.odb()?.add_new_mempack_backend(3)?;
        Ok(())
    }

    /// Refuses a repository in which anything is uncommitted, which an update could mix with its own.
    ///
    /// # Errors
    /// One sentence, which names a file.
    pub fn ensure_clean(&self) -> Result<()> {
        let mut options = StatusOptions::new();
        options.include_untracked(true);
        let statuses = self.repository.statuses(Some(&mut options))?;
        if let Some(entry) = statuses.iter().next() {
            let file = String::from_utf8_lossy(entry.path_bytes()).into_owned();
            bail!(
                "{file} is not committed: commit or stash it first, so that nothing of yours can get lost"
            );
        }
        ensure!(
            self.repository.state() == RepositoryState::Clean,
            "git is in the middle of a merge or the like: finish that first",
        );
        Ok(())
    }

    /// What is committed.
    ///
    /// # Errors
    /// When git cannot read it.
    pub fn committed(&self) -> Result<Tree<'_>> {
        Ok(self.repository.head()?.peel_to_tree()?)
    }

    /// A file of the project's, as the repository calls it.
    pub fn path(&self, file: &str) -> PathBuf {
        self.folder.join(file)
    }

    /// What would be committed if the project were as it was rendered, and all round it as it is.
    ///
    /// # Errors
    /// When a file cannot be read, or git cannot take it.
    pub fn rendered(&self, rendering: &Path) -> Result<Tree<'_>> {
        let committed = self.committed()?;
        let mut index = Index::new()?;
        if !self.folder.as_os_str().is_empty() {
            index.read_tree(&committed)?;
            index.remove_dir(&self.folder, 0)?;
        }
        let record = committed.get_path(&self.folder.join(FILE)).ok();
        for entry in WalkDir::new(rendering) {
            let entry = entry?;
            if entry.file_type().is_file() {
                let path = self.folder.join(entry.path().strip_prefix(rendering)?);
                let committed = committed.get_path(&path).ok();
                let like = committed.as_ref().or(record.as_ref());
                let blob = self.blob(&fs::read(entry.path())?, like)?;
                let mode = mode(entry.path(), committed.as_ref())?;
                let path = path.to_str().context("a file's name is no text")?;
                index.add(&index_entry(&path.replace('\\', "/"), blob, mode))?;
            }
        }
        let tree = index.write_tree_to(&self.repository)?;
        Ok(self.repository.find_tree(tree)?)
    }

    /// What git keeps of a rendered text: with the ends of line that the committed file has, or one
    /// `like` it. Otherwise every line that was committed from Windows would be the author's change.
    fn blob(&self, text: &[u8], like: Option<&TreeEntry<'_>>) -> Result<Oid> {
        let Some(like) = like else {
            return Ok(self.repository.blob(text)?);
        };
        // Most files are as they are committed, and known to git.
        if like.id() == Oid::hash_object(ObjectType::Blob, text)? {
            return Ok(like.id());
        }
        match self.repository.find_blob(like.id()) {
            Ok(committed) if is_crlf(committed.content()) => {
                Ok(self.repository.blob(&with_crlf(text))?)
            }
            _ => Ok(self.repository.blob(text)?),
        }
    }
}

/// A file as git's index has it; what the index says besides is about a file on disk.
pub fn index_entry(path: &str, id: Oid, mode: u32) -> IndexEntry {
    IndexEntry {
        id,
        mode,
        path: path.into(),
        ctime: IndexTime::new(0, 0),
        mtime: IndexTime::new(0, 0),
        dev: 0,
        ino: 0,
        uid: 0,
        gid: 0,
        file_size: 0,
        flags: 0,
        flags_extended: 0,
    }
}

fn is_crlf(text: &[u8]) -> bool {
    let mut lines = text.split_inclusive(|byte| *byte == b'\n').peekable();
    let ends_a_line = lines.peek().is_some_and(|line| line.ends_with(b"\n"));
    ends_a_line && lines.all(|line| line.ends_with(b"\r\n") || !line.ends_with(b"\n"))
}

fn with_crlf(text: &[u8]) -> Vec<u8> {
    let lines = text.split(|byte| *byte == b'\n');
    lines.collect::<Vec<_>>().join(&b"\r\n"[..])
}

/// The mode of a rendered file.
#[cfg(unix)]
fn mode(rendered: &Path, _committed: Option<&TreeEntry<'_>>) -> Result<u32> {
    use std::os::unix::fs::PermissionsExt;

    let bits = fs::metadata(rendered)?.permissions().mode();
    Ok(if bits & 0o100 == 0 { PLAIN } else { EXECUTABLE })
}

/// The mode of a rendered file: as it is committed, since Windows does not say.
#[cfg(not(unix))]
fn mode(_rendered: &Path, committed: Option<&TreeEntry<'_>>) -> Result<u32> {
    let executable = committed.is_some_and(|entry| entry.filemode() as u32 == EXECUTABLE);
    Ok(if executable { EXECUTABLE } else { PLAIN })
}
