//! The template without what is the same in every service, so that there is less to copy for each rendering.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, Result};
use tempfile::TempDir;
use walkdir::WalkDir;

use super::rendering::{self, File};
use crate::render::{PARTS, Template};

/// The file that stands for all of a folder.
const WHOLE: &str = ".whole";

/// A copy of a template, in a temporary folder of its own, in which one empty file stands for a folder without Liquid. The
/// hooks keep such a folder or delete it, and it is in the service as it is in the template.
pub struct Skeleton {
    /// What is rendered.
    pub template: Template,
    /// What the folders hold, by their paths in the template: `apikit` holds `src/lib.rs` and others.
    folders: BTreeMap<String, BTreeMap<String, File>>,
    _scratch: TempDir,
}

impl Skeleton {
    /// The skeleton of a template.
    ///
    /// # Errors
    /// When the template cannot be read, or the temporary folder cannot be written.
    pub fn of(template: &Template) -> Result<Self> {
        let scratch = TempDir::new().context("no temporary folder can be made")?;
        let liquid = liquid(template)?;
        let mut folders = BTreeMap::new();
        let walk = WalkDir::new(&template.root).into_iter();
        let mut walk = walk.filter_entry(|entry| {
            let name = entry.file_name();
            let is_part = entry.depth() != 1 || PARTS.iter().any(|part| name == *part);
            is_part && (entry.depth() == 0 || rendering::is_source(entry))
        });
        while let Some(entry) = walk.next() {
            let entry = entry?;
            let path = rendering::relative(entry.path(), &template.root)?;
            let copy = scratch.path().join(&path);
            if !entry.file_type().is_dir() {
                fs::copy(entry.path(), copy)?;
                continue;
            }
            fs::create_dir_all(&copy)?;
            let folder = path.strip_prefix("template/");
            if let Some(folder) = folder.filter(|folder| !holds(folder, &liquid)) {
                fs::write(copy.join(WHOLE), "")?;
                folders.insert(folder.to_owned(), rendering::files(entry.path())?);
                walk.skip_current_dir();
            }
        }
        let root = scratch.path().to_owned();
        Ok(Self {
            template: Template { root },
            folders,
            _scratch: scratch,
        })
    }

    /// The files of a rendering of the skeleton, with the whole folders in it.
    pub fn filled(&self, mut files: BTreeMap<String, File>) -> BTreeMap<String, File> {
        for (folder, content) in &self.folders {
            if files.remove(&format!("{folder}/{WHOLE}")).is_some() {
                let content = content.iter();
                files
                    .extend(content.map(|(path, file)| (format!("{folder}/{path}"), file.clone())));
            }
        }
        files
    }

    /// Whether a file of a rendering is in one of the folders, whose memory all renderings share.
    pub fn shares(&self, path: &str) -> bool {
        let mut folders = self.folders.keys();
        folders.any(|folder| is_below(path, folder))
    }
}

/// The paths of the files that hold Liquid, as they are in a service.
fn liquid(template: &Template) -> Result<Vec<String>> {
    let questions = fs::read_to_string(template.root.join("cargo-generate.toml"))?;
    let questions: toml::Table = questions.parse()?;
    let include = questions["template"].get("include");
    let include = include.and_then(|include| include.as_array());
    let paths = include
        .into_iter()
        .flatten()
        .filter_map(|path| path.as_str());
    Ok(paths
        .map(|path| path.trim_start_matches('/').to_owned())
        .collect())
}

fn holds(folder: &str, files: &[String]) -> bool {
    files.iter().any(|file| is_below(file, folder))
}

fn is_below(path: &str, folder: &str) -> bool {
    Path::new(path).starts_with(folder)
}
