//! Updates that do not come about: each says why in one sentence, and the project is as it was.

use std::{
    fs,
    process::{Command, Stdio},
    thread,
};

use crate::{
    support::ordinary,
    versions::{Ran, Rendering, Versions, write},
};
use bootstrap::{merge::Merge, project::Project, record::FILE};
use git2::{Repository, StatusOptions};
use tempfile::TempDir;

/// What the version adds that is not to be written: line ends make it twice as big in the project.
const BIG: &str = "big.txt";

fn project(versions: &Versions) -> Rendering {
    versions.render("0.1.0", &ordinary("none")).committed()
}

/// Whatever could have changed: files, modes, what git thinks of them, and where its branch is.
fn state(project: &Rendering) -> impl PartialEq + use<> {
    let repository = project.repository();
    let mut options = StatusOptions::new();
    options.include_untracked(true).include_ignored(true);
    let statuses = repository.statuses(Some(&mut options)).unwrap();
    let statuses: Vec<_> = statuses
        .iter()
        .map(|entry| (entry.path_bytes().to_owned(), entry.status()))
        .collect();
    let head = repository.head().unwrap().target();
    (project.files(), project.folders(), statuses, head)
}

#[test]
fn what_cannot_be_updated_is_refused_in_one_sentence() {
    let versions = Versions::of_the_template();
    let rendering = versions.render("0.1.0", &ordinary("none"));
    let edit = |path: &str, from: &str, to: &str| {
        let project = rendering.copy().committed();
        project.change(path, |text| {
            assert!(text.contains(from), "{text}");
            text.replace(from, to)
        });
        project
    };
    let committed = |project: Rendering| {
        project.commit();
        project
    };
    let uncommitted = rendering.copy().committed();
    write(&uncommitted.folder.join("notes/today.txt"), b"");
    let unrendered = rendering.copy().committed();
    fs::remove_file(unrendered.folder.join(FILE)).unwrap();
    let new = rendering.copy();
    Repository::init(&new.folder).unwrap();
    let cases = [
        (
            edit("README.md", "a", "b"),
            "README.md is not committed: commit or stash it first",
        ),
        (uncommitted, "notes/ is not committed"),
        (new, "has no commit yet: commit it first"),
        (rendering.copy(), "is in no git repository"),
        (
            committed(unrendered),
            "is no rendering of the template, which would hold .uservice.toml",
        ),
        (
            committed(edit(FILE, "0.1.0", "0.9.0")),
            "was rendered from version 0.9.0 of the template, which is later than 0.3.0",
        ),
        (
            committed(edit(FILE, "0.1.0", "0.1.7")),
            "there is no version 0.1.7 of the template at file://",
        ),
        (
            committed(edit(FILE, "0.1.0", "one")),
            ".uservice.toml is broken: \"one\" is no version such as 0.1.0",
        ),
        (
            committed(edit(FILE, "[values]", "[values")),
            ".uservice.toml is broken: ",
        ),
        (
            committed(edit(FILE, "[values]", "[valves]")),
            ".uservice.toml is broken: missing field `values`",
        ),
        (
            committed(edit(FILE, "project-name", "name")),
            ".uservice.toml is broken: missing value `project-name`",
        ),
        (
            committed(edit(FILE, "year = \"", "year = 1 # \"")),
            ".uservice.toml is broken: invalid type: integer",
        ),
        (
            committed(edit(FILE, "auth_type = \"none\"", "auth_type = \"oauth\"")),
            "auth_type \"oauth\" is none of the choices",
        ),
    ];
    for (project, sentence) in cases {
        let files = project.files();
        let ran = project.run("update", &["--template", versions.place()]);
        assert_eq!(ran.code, Some(2), "{sentence}: {ran:?}");
        assert!(
            ran.complained.starts_with("error: ") && ran.complained.contains(sentence),
            "{sentence}: {ran:?}"
        );
        assert_eq!(ran.complained.lines().count(), 1, "{ran:?}");
        assert_eq!(ran.said, "");
        assert!(project.files() == files, "{sentence}");
    }
}

#[test]
fn arguments_that_cannot_be_are_refused() {
    let versions = Versions::of_the_template();
    let project = project(&versions);
    let before = state(&project);
    let wrong = versions.folder.path().join("hooks");
    for (arguments, sentence) in [
        (
            vec!["--template", wrong.to_str().unwrap()],
            "is no folder with a template, and no git URL",
        ),
        (
            vec!["--template", "file:///nowhere"],
            "the template cannot be fetched from file:///nowhere",
        ),
        (
            vec!["--template", versions.place(), "--to", "0.2.1"],
            "there is no version 0.2.1 of the template",
        ),
        (
            vec!["--template", versions.place(), "--to", "v0.2.0"],
            "is no version such as 0.1.0",
        ),
        (
            vec!["--template", versions.place(), "--answer", "x"],
            "it must be NAME=VALUE",
        ),
        (
            vec!["--template", versions.place(), "--answer", "route=x"],
            "route \"x\" must be a path",
        ),
        (
            vec!["--template", versions.place(), "--answer", "auth=x"],
            "auth is no answer of this template",
        ),
    ] {
        let ran = project.run("update", &arguments);
        assert_eq!(ran.code, Some(2), "{ran:?}");
        assert!(ran.complained.contains(sentence), "{sentence}: {ran:?}");
        assert!(state(&project) == before, "{sentence}");
    }
}

