//! From 0.1.0, which has no tag and another layout, as the history of this repository holds it.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write},
    path::Path,
};

use bootstrap::{answers::Answers, history::History, render::Template};
use git2::{Commit, Repository, Sort, build::CheckoutBuilder};
use tempfile::TempDir;

use crate::{
    examples, made,
    support::{auth_types, files, ordinary},
    versions::{Rendering, write},
};

/// The commits in which apikit was no crate yet, newest first.
fn of_0_1_0(repository: &Repository) -> Vec<Commit<'_>> {
    let mut commits = repository.revwalk().unwrap();
    let newest_first = Sort::TOPOLOGICAL | Sort::TIME;
    commits.set_sorting(newest_first).unwrap();
    commits.push_head().unwrap();
    let commits = commits.map(|id| repository.find_commit(id.unwrap()).unwrap());
    let inside = |commit: &Commit<'_>| {
        let tree = commit.tree().unwrap();
        tree.get_path(Path::new("template/src/apikit")).is_ok()
    };
    let found: Vec<_> = commits.filter(inside).collect();
    assert!(
        !found.is_empty(),
        "the history of this clone does not reach back to 0.1.0: `git fetch --unshallow` completes it"
    );
    found
}

/// The history of this clone. A shallow clone has none that would do, and says so where cargo does not swallow it.
fn history() -> Option<History> {
    let history = History::at(&Template::here().root);
    let history = history.expect("these tests want a clone of the repository, with its history");
    if history.repository.is_shallow() {
        let said = "NOT RUN, as this clone is shallow: updates from 0.1.0. `git fetch --unshallow` completes it.\n";
        io::stderr().write_all(said.as_bytes()).unwrap();
        return None;
    }
    Some(history)
}

/// All files of a commit.
fn checked_out(commit: &Commit<'_>, repository: &Repository) -> TempDir {
    let folder = TempDir::new().unwrap();
    let mut checkout = CheckoutBuilder::new();
    checkout
        .force()
        .target_dir(folder.path())
        .update_index(false)
        .disable_filters(true);
    let object = commit.as_object();
    repository
        .checkout_tree(object, Some(&mut checkout))
        .unwrap();
    folder
}

/// What a version of the template renders.
fn rendered(root: &Path, answers: &Answers) -> Rendering {
    let template = Template {
        root: root.to_owned(),
    };
    Rendering::of(&template, answers)
}

/// What this version renders.
fn now(answers: &Answers) -> BTreeMap<String, Vec<u8>> {
    rendered(&Template::here().root, answers).files()
}

#[test]
fn the_authors_work_is_kept_and_the_guide_leads_to_the_ported_example() {
    let Some(history) = history() else {
        return;
    };
    let commits = of_0_1_0(&history.repository);
    let old = checked_out(&commits[0], &history.repository);
    let answers = made::answers("metric-deviation");
    let project = rendered(old.path(), &answers);
    let authors = files(&old.path().join("examples/metric-deviation/files"));
    assert!(authors.contains_key("examples/backend/api.rs"));
    for (path, text) in &authors {
        write(&project.folder.join(path), text);
    }
    let project = project.committed();

    let ran = project.run("update", &[]);
    // The settings were changed by both, and say so.
    assert_eq!(ran.code, Some(1), "{ran:?}");
    for told in [
        "from version 0.1.0 of the template to ",
        "another sample now:\n    examples/backend/api.rs\n    src/service.rs\n    tests/api/service.rs\n",
        "as after a merge:\n    src/config.rs\n\n",
        "\"From 0.1.0 to 0.2.0\" in docs/update.md",
    ] {
        assert!(ran.said.contains(told), "{told}: {}", ran.said);
    }
    let found = project.files();
    for (path, text) in &authors {
        if path != "src/config.rs" {
            assert!(
                found.get(path) == Some(text),
                "{path} is not as its author left it"
            );
        }
    }
    let config = project.text("src/config.rs");
    assert!(config.contains("    pub dataset: String,\n"), "{config}");
    let guide = fs::read_to_string(Template::here().root.join("docs/update.md")).unwrap();
    assert!(guide.contains("\n## From 0.1.0 to 0.2.0\n"));

    // By the guide: the files in their new form, and the back-end in its new place.
    for (path, text) in examples::authors("metric-deviation") {
        write(&project.folder.join(path), &text);
    }
    fs::remove_dir_all(project.folder.join("examples/backend")).unwrap();
    let mut expected = now(&answers);
    expected.extend(examples::authors("metric-deviation"));
    assert_same(&project.files(), &expected);
}

#[test]
fn an_untouched_service_of_any_commit_becomes_what_is_rendered_now() {
    let Some(history) = history() else {
        return;
    };
    let commits = of_0_1_0(&history.repository);
    let version = |commit: &&Commit<'_>| {
        let tree = commit.tree().unwrap();
        tree.get_path(Path::new("hooks/version.rhai")).is_ok()
    };
    let versioned: Vec<_> = commits.iter().filter(version).collect();
    let middle = versioned[versioned.len() / 2];
    for (commit, auth) in [versioned[0], middle]
        .into_iter()
        .zip(auth_types(&Template::here()))
    {
        let old = checked_out(commit, &history.repository);
        let answers = ordinary(&auth);
        let project = rendered(old.path(), &answers).committed();
        let ran = project.run("update", &[]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert_same(&project.files(), &now(&answers));
    }
}

#[test]
fn what_an_author_changed_of_the_old_layout_is_named_and_not_lost() {
    let Some(history) = history() else {
        return;
    };
    let commits = of_0_1_0(&history.repository);
    let old = checked_out(&commits[0], &history.repository);
    let project = rendered(old.path(), &ordinary("none")).committed();
    let changed = ["src/apikit/trail.rs", "src/app.rs", "tests/api/main.rs"];
    for path in changed {
        project.change(path, |text| format!("{text}// Mine: {path}\n"));
    }
    write(&project.folder.join("src/apikit/own.rs"), b"// Mine\n");
    project.commit();
    let ran = project.run("update", &[]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let found = project.files();
    for path in changed {
        let line = format!("\n    {path}\n");
        assert!(ran.said.contains(&line), "{path}: {}", ran.said);
        // Where it was, or where the template has it now.
        let mine = format!("// Mine: {path}\n");
        let holds = |text: &Vec<u8>| String::from_utf8_lossy(text).contains(&mine);
        assert!(found.values().any(holds), "{path}");
    }
    assert_eq!(project.text("src/apikit/own.rs"), "// Mine\n");
    let of_old_layout = |path: &&String| path.starts_with("src/apikit/");
    let left: Vec<_> = found.keys().filter(of_old_layout).collect();
    assert_eq!(left, ["src/apikit/own.rs"]);
}

fn assert_same(found: &BTreeMap<String, Vec<u8>>, expected: &BTreeMap<String, Vec<u8>>) {
    for (path, text) in expected {
        assert!(
            found.get(path) == Some(text),
            "{path} differs, or is missing"
        );
    }
    for path in found.keys() {
        assert!(expected.contains_key(path), "{path} should not be there");
    }
}
