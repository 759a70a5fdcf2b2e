//! `check DIR`: says whether a project is behind the template, or differs in what is the template's.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use anyhow::Result;
use clap::Args;
use tempfile::TempDir;
use walkdir::WalkDir;

use crate::{
    printing,
    record::Record,
    render::{Manner, Template},
    source::{SourceArgs, Span},
};

/// What is the template's, and the same in all services.
const TEMPLATES: &str = "apikit";

/// What is checked, and against what.
#[derive(Args, Clone, Debug)]
pub struct CheckArgs {
    /// The project's folder
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,

    #[command(flatten)]
    source: SourceArgs,
}

/// How a project stands to its template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is of the template's version, and what is the template's is as it was rendered.
    InStep,
    /// There is something to do.
    Apart,
}

/// Prints what is behind and what has drifted, a line each.
///
/// # Errors
/// One sentence, when the project or its template cannot be read.
pub fn run(template: &Template, args: &CheckArgs) -> Result<Standing> {
    let record = Record::read(&args.folder)?;
    let span = Span::find(template, &args.source, &record, None)?;
    let drifted = drifted(&span.from, &record, &args.folder)?;
    let (name, from, to) = (&record.answers.name, span.from_version, span.to_version);
    let behind = (from < to)
        .then(|| format!("behind: {name} is of version {from}, and the template is at {to}\n"));
    let drifted = drifted
        .iter()
        .map(|file| format!("drifted: {file} is not as version {from} has it\n"));
    let to_do: String = behind.into_iter().chain(drifted).collect();
    if to_do.is_empty() {
        printing::print(&format!(
            "{name} is in step with version {to} of the template.\n"
        ))?;
        return Ok(Standing::InStep);
    }
    printing::print(&to_do)?;
    Ok(Standing::Apart)
}

/// The files in `apikit/` that are not as they were rendered: changed, missing, or none of the template's.
fn drifted(template: &Template, record: &Record, folder: &Path) -> Result<Vec<String>> {
    let scratch = TempDir::new()?;
    let rendered = template.render(&record.answers, scratch.path(), Manner::SILENT)?;
    let mut files = BTreeSet::new();
    for root in [&rendered, folder] {
        for entry in WalkDir::new(root.join(TEMPLATES)).into_iter().flatten() {
            if entry.file_type().is_file() {
                files.insert(entry.path().strip_prefix(root)?.to_owned());
            }
        }
    }
    files.retain(|file| text(&rendered.join(file)) != text(&folder.join(file)));
    Ok(files
        .iter()
        .map(|file| file.display().to_string().replace('\\', "/"))
        .collect())
}

/// What a file holds, if it is there; git may have given its lines other ends.
fn text(path: &Path) -> Option<Vec<u8>> {
    let mut text = fs::read(path).ok()?;
    text.retain(|byte| *byte != b'\r');
    Some(text)
}
