//! The answers on record: what a project was rendered from. `hooks/record.rhai` writes the file.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, anyhow};
use serde::Deserialize;

use crate::{answers::Answers, version::Version};

/// The file, in the project's folder.
pub const FILE: &str = ".uservice.toml";

/// The project's own name among the answers.
pub const NAME: &str = "project-name";

/// What a project was rendered from.
#[derive(Clone, Debug)]
pub struct Record {
    /// The project's folder.
    pub folder: PathBuf,
    /// The template.
    pub template: Origin,
    /// What was answered; the rest were defaults.
    pub answers: Answers,
}

/// A template, as one can get it again.
#[derive(Clone, Debug, Deserialize)]
pub struct Origin {
    /// The git repository.
    pub repository: String,
    /// The version.
    pub version: Version,
}

/// The file, as it is written.
#[derive(Deserialize)]
struct Written {
    template: Origin,
    values: BTreeMap<String, String>,
}

impl Record {
    /// Reads the file in a project's folder.
    ///
    /// # Errors
    /// One sentence, when the folder holds no such file, or one that says too little.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(FILE);
        let text = fs::read_to_string(&path).map_err(|error| {
            let folder = folder.display();
            anyhow!("{folder} is no rendering of the template, which would hold {FILE}: {error}")
        })?;
        parse(&text, folder).with_context(|| format!("{} is broken", path.display()))
    }
}

fn parse(text: &str, folder: &Path) -> Result<Record> {
    let mut written: Written =
        toml::from_str(text).map_err(|error| anyhow!("{}", error.message()))?;
    let name = written
        .values
        .remove(NAME)
        .with_context(|| format!("missing value `{NAME}`"))?;
    let others = written.values.iter();
    Ok(Record {
        folder: folder.to_owned(),
        template: written.template,
        answers: others.fold(Answers::named(&name), |answers, (name, answer)| {
            answers.with(name, answer)
        }),
    })
}
