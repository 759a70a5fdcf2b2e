//! `update DIR`: takes a project to another version of the template, or to other answers.

use std::{
    fs, io,
    path::{Path, PathBuf},
    thread,
};

use anyhow::{Result, ensure};
use cargo_generate::Vcs;
use clap::Args;
use tempfile::TempDir;

use crate::{
    answers::Answers,
    interruption,
    merge::Merge,
    printing,
    project::Project,
    record::{NAME, Record},
    render::{Ask, Manner, NextSteps, Template},
    report,
    source::{SourceArgs, Span},
    version::Version,
};

/// What is updated, and to what.
#[derive(Args, Clone, Debug)]
pub struct UpdateArgs {
    /// The project's folder, in a git repository where everything is committed
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,

    #[command(flatten)]
    source: SourceArgs,

    /// The version to go to, such as 0.2.0; without it, the template's
    #[arg(long, value_name = "VERSION")]
    to: Option<Version>,

    /// An answer to change, or to a new question, such as auth_type=basic; an empty one takes the default
    #[arg(long = "answer", value_name = "NAME=VALUE", value_parser = answer)]
    answers: Vec<(String, String)>,

    /// Show the changes as a patch, and make none
    #[arg(long)]
    dry_run: bool,
}

/// How an update went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All went together.
    Merged,
    /// Some files have conflicts, for the author to resolve.
    Conflicts,
}

/// Merges the difference between the recorded rendering and the wanted one into the project.
///
/// # Errors
/// One sentence, and the project is as it was.
pub fn run(template: &Template, args: &UpdateArgs) -> Result<Outcome> {
    let record = Record::read(&args.folder)?;
    let project = Project::open(&args.folder)?;
    project.ensure_clean()?;
    if args.dry_run {
        project.write_nothing()?;
    }
    let span = Span::find(template, &args.source, &record, args.to)?;
    let scratch = TempDir::new()?;
    let (into_from, into_to) = (folder(&scratch, "from")?, folder(&scratch, "to")?);
    // At once, as each takes its time.
    let (from, to) = thread::scope(|scope| {
        let render = || {
            span.from
                .render(&record.answers, &into_from, Manner::SILENT)
        };
        let from = scope.spawn(render);
        let to = render_wanted(&span, &record, &args.answers, &into_to);
        (from.join().expect("a rendering does not panic"), to)
    });
    let (from, to) = (from?, to?);

    let label = format!("template {}", span.to_version);
    let merge = Merge::of(
        &project,
        &project.rendered(&from)?,
        &project.rendered(&to)?,
        &label,
    )?;
    let outcome = if merge.conflicts.is_empty() {
        Outcome::Merged
    } else {
        Outcome::Conflicts
    };
    if merge.is_empty()? {
        printing::print(&format!(
            "{} is in step with version {} of the template.\n",
            record.answers.name, span.to_version
        ))?;
        return Ok(outcome);
    }
    if args.dry_run {
        printing::print(&merge.patch()?)?;
        return Ok(outcome);
    }
    let report = report::of(&span, &record, &Record::read(&to)?, &merge);
    // Until now, nothing was written, so that an interruption may end it anywhere.
    let interrupted = interruption::heard()?;
    merge.write(|| interrupted.try_recv().is_ok())?;
    printing::print(&format!("{report}\n"))?;
    Ok(outcome)
}

/// Renders what is wanted, asking for what is new, and refuses an answer that changes nothing.
fn render_wanted(
    span: &Span,
    record: &Record,
    changed: &[(String, String)],
    into: &Path,
) -> Result<PathBuf> {
    let answers = changed
        .iter()
        .fold(record.answers.clone(), |answers, (name, answer)| {
            if name == NAME {
                Answers {
                    name: answer.clone(),
                    ..answers
                }
            } else {
                answers.with(name, answer)
            }
        });
    let manner = Manner {
        ask: Ask::if_possible(),
        vcs: Vcs::None,
        next_steps: NextSteps::Unprinted,
    };
    let rendered = span.to.render(&answers, into, manner)?;
    let wanted = Record::read(&rendered)?;
    for (name, answer) in changed {
        let taken_back = answer.is_empty() && record.answers.get(name).is_some();
        let known = name == NAME || wanted.answers.get(name).is_some() || taken_back;
        ensure!(
            known,
            "{name} is no answer of version {} of the template",
            span.to_version
        );
    }
    Ok(rendered)
}

fn folder(scratch: &TempDir, name: &str) -> io::Result<PathBuf> {
    let folder = scratch.path().join(name);
    fs::create_dir(&folder)?;
    Ok(folder)
}

fn answer(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, answer)) => Ok((name.to_owned(), answer.to_owned())),
        None => Err("it must be NAME=VALUE, such as auth_type=basic".to_owned()),
    }
}
