//! Where the templates of an update come from: the one a project was rendered from, and a newer one.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use tempfile::TempDir;

use crate::{
    history::History,
    record::{FILE, Record},
    render::Template,
    version::Version,
};

/// Which template a project is held against.
#[derive(Args, Clone, Debug)]
pub struct SourceArgs {
    /// The template: a folder, or a git URL for its newest version. Without it, the one in this tool
    #[arg(long, value_name = "DIR-OR-URL")]
    template: Option<String>,
}

/// The template that a project was rendered from, and the one it is held against.
pub struct Span {
    /// What the project was rendered from.
    pub from: Template,
    /// Its version.
    pub from_version: Version,
    /// What the project is held against.
    pub to: Template,
    /// Its version, which is the same or a later one.
    pub to_version: Version,
    /// Holds what had to be fetched or taken out of a history.
    _scratch: TempDir,
}

impl Span {
    /// Finds both templates; `wanted` is a version other than the one at hand.
    ///
    /// # Errors
    /// One sentence, when there is no such version, or the project is of a later one.
    pub fn find(
        built_in: &Template,
        args: &SourceArgs,
        record: &Record,
        wanted: Option<Version>,
    ) -> Result<Self> {
        let scratch = TempDir::new().context("no temporary folder can be made")?;
        let source = Source::open(built_in, args, scratch.path())?;
        let to = source.target(wanted, &scratch.path().join("to"))?;
        let to_version = Version::of(&to)?;
        let from_version = record.template.version;
        ensure!(
            from_version <= to_version,
            "{} was rendered from version {from_version} of the template, which is later than {to_version}",
            record.answers.name,
        );
        let from = source.recorded(record, (&to, to_version), scratch.path())?;
        Ok(Self {
            from,
            from_version,
            to,
            to_version,
            _scratch: scratch,
        })
    }
}

/// A template with whatever is known of its history.
struct Source {
    place: String,
    folder: Option<PathBuf>,
    history: Option<History>,
}

impl Source {
    fn open(built_in: &Template, args: &SourceArgs, scratch: &Path) -> Result<Self> {
        let place = match &args.template {
            Some(place) => place.clone(),
            None => built_in.root.display().to_string(),
        };
        if is_url(&place) {
            let history = History::fetch(&place, &scratch.join("history"))?;
            return Ok(Self {
                place,
                folder: None,
                history: Some(history),
            });
        }
        let folder = PathBuf::from(&place);
        ensure!(
            folder.join("cargo-generate.toml").is_file(),
            "{place} is no folder with a template, and no git URL",
        );
        let history = History::at(&folder);
        Ok(Self {
            place,
            folder: Some(folder),
            history,
        })
    }

    /// The version that is wanted; else a folder as it is, and the newest version behind a URL.
    fn target(&self, wanted: Option<Version>, into: &Path) -> Result<Template> {
        let version = match (&self.folder, wanted) {
            (Some(folder), None) => {
                return Ok(Template {
                    root: folder.clone(),
                });
            }
            (_, Some(version)) => version,
            (None, None) => self.newest()?,
        };
        match self.export(version, into)? {
            Some(template) => Ok(template),
            None => bail!("{}", unknown(version, &self.place)),
        }
    }

    fn newest(&self) -> Result<Version> {
        let newest = self
            .history
            .as_ref()
            .map(History::newest)
            .transpose()?
            .flatten();
        newest.with_context(|| format!("the template at {} has no tag of a version", self.place))
    }

    /// What a project was rendered from: here, or else where its record says.
    fn recorded(
        &self,
        record: &Record,
        (to, to_version): (&Template, Version),
        scratch: &Path,
    ) -> Result<Template> {
        let version = record.template.version;
        let into = scratch.join("from");
        if let Some(template) = self.export(version, &into)? {
            return Ok(template);
        }
        // A version that is in the making has no tag yet.
        if version == to_version {
            return Ok(to.clone());
        }
        let url = &record.template.repository;
        if *url == self.place {
            bail!("{}", unknown(version, url));
        }
        let history = History::fetch(url, &scratch.join("recorded")).with_context(|| {
            format!(
                "version {version}, which {FILE} names, is not in {}",
                self.place
            )
        })?;
        match history.export(version, &into)? {
            Some(template) => Ok(template),
            None => bail!("{}", unknown(version, url)),
        }
    }

    fn export(&self, version: Version, into: &Path) -> Result<Option<Template>> {
        match &self.history {
            Some(history) => history.export(version, into),
            None => Ok(None),
        }
    }
}

fn unknown(version: Version, place: &str) -> String {
    format!(
        "there is no version {version} of the template at {place}: it has no tag {}",
        version.tag()
    )
}

/// Whether git takes it for a URL: `https://…`, or `git@host:path`, which is no drive of Windows.
fn is_url(place: &str) -> bool {
    place.contains("://")
        || place
            .split_once(':')
            .is_some_and(|(host, _)| host.contains('@'))
}
