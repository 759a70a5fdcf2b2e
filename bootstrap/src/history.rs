//! The template's versions, as the tags of its git repository hold them.

use std::{fs, path::Path};

use anyhow::{Context, Result, ensure};
use auth_git2::GitAuthenticator;
use git2::{
    AutotagOption, Config, FetchOptions, ProxyOptions, RemoteCallbacks, Repository, Tree,
    TreeEntry, build::RepoBuilder,
};

use crate::{
    render::{PARTS, Template},
    version::Version,
};

/// What authors read of a version, besides what a rendering is made from.
pub const CHANGELOG: &str = "CHANGELOG.md";

/// The git repository of the template.
pub struct History {
    /// The repository itself.
    pub repository: Repository,
}

impl History {
    /// The repository that a folder is the root of, if it is.
    pub fn at(folder: &Path) -> Option<Self> {
        let repository = Repository::open(folder).ok()?;
        Some(Self { repository })
    }

    /// Fetches a repository into an empty folder, with the keys and passwords that git would use.
    ///
    /// # Errors
    /// When there is none at that URL, or no way to it.
    pub fn fetch(url: &str, into: &Path) -> Result<Self> {
        let authenticator = GitAuthenticator::default();
        let config = Config::open_default()?;
        let mut callbacks = RemoteCallbacks::new();
        callbacks.credentials(authenticator.credentials(&config));
        let mut proxy = ProxyOptions::new();
        proxy.auto();
        let mut options = FetchOptions::new();
        options
            .remote_callbacks(callbacks)
            .proxy_options(proxy)
            .download_tags(AutotagOption::All);
        let repository = RepoBuilder::new()
            .bare(true)
            .fetch_options(options)
            .clone(url, into)
            .with_context(|| format!("the template cannot be fetched from {url}"))?;
        Ok(Self { repository })
    }

    /// The newest version that has a tag.
    ///
    /// # Errors
    /// When the tags cannot be read.
    pub fn newest(&self) -> Result<Option<Version>> {
        let tags = self.repository.tag_names(Some("v*"))?;
        let names = tags.iter().filter_map(|tag| tag.ok()?);
        Ok(names.filter_map(Version::of_tag).max())
    }

    /// Writes the template of a version into a folder, if there is a tag for it.
    ///
    /// # Errors
    /// When the tag holds something else, or the folder cannot be written.
    pub fn export(&self, version: Version, into: &Path) -> Result<Option<Template>> {
        let tag = format!("refs/tags/{}", version.tag());
        let Ok(tagged) = self.repository.revparse_single(&tag) else {
            return Ok(None);
        };
        let template = self.write_parts(&tagged.peel_to_tree()?, into)?;
        let held = Version::of(&template)?;
        ensure!(
            held == version,
            "the template's tag {} holds version {held}",
            version.tag()
        );
        Ok(Some(template))
    }

    /// Writes the template that a commit's files hold into a folder, which is made.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn write_parts(&self, tree: &Tree<'_>, into: &Path) -> Result<Template> {
        fs::create_dir(into)?;
        // The parts that the version lacks are for the rendering to miss.
        for part in PARTS.into_iter().chain([CHANGELOG]) {
            if let Some(entry) = tree.get_name(part) {
                self.write(&entry, &into.join(part))
                    .with_context(|| format!("{} cannot be written", into.display()))?;
            }
        }
        Ok(Template {
            root: into.to_owned(),
        })
    }

    /// Writes a file or folder as git stores it: a checkout would change line ends where git is told to.
    fn write(&self, entry: &TreeEntry<'_>, path: &Path) -> Result<()> {
        let object = entry.to_object(&self.repository)?;
        let Some(folder) = object.as_tree() else {
            return Ok(fs::write(path, object.peel_to_blob()?.content())?);
        };
        fs::create_dir_all(path)?;
        for entry in folder {
            self.write(&entry, &path.join(entry.name()?))?;
        }
        Ok(())
    }
}
