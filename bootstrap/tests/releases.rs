//! A version of the template is one thing: in the manifest, the hooks, the CHANGELOG and git's tags.

use std::fs;

use crate::{support::files, versions::Versions};
use bootstrap::{
    changelog,
    history::{CHANGELOG, History},
    render::{PARTS, Template},
    version::Version,
};
use tempfile::TempDir;

/// Whether a rendering would differ from that of the tag of the same version, if there is one.
fn differs_from_its_tag(template: &Template) -> bool {
    let Some(history) = History::at(&template.root) else {
        return false;
    };
    let scratch = TempDir::new().unwrap();
    let tagged = scratch.path().join("tagged");
    let version = Version::of(template).unwrap();
    let Some(tagged) = history.export(version, &tagged).unwrap() else {
        return false;
    };
    let parts = |template: &Template| {
        let mut files = files(&template.root);
        files.retain(|path, _| PARTS.contains(&path.split('/').next().unwrap()));
        files
    };
    parts(template) != parts(&tagged)
}

#[test]
fn the_changelog_begins_with_the_version_of_the_template() {
    let template = Template::here();
    let version = Version::of(&template).unwrap();
    assert_eq!(version.to_string(), env!("CARGO_PKG_VERSION"));
    let text = fs::read_to_string(template.root.join(CHANGELOG)).unwrap();
    let first = text.lines().find(|line| line.starts_with("## "));
    assert_eq!(first, Some(format!("## {version}").as_str()));
    let before = "0.0.0".parse().unwrap();
    assert!(changelog::between(&text, before, version).starts_with(first.unwrap()));
}

/// Otherwise one version would be two, and an update between them none.
#[test]
fn what_is_released_does_not_change_without_another_version() {
    assert!(
        !differs_from_its_tag(&Template::here()),
        "this is no longer the version of that tag: raise it, as CONTRIBUTING.md says"
    );
    let versions = Versions::of_the_template();
    let template = Template {
        root: versions.folder.path().to_owned(),
    };
    assert!(!differs_from_its_tag(&template));
    fs::write(template.root.join("template/new.txt"), "new").unwrap();
    assert!(differs_from_its_tag(&template));
}

/// A fork's own release comes after the version that it is made of, and differs from it.
#[test]
fn a_fork_has_revisions_of_its_own() {
    let versions = Versions::of_the_template();
    let house = versions.folder.path().join("hooks/house.rhai");
    let text = fs::read_to_string(&house).unwrap();
    let (none, two) = ("template_revision = \"\"", "template_revision = \"2\"");
    assert!(text.contains(none));
    fs::write(&house, text.replace(none, two)).unwrap();
    let template = Template {
        root: versions.folder.path().to_owned(),
    };
    assert_eq!(Version::of(&template).unwrap(), "0.3.0-2".parse().unwrap());

    let project = versions.render("0.3.0", &crate::support::ordinary("none"));
    let project = project.committed();
    let ran = project.run("update", &["--template", versions.place()]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(
        project
            .text(".uservice.toml")
            .contains("version = \"0.3.0-2\"")
    );
}
