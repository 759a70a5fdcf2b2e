//! Renders the template into a folder, completely or not at all.

use std::{
    fs,
    io::{self, IsTerminal},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, anyhow, bail};
use cargo_generate::{GenerateArgs, TemplatePath, Vcs};
use tempfile::TempDir;

use crate::{answers::Answers, asking};

/// What of this repository a rendering is made from.
pub const PARTS: [&str; 3] = ["cargo-generate.toml", "hooks", "template"];

/// The template, as a repository's folder.
#[derive(Clone, Debug)]
pub struct Template {
    /// The folder that holds `cargo-generate.toml`.
    pub root: PathBuf,
}

/// How a rendering goes about it.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// Ask on the terminal for what was not given.
    pub ask: Ask,
    /// Make the folder a git repository.
    pub vcs: Vcs,
    /// Print the next steps.
    pub next_steps: NextSteps,
}

/// Whether questions may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// On the terminal.
    OnTerminal,
    /// Never: what was not given has its default.
    Never,
}

/// Whether the next steps are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextSteps {
    /// On standard output.
    Printed,
    /// Nowhere.
    Unprinted,
}

impl Ask {
    /// On the terminal, when there is one.
    pub fn if_possible() -> Self {
        if io::stdin().is_terminal() && io::stderr().is_terminal() {
            Self::OnTerminal
        } else {
            Self::Never
        }
    }
}

impl Manner {
    /// No questions, no repository, no output.
    pub const SILENT: Self = Self {
        ask: Ask::Never,
        vcs: Vcs::None,
        next_steps: NextSteps::Unprinted,
    };
}

impl Template {
    /// The template that this tool was built with.
    pub fn here() -> Self {
        Self {
            root: env!("CARGO_MANIFEST_DIR").into(),
        }
    }

    /// Renders a service into the folder `into/<name>` and returns that folder. On a terminal, an empty name is asked for.
    ///
    /// # Errors
    /// One sentence when an answer is refused or the folder exists. Nothing is left behind, so
    /// that the same call can be repeated.
    pub fn render(&self, answers: &Answers, into: &Path, manner: Manner) -> Result<PathBuf> {
        if !into.is_dir() {
            bail!("there is no folder {} to render into", into.display());
        }
        let folder = into.join(&answers.name);
        // Any other name is for the hooks to refuse, with the rule.
        if is_plain(&answers.name) {
            can_be_made(&folder)?;
        }
        self.check_choices(answers)?;

        let scratch = TempDir::new().context("no temporary folder can be made")?;
        let staged = self.stage(scratch.path())?;
        if manner.ask == Ask::OnTerminal {
            asking::write(&staged, answers, into)?;
        }
        let rendered = generate(&staged, answers, scratch.path(), (manner, into))?;
        let name = rendered.file_name().context("a service has a folder")?;
        let folder = into.join(name);
        fs::create_dir(&folder).map_err(|error| cannot_be_made(&folder, &error))?;
        // Moved at once, where the temporary folder is on the same disk.
        if fs::rename(&rendered, &folder).is_ok() {
            return Ok(folder);
        }
        if let Err(error) = copy_all(&rendered, &folder) {
            let _ = fs::remove_dir_all(&folder);
            return Err(error).context(format!("{} cannot be written", folder.display()));
        }
        Ok(folder)
    }

    /// Refuses what is not among the choices of its question, naming them; cargo-generate does not.
    fn check_choices(&self, answers: &Answers) -> Result<()> {
        let config = fs::read_to_string(self.root.join("cargo-generate.toml"))?;
        let config: toml::Table = config.parse()?;
        for (placeholder, answer) in &answers.given {
            let choices: Vec<_> = config["placeholders"]
                .get(placeholder)
                .and_then(|question| question.get("choices")?.as_array())
                .into_iter()
                .flatten()
                .filter_map(|choice| choice.as_str())
                .collect();
            if !choices.is_empty() && !choices.contains(&answer.as_str()) {
                let choices = choices.join(", ");
                bail!("{placeholder} {answer:?} is none of the choices: {choices}");
            }
        }
        Ok(())
    }

