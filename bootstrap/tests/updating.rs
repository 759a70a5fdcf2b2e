//! `update`: the template's changes and the author's, both in one project.

use std::{
    collections::BTreeMap,
    fs,
    io::{Read, Write},
    process::{Command, Stdio},
};

use crate::{
    support::{auth_types, files, ordinary},
    versions::{GONE, MOVED, NEW, Ran, Rendering, Versions, commit, run, write},
};
use bootstrap::{answers::Answers, record::FILE, render::Template};
use git2::{ApplyLocation, Diff, Repository, Status};
use tempfile::TempDir;

/// Changes the beginning of every file, moves some and removes one, and adds one: the work of an author.
fn author(project: &Rendering) {
    for path in project.files().into_keys() {
        if path != GONE && path != NEW {
            project.change(&path, |text| format!("# Mine\n{text}"));
        }
    }
    let root = &project.folder;
    fs::rename(root.join("Dockerfile"), root.join("docs/Dockerfile")).unwrap();
    fs::remove_file(root.join("docs/kubernetes.md")).unwrap();
    write(&root.join("src/service/own.rs"), b"// Mine\n");
}

/// What a version is for this author: the same changes to a rendering that was never an older one. What the author
/// made of the samples of the first version stays.
fn expected(
    versions: &Versions,
    [from, to]: [&str; 2],
    answers: &Answers,
) -> BTreeMap<String, Vec<u8>> {
    let (rendering, samples) = (versions.render(to, answers), versions.render(from, answers));
    for sample in SAMPLES {
        write(
            &rendering.folder.join(sample),
            samples.text(sample).as_bytes(),
        );
    }
    author(&rendering);
    rendering.files()
}

/// What the template brings to be replaced.
const SAMPLES: [&str; 3] = [
    "src/service.rs",
    "tests/api/service.rs",
    "examples/backend.rs",
];

fn assert_same(found: &BTreeMap<String, Vec<u8>>, expected: &BTreeMap<String, Vec<u8>>) {
    for (path, text) in expected {
        let found = found.get(path).map(|text| String::from_utf8_lossy(text));
        assert_eq!(found, Some(String::from_utf8_lossy(text)), "{path}");
    }
    for path in found.keys() {
        assert!(expected.contains_key(path), "{path} should not be there");
    }
}

