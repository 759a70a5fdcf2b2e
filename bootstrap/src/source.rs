//! Where the templates of an update come from: the one a project was rendered from, and a newer one.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use clap::Args;
use tempfile::TempDir;

use crate::{closest, history::History, record::Record, render::Template, version::Version};

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
        let from = source.recorded(record, scratch.path())?;
        Ok(Self {
            from,
            from_version,
            to,
            to_version,
            _scratch: scratch,
        })
    }
}

/// The template at hand, with whatever is known of its history.
struct Source {
    place: String,
    at_hand: Template,
    history: Option<History>,
}

impl Source {
    /// A folder as it is, or the newest version behind a URL.
    fn open(built_in: &Template, args: &SourceArgs, scratch: &Path) -> Result<Self> {
        let Some(place) = &args.template else {
            return Ok(Self::in_folder(built_in.clone()));
        };
        if !is_url(place) {
            let template = Template { root: place.into() };
            ensure!(
                template.root.join("cargo-generate.toml").is_file(),
                "{place} is no folder with a template, and no git URL",
            );
            return Ok(Self::in_folder(template));
        }
        let history = History::fetch(place, &scratch.join("history"))?;
        let newest = history.newest()?;
        let newest =
            newest.with_context(|| format!("the template at {place} has no tag of a version"))?;
        let newest = history.export(newest, &scratch.join("newest"))?;
        Ok(Self {
            place: place.clone(),
            at_hand: newest.context("the newest version has a tag")?,
            history: Some(history),
        })
    }

    fn in_folder(template: Template) -> Self {
        Self {
            place: template.root.display().to_string(),
            history: History::at(&template.root),
            at_hand: template,
        }
    }

    /// The version that is wanted; else what is at hand.
    fn target(&self, wanted: Option<Version>, into: &Path) -> Result<Template> {
        let Some(version) = wanted else {
            return Ok(self.at_hand.clone());
        };
        let template = self.find(version, into)?;
        template.with_context(|| unknown(version, &self.place))
    }

    /// What a project was rendered from: here, or else where its record says.
    fn recorded(&self, record: &Record, scratch: &Path) -> Result<Template> {
        let into = scratch.join("from");
        let (version, url) = (record.template.version, &record.template.repository);
        if let Some(template) = self.find(version, &into)? {
            return Ok(template);
        }
        if let Some(history) = &self.history
            && let Some(template) = closest::export(history, record, &into)?
        {
            return Ok(template);
        }
        ensure!(*url != self.place, unknown(version, url));
        let history = History::fetch(url, &scratch.join("recorded"))
            .with_context(|| unknown(version, &self.place))?;
        let template = match history.export(version, &into)? {
            None => closest::export(&history, record, &into)?,
            tagged => tagged,
        };
        template.with_context(|| unknown(version, url))
    }

    /// A version as its tag holds it, or as it is at hand while it is in the making and has no tag.
    fn find(&self, version: Version, into: &Path) -> Result<Option<Template>> {
        if let Some(history) = &self.history
            && let Some(template) = history.export(version, into)?
        {
            return Ok(Some(template));
        }
        let at_hand = Version::of(&self.at_hand)? == version;
        Ok(at_hand.then(|| self.at_hand.clone()))
    }
}

fn unknown(version: Version, place: &str) -> String {
    format!(
        "there is no version {version} of the template at {place}: it has no tag {} and no commit of it",
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
