//! `check DIR`: says whether a project is behind the template, or differs where the house's files are.

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
    record::Record,
    render::{Manner, Template},
    source::{SourceArgs, Span},
};

/// The files that are the same in all services, but for the answers.
const HOUSE: [&str; 4] = ["src/apikit", "src/app.rs", "src/lib.rs", "src/main.rs"];

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
    /// It is of the template's version, and the house's files are as they were rendered.
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
    let name = &record.answers.name;
    if span.from_version < span.to_version {
        println!(
            "behind: {name} is of version {}, and the template is at {}",
            span.from_version, span.to_version
        );
    }
    for file in &drifted {
        println!(
            "drifted: {file} is not as version {} has it",
            span.from_version
        );
    }
    if span.from_version < span.to_version || !drifted.is_empty() {
        return Ok(Standing::Apart);
    }
    println!(
        "{name} is in step with version {} of the template.",
        span.to_version
    );
    Ok(Standing::InStep)
}

/// The house's files that are not as they were rendered: changed, missing, or none of the template's.
fn drifted(template: &Template, record: &Record, folder: &Path) -> Result<Vec<String>> {
    let scratch = TempDir::new()?;
    let rendered = template.render(&record.answers, scratch.path(), Manner::SILENT)?;
    let mut files = BTreeSet::new();
    for root in [&rendered, folder] {
        for entry in HOUSE
            .iter()
            .flat_map(|part| WalkDir::new(root.join(part)))
            .flatten()
        {
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