#[test]
fn an_update_brings_what_is_new_and_keeps_what_the_author_did_to_every_file() {
    let versions = Versions::of_the_template();
    for auth in auth_types(&Template::here()) {
        let answers = ordinary(&auth);
        let project = versions.render("0.1.0", &answers).committed();
        author(&project);
        project.commit();

        let ran = project.run("update", &["--template", versions.place()]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert!(
            ran.said
                .contains("from version 0.1.0 of the template to 0.3.0"),
            "{}",
            ran.said
        );
        let news = "## 0.3.0\n\n- What is new in 0.3.0.\n\n## 0.2.0\n\n- What is new in 0.2.0.\n\n";
        assert!(
            ran.said.contains(news) && !ran.said.contains("0.1.0.\n"),
            "{}",
            ran.said
        );
        assert!(ran.said.contains("region = \"eu\""), "{}", ran.said);
        assert!(
            ran.said.contains("left so:\n    docs/kubernetes.md\n"),
            "{}",
            ran.said
        );
        let samples = "another sample now:\n    examples/backend.rs\n    src/service.rs\n    tests/api/service.rs\n";
        assert!(ran.said.contains(samples), "{}", ran.said);
        assert_same(
            &project.files(),
            &expected(&versions, ["0.1.0", "0.3.0"], &answers),
        );
        assert!(project.text(FILE).contains("version = \"0.3.0\""));
        assert!(project.folder.join(MOVED.1).exists());
    }
}

#[test]
fn another_answer_is_an_update_too() {
    let versions = Versions::of_the_template();
    let answers = ordinary("none");
    let project = versions.render("0.2.0", &answers).committed();
    author(&project);
    project.commit();

    let arguments = ["--template", versions.place(), "--to", "0.2.0"];
    let changed = ["--answer", "auth_type=basic", "--answer", "route=/other"];
    let ran = project.run("update", &[arguments.as_slice(), &changed].concat());
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(
        ran.said.contains("to other answers, in version 0.2.0"),
        "{}",
        ran.said
    );
    let answers = answers.with("auth_type", "basic").with("route", "/other");
    let mut expected = expected(&versions, ["0.2.0", "0.2.0"], &answers);
    // The auth type's own files are new to the author, who has not changed them.
    let new = |path: &String| path.starts_with("kubernetes/components/account/");
    for (path, text) in versions.render("0.2.0", &answers).files() {
        if new(&path) {
            expected.insert(path, text);
        }
    }
    assert_same(&project.files(), &expected);

    project.commit();
    let back = ["--answer", "route=", "--answer", "auth_type=none"];
    let ran = project.run("update", &[arguments.as_slice(), &back].concat());
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_same(
        &project.files(),
        &self::expected(&versions, ["0.2.0", "0.2.0"], &ordinary("none")),
    );
}

#[test]
fn a_new_question_is_answered_on_the_command_line() {
    let versions = Versions::of_the_template();
    let project = versions.render("0.2.0", &ordinary("none")).committed();
    let arguments = ["--template", versions.place(), "--answer"];
    let ran = project.run("update", &[arguments.as_slice(), &["regoin=us"]].concat());
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert_eq!(
        ran.complained,
        "error: regoin is no answer of version 0.3.0 of the template\n"
    );
    let ran = project.run(
        "update",
        &[arguments.as_slice(), &["region=us \"1\""]].concat(),
    );
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(project.text(FILE).contains(r#"region = "us \"1\"""#));
    let answers = ordinary("none").with("region", "us \"1\"");
    assert_same(
        &project.files(),
        &versions.render("0.3.0", &answers).files(),
    );
}

/// `script` gives the tool a terminal.
#[cfg(target_os = "linux")]
#[test]
fn a_new_question_is_asked_on_a_terminal() {
    let versions = Versions::of_the_template();
    let project = versions.render("0.2.0", &ordinary("none")).committed();
    let update = format!(
        "'{}' update --template '{}'",
        env!("CARGO_BIN_EXE_bootstrap"),
        versions.place()
    );
    let mut terminal = Command::new("script")
        .args(["--quiet", "--return", "--command", &update, "/dev/null"])
        .current_dir(&project.folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // To be open until the end: `script` would pass the end of its input on.
    let mut keyboard = terminal.stdin.take().unwrap();
    keyboard.write_all(b"us\r").unwrap();
    let mut shown = String::new();
    terminal
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut shown)
        .unwrap();
    assert!(terminal.wait().unwrap().success(), "{shown}");
    assert!(shown.contains("Region"), "{shown}");
    let answers = ordinary("none").with("region", "us");
    let expected = versions.render("0.3.0", &answers).files();
    assert_same(&project.files(), &expected);
}

#[test]
fn what_contradicts_is_marked_as_git_marks_it_and_the_rest_is_merged() {
    let versions = Versions::of_the_template();
    let project = versions.render("0.1.0", &ordinary("none")).committed();
    project.change("src/config.rs", |text| format!("{text}// Mine\n"));
    // The template removes this one.
    project.change(GONE, |text| format!("# Mine\n{text}"));
    project.commit();
    let ran = project.run("update", &["--template", versions.place(), "--to", "0.2.0"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.said.contains("In conflict, for you to resolve as after a merge:\n    .dockerignore\n    src/config.rs\n"), "{}", ran.said);

    let config = project.text("src/config.rs");
    let marked = "<<<<<<< yours\n// Mine\n=======\n# Of version 0.2.0\n>>>>>>> template 0.2.0\n";
    assert!(config.ends_with(marked), "{config}");
    assert!(project.text(GONE).starts_with("# Mine\n"));
    assert!(
        project
            .text("apikit/src/app.rs")
            .ends_with("# Of version 0.2.0\n")
    );
    assert!(project.text(FILE).contains("version = \"0.2.0\""));
    let repository = project.repository();
    for path in ["src/config.rs", GONE] {
        let status = repository.status_file(path.as_ref()).unwrap();
        assert_eq!(status, Status::CONFLICTED, "{path}");
    }
}

#[test]
fn a_file_that_both_moved_is_a_conflict_with_nothing_lost() {
    let versions = Versions::of_the_template();
    let project = versions.render("0.1.0", &ordinary("none")).committed();
    let mine = project.folder.join("HOWTO.md");
    fs::rename(project.folder.join(MOVED.0), &mine).unwrap();
    project.commit();
    let arguments = ["--template", versions.place(), "--to", "0.2.0"];
    let shown = project.run("update", &[arguments.as_slice(), &["--dry-run"]].concat());
    assert_eq!(shown.code, Some(1), "{}", shown.complained);
    let ran = project.run("update", &arguments);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(shown.said.contains("+++ b/docs/contributing.md\n"));
    assert!(ran.said.contains("\n    HOWTO.md\n"), "{ran:?}");
    assert!(ran.said.contains("\n    docs/contributing.md\n"), "{ran:?}");
    assert!(mine.exists());
    assert!(project.text(MOVED.1).ends_with("# Of version 0.2.0\n"));
    assert!(!project.folder.join(MOVED.0).exists());
}

#[test]
fn what_the_author_deleted_stays_deleted() {
    let versions = Versions::of_the_template();
    let project = versions.render("0.1.0", &ordinary("none")).committed();
    // 0.2.0 changes the one, moves the second and removes the third.
    for path in ["src/service.rs", MOVED.0, GONE] {
        fs::remove_file(project.folder.join(path)).unwrap();
    }
    project.commit();
    let ran = project.run("update", &["--template", versions.place(), "--to", "0.2.0"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let found = project.files();
    for path in ["src/service.rs", MOVED.0, MOVED.1, GONE] {
        assert!(!found.contains_key(path), "{path}");
    }
    assert!(!project.repository().index().unwrap().has_conflicts());
}

/// As on Windows: in the one project git gives every line its end, in the other they are committed so.
#[test]
fn line_ends_are_no_changes_and_stay_as_they_are() {
    let versions = Versions::of_the_template();
    let answers = ordinary("none");
    for committed in [false, true] {
        let project = versions.render("0.1.0", &answers).with_windows_line_ends();
        let repository = Repository::init(&project.folder).unwrap();
        let convert = if committed { "false" } else { "true" };
        repository
            .config()
            .unwrap()
            .set_str("core.autocrlf", convert)
            .unwrap();
        let project = project.committed();
        project.change("src/config.rs", |text| format!("// Mine\r\n{text}"));
        project.commit();

        let ran = project.run("check", &["--template", versions.place()]);
        assert!(!ran.said.contains("drifted"), "{ran:?}");
        let ran = project.run("update", &["--template", versions.place()]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        let expected = versions.render("0.3.0", &answers).with_windows_line_ends();
        expected.change("src/config.rs", |text| format!("// Mine\r\n{text}"));
        assert_same(&project.files(), &expected.files());
    }
}

#[test]
fn a_dry_run_shows_what_the_update_does_and_does_nothing() {
    let versions = Versions::of_the_template();
    let project = versions.render("0.1.0", &ordinary("none")).committed();
    author(&project);
    project.change("src/config.rs", |text| format!("{text}// Mine\n"));
    project.commit();
    let git = || files(&project.folder.join(".git/objects"));
    let index = || fs::read(project.folder.join(".git/index")).unwrap();
    let before = (project.files(), git(), index());
    let arguments = ["--template", versions.place()];
    let shown = project.run("update", &[arguments.as_slice(), &["--dry-run"]].concat());
    assert_eq!(shown.code, Some(1), "{shown:?}");
    assert!(before.1.len() > 100, "git keeps a file for each object");
    assert!((project.files(), git(), index()) == before);

    // The patch, put where nothing was changed, makes what the update makes.
    let other = versions.render("0.1.0", &ordinary("none")).committed();
    author(&other);
    other.change("src/config.rs", |text| format!("{text}// Mine\n"));
    other.commit();
    let patch = Diff::from_buffer(shown.said.as_bytes()).unwrap();
    other
        .repository()
        .apply(&patch, ApplyLocation::WorkDir, None)
        .unwrap();
    assert_eq!(project.run("update", &arguments).code, Some(1));
    assert_same(&other.files(), &project.files());
}

#[test]
fn a_dry_run_whose_reader_leaves_ends_without_a_word() {
    let versions = Versions::of_the_template();
    let project = versions.render("0.1.0", &ordinary("none")).committed();
    for arguments in [
        ["update", "--template", versions.place(), "--dry-run"].as_slice(),
        &["check", "--template", versions.place()],
    ] {
        let mut process = Command::new(env!("CARGO_BIN_EXE_bootstrap"))
            .args(arguments)
            .current_dir(&project.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(process.stdout.take());
        let ran = Ran::from(process.wait_with_output().unwrap());
        let expected = if arguments[0] == "update" { 0 } else { 1 };
        assert_eq!(
            (ran.code, ran.complained.as_str()),
            (Some(expected), ""),
            "{arguments:?}"
        );
    }
}

/// The whole of the sample is the author's from the first edit on, whatever the template makes of its own.
#[test]
fn a_replaced_sample_is_no_conflict_and_an_untouched_one_follows() {
    let versions = Versions::of_the_template();
    let project = versions.render("0.1.0", &ordinary("none")).committed();
    project.change("src/service.rs", |_| "// Mine\n".to_owned());
    project.commit();
    let ran = project.run("update", &["--template", versions.place()]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(
        ran.said
            .contains("another sample now:\n    src/service.rs\n\n"),
        "{}",
        ran.said
    );
    assert_eq!(project.text("src/service.rs"), "// Mine\n");
    let followed = project.text("examples/backend.rs");
    assert!(followed.ends_with("# Of version 0.3.0\n"));
}

#[test]
fn a_project_may_be_a_part_of_its_repository() {
    let versions = Versions::of_the_template();
    let answers = ordinary("none");
    let whole = TempDir::new().unwrap();
    let rendered = versions.render("0.1.0", &answers).files();
    // The same files twice: what is deleted here has not moved there.
    for (path, text) in &rendered {
        write(&whole.path().join("one").join(path), text);
        write(&whole.path().join("two").join(path), text);
    }
    fs::remove_file(whole.path().join("one/src/service.rs")).unwrap();
    commit(&Repository::init(whole.path()).unwrap(), "one");

    let part = whole.path().join("one");
    let ran = run("update", &part, &["--template", versions.place()]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let mut expected = versions.render("0.3.0", &answers).files();
    expected.remove("src/service.rs");
    assert_same(&files(&part), &expected);
    assert_same(&files(&whole.path().join("two")), &rendered);
}

#[test]
fn versions_come_from_a_url_as_well() {
    let versions = Versions::of_the_template();
    let url = versions.url();
    // As the image has it: the newest version, without a history.
    let bare = versions.without_history("0.3.0");
    let bare = bare.path().join("template");
    let answers = ordinary("none");
    for template in [url.as_str(), bare.to_str().unwrap()] {
        let project = versions.render("0.1.0", &answers).committed();
        let ran = project.run("update", &["--template", template]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert!(project.text(FILE).contains("version = \"0.3.0\""));
        let ran = project.run("update", &["--template", template, "--to", "0.4.0"]);
        assert_eq!(ran.code, Some(2), "{ran:?}");
    }
}
