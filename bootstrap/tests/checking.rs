//! `check`: what a project's CI is told.

use std::fs;

use crate::{
    support::{auth_types, hostile, ordinary},
    versions::{Versions, write},
};
use bootstrap::{record::FILE, render::Template};

#[test]
fn a_project_in_step_is_so_whatever_the_author_did_to_files_of_their_own() {
    let versions = Versions::of_the_template();
    for auth in auth_types(&Template::here()) {
        let project = versions.render("0.3.0", &hostile(&auth));
        for path in [
            "src/service.rs",
            "src/config.rs",
            "src/main.rs",
            "src/lib.rs",
            "README.md",
            "tests/api/main.rs",
            "Cargo.lock",
        ] {
            project.change(path, |text| format!("{text}# Mine\n"));
        }
        write(&project.folder.join("src/service/own.rs"), b"// Mine\n");
        let ran = project.run("check", &["--template", versions.place()]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert!(
            ran.said
                .ends_with(" is in step with version 0.3.0 of the template.\n"),
            "{ran:?}"
        );
    }
}

#[test]
fn a_project_that_is_behind_is_told_so() {
    let versions = Versions::of_the_template();
    let project = versions.render("0.1.0", &ordinary("none"));
    for template in [versions.place(), &versions.url()] {
        let ran = project.run("check", &["--template", template]);
        assert_eq!(ran.code, Some(1), "{ran:?}");
        let line = "behind: job-metrics-none is of version 0.1.0, and the template is at 0.3.0\n";
        assert_eq!(ran.said, line);
    }
}

#[test]
fn every_file_of_the_template_that_has_drifted_is_named() {
    let versions = Versions::of_the_template();
    let project = versions.render("0.3.0", &ordinary("basic"));
    project.change("apikit/src/app.rs", |text| format!("{text}// Mine\n"));
    project.change("apikit/Cargo.toml", |text| text.replace('a', "b"));
    fs::remove_file(project.folder.join("apikit/src/lib.rs")).unwrap();
    write(
        &project.folder.join("apikit/src/backend/own.rs"),
        b"// Mine\n",
    );
    let ran = project.run("check", &["--template", versions.place()]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let drifted: Vec<_> = ran
        .said
        .lines()
        .map(|line| line.split(' ').nth(1).unwrap())
        .collect();
    let expected = [
        "apikit/Cargo.toml",
        "apikit/src/app.rs",
        "apikit/src/backend/own.rs",
        "apikit/src/lib.rs",
    ];
    assert_eq!(drifted, expected);
    assert!(
        ran.said
            .starts_with("drifted: apikit/Cargo.toml is not as version 0.3.0 has it\n")
    );
}

#[test]
fn what_cannot_be_checked_is_refused() {
    let versions = Versions::of_the_template();
    let project = versions.render("0.3.0", &ordinary("none"));
    for (to, sentence) in [
        ("version = \"0.4.0\"", "which is later than 0.3.0"),
        (
            "version = \"0.2.7\"",
            "there is no version 0.2.7 of the template",
        ),
        ("version =", ".uservice.toml is broken"),
    ] {
        let record = project.text(FILE);
        project.change(FILE, |text| text.replacen("version = \"0.3.0\"", to, 1));
        let ran = project.run("check", &["--template", versions.place()]);
        assert_eq!(ran.code, Some(2), "{ran:?}");
        assert!(ran.complained.contains(sentence), "{ran:?}");
        assert_eq!(ran.complained.lines().count(), 1, "{ran:?}");
        project.change(FILE, |_| record.clone());
    }
    fs::remove_file(project.folder.join(FILE)).unwrap();
    let ran = project.run("check", &[]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(
        ran.complained.contains("is no rendering of the template"),
        "{ran:?}"
    );
}