#[test]
fn a_tag_that_holds_another_version_is_refused() {
    let versions = Versions::of_the_template();
    let project = project(&versions);
    let repository = Repository::open(versions.folder.path()).unwrap();
    let head = repository
        .head()
        .unwrap()
        .peel(git2::ObjectType::Commit)
        .unwrap();
    repository.tag_lightweight("v0.4.0", &head, false).unwrap();
    let ran = project.run("update", &["--template", versions.place(), "--to", "0.4.0"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert_eq!(
        ran.complained,
        "error: the template's tag v0.4.0 holds version 0.3.0\n"
    );
}

#[test]
fn a_file_that_git_does_not_keep_is_not_overwritten() {
    let versions = Versions::of_the_template();
    let project = versions.render("0.1.0", &ordinary("none"));
    project.change(".gitignore", |text| format!("{text}region.toml\n"));
    let project = project.committed();
    write(&project.folder.join("region.toml"), b"mine\n");
    let before = state(&project);
    let ran = project.run("update", &["--template", versions.place()]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert_eq!(
        ran.complained,
        "error: region.toml is in the way, and not committed: nothing was changed\n"
    );
    assert!(state(&project) == before);
}

#[test]
fn an_interruption_while_it_writes_takes_all_back() {
    let versions = Versions::of_the_template();
    let rendering = project(&versions);
    let before = state(&rendering);
    let project = Project::open(&rendering.folder).unwrap();
    let from = versions.render("0.1.0", &ordinary("none"));
    let from = project.rendered(&from.folder).unwrap();
    let to = versions.render("0.3.0", &ordinary("basic"));
    let to = project.rendered(&to.folder).unwrap();
    let merge = || Merge::of(&project, &from, &to, "new").unwrap();
    let error = merge().write(|| true).unwrap_err();
    assert_eq!(error.to_string(), "interrupted: the project is as it was");
    assert!(state(&rendering) == before);
    merge().write(|| false).unwrap();
    assert!(state(&rendering) != before);
}

/// A full disk, as it were: no file may be bigger than this, and one is, once it has Windows' line ends.
#[cfg(unix)]
#[test]
fn a_write_that_fails_halfway_takes_all_back() {
    let versions = Versions::of_the_template();
    let project = versions
        .render("0.1.0", &ordinary("none"))
        .with_windows_line_ends();
    let repository = Repository::init(&project.folder).unwrap();
    repository
        .config()
        .unwrap()
        .set_str("core.autocrlf", "true")
        .unwrap();
    let project = project.committed();
    let big = versions.folder.path().join("template").join(BIG);
    write(&big, "\n".repeat(150_000).as_bytes());
    let before = state(&project);
    let output = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 400; exec \"$0\" \"$@\""])
        .arg(env!("CARGO_BIN_EXE_bootstrap"))
        .arg("update")
        .arg(&project.folder)
        .args(["--template", versions.place()])
        .stdin(Stdio::null())
        .output();
    let ran = Ran::from(output.unwrap());
    assert_eq!(ran.code, Some(2), "{ran:?}");
    let sentence = "error: the update cannot be written, and the project is as it was: ";
    assert!(ran.complained.starts_with(sentence), "{ran:?}");
    assert!(state(&project) == before);
    assert_eq!(
        project
            .run("update", &["--template", versions.place()])
            .code,
        Some(0)
    );
    assert!(project.folder.join(BIG).exists());
}

#[test]
fn a_process_that_is_killed_at_work_has_changed_nothing() {
    let versions = Versions::of_the_template();
    let project = project(&versions);
    let before = state(&project);
    let scratch = TempDir::new().unwrap();
    let mut update = Command::new(env!("CARGO_BIN_EXE_bootstrap"))
        .arg("update")
        .arg(&project.folder)
        .args(["--template", versions.place()])
        .env("TMPDIR", scratch.path())
        .env("TMP", scratch.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    // Two renderings come after the first temporary folder, before anything is written.
    while fs::read_dir(scratch.path()).unwrap().count() == 0 {
        thread::yield_now();
    }
    update.kill().unwrap();
    assert!(!update.wait().unwrap().success());
    assert!(state(&project) == before);
}
