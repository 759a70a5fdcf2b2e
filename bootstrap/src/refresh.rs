//! Renders into a folder again and again. What stays as it was keeps its time, by which cargo knows what it has built.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::{
    answers::Answers,
    render::{Manner, Template},
};

impl Template {
    /// Renders a service into `folder`, in place of what is there.
    ///
    /// # Errors
    /// One sentence, when an answer is refused or a file cannot be written.
    pub fn render_over(&self, answers: &Answers, folder: &Path) -> Result<()> {
        let scratch = TempDir::new().context("no temporary folder can be made")?;
        let fresh = self.render(answers, scratch.path(), Manner::SILENT)?;
        refresh(folder, &fresh).with_context(|| format!("{} cannot be written", folder.display()))
    }
}

/// Makes `folder` hold what `fresh` does, and nothing else. Files that are equal are left alone.
///
/// # Errors
/// When a file cannot be read, written or removed.
pub fn refresh(folder: &Path, fresh: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for (name, path) in entries(folder)? {
        let other = fresh.join(name);
        if path.is_dir() && !other.is_dir() {
            fs::remove_dir_all(path)?;
        } else if !path.is_dir() && !other.is_file() {
            fs::remove_file(path)?;
        }
    }
    for (name, path) in entries(fresh)? {
        let kept = folder.join(name);
        if path.is_dir() {
            refresh(&kept, &path)?;
        } else if fs::read(&kept).ok() != Some(fs::read(&path)?) {
            fs::copy(&path, &kept)?;
        }
    }
    Ok(())
}

/// The name and the path of each file and folder in a folder.
fn entries(folder: &Path) -> io::Result<Vec<(PathBuf, PathBuf)>> {
    let entries = fs::read_dir(folder)?;
    let entry = |entry: fs::DirEntry| (entry.file_name().into(), entry.path());
    entries.map(|found| found.map(entry)).collect()
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    fn written(files: &[(&str, &str)]) -> TempDir {
        let folder = TempDir::new().unwrap();
        for (path, text) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    #[test]
    fn a_folder_becomes_the_fresh_one_and_what_is_equal_is_not_touched() {
        let kept = written(&[
            ("same", "1"),
            ("other", "1"),
            ("gone", "1"),
            ("gone-too/file", "1"),
            ("now-a-file/file", "1"),
            ("now-a-folder", "1"),
        ]);
        let fresh = written(&[
            ("same", "1"),
            ("other", "2"),
            ("new/file", "3"),
            ("now-a-file", "4"),
            ("now-a-folder/file", "5"),
        ]);
        let same = fs::File::open(kept.path().join("same")).unwrap();
        same.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        refresh(kept.path(), fresh.path()).unwrap();

        let read = |path: &str| fs::read_to_string(kept.path().join(path)).ok();
        for (path, text) in [
            ("same", Some("1")),
            ("other", Some("2")),
            ("gone", None),
            ("new/file", Some("3")),
            ("now-a-file", Some("4")),
            ("now-a-folder/file", Some("5")),
        ] {
            assert_eq!(read(path).as_deref(), text, "{path}");
        }
        assert!(!kept.path().join("gone-too").exists());
        let modified = same.metadata().unwrap().modified().unwrap();
        assert_eq!(modified, SystemTime::UNIX_EPOCH);
    }
}