    /// Copies what is rendered, and no build output, to a folder of its own: cargo-generate would
    /// copy the whole repository, `target/` included.
    fn stage(&self, scratch: &Path) -> Result<PathBuf> {
        let staged = scratch.join("template");
        fs::create_dir(&staged)?;
        for part in PARTS {
            copy(&self.root.join(part), &staged.join(part))
                .with_context(|| format!("the template's {part} cannot be read"))?;
        }
        Ok(staged)
    }
}

fn generate(
    staged: &Path,
    answers: &Answers,
    scratch: &Path,
    (manner, into): (Manner, &Path),
) -> Result<PathBuf> {
    let destination = scratch.join("service");
    fs::create_dir(&destination)?;
    // A configuration of the user's own could answer questions that were not asked.
    let config = scratch.join("cargo-generate.toml");
    fs::write(&config, "")?;

    // A file, because `define` would take the blanks off the beginning of an answer.
    let mut values: toml::Table = answers
        .given
        .iter()
        .map(|(name, answer)| (name.clone(), answer.as_str().into()))
        .collect();
    values.insert("tidy".to_owned(), "yes".into());
    if manner.next_steps == NextSteps::Unprinted {
        values.insert("quiet".to_owned(), "yes".into());
    }
    if into != Path::new(".") {
        let into = into.display().to_string();
        values.insert("into".to_owned(), into.trim_end_matches('/').into());
    }
    let values_file = scratch.join("values.toml");
    let values = toml::Table::from_iter([("values".to_owned(), values.into())]);
    fs::write(&values_file, values.to_string())?;

    cargo_generate::generate(GenerateArgs {
        template_path: TemplatePath {
            path: Some(staged.display().to_string()),
            ..TemplatePath::default()
        },
        name: (!is_asked(answers, manner)).then(|| answers.name.clone()),
        template_values_file: Some(values_file.display().to_string()),
        silent: manner.ask == Ask::Never,
        quiet: true,
        vcs: Some(manner.vcs),
        destination: Some(destination),
        config: Some(config),
        no_workspace: true,
        ..GenerateArgs::default()
    })
    .map_err(sentence)
}

/// Whether the name is for the init hook to ask for.
fn is_asked(answers: &Answers, manner: Manner) -> bool {
    answers.name.is_empty() && manner.ask == Ask::OnTerminal
}

/// What a hook said when it refused an answer, without Rhai's words round it.
fn sentence(error: anyhow::Error) -> anyhow::Error {
    let cause = error.root_cause().to_string();
    match cause.strip_prefix("Runtime error: ") {
        Some(said) => {
            let end = said.rfind(" (line ").unwrap_or(said.len());
            anyhow!("{}", said[..end].trim_end_matches('.'))
        }
        None => error,
    }
}

/// Copies a file or a folder, but for build output and git's own files.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    if !from.is_dir() {
        return fs::copy(from, to).map(drop);
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let name = entry?.file_name();
        if name != "target" && name != ".git" {
            copy(&from.join(&name), &to.join(&name))?;
        }
    }
    Ok(())
}

fn is_plain(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    !name.is_empty() && name.bytes().all(plain)
}

/// Refuses a folder that could not be made, before any question is asked.
fn can_be_made(folder: &Path) -> Result<()> {
    fs::create_dir(folder)
        .and_then(|()| fs::remove_dir(folder))
        .map_err(|error| cannot_be_made(folder, &error))
}

fn cannot_be_made(folder: &Path, error: &io::Error) -> anyhow::Error {
    match error.kind() {
        io::ErrorKind::AlreadyExists => anyhow!("the folder {} exists already", folder.display()),
        _ => anyhow!("the folder {} cannot be made: {error}", folder.display()),
    }
}

fn copy_all(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            fs::create_dir(&target)?;
            copy_all(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}
