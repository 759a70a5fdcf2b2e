//! House: the arrows between the modules point down only.

use std::{fs, path::Path};

fn sources(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            found.push((path.display().to_string(), text));
        }
    }
}

#[test]
fn apikit_knows_nothing_above_it() {
    let mut found = Vec::new();
    sources(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src/apikit"),
        &mut found,
    );
    assert!(found.len() > 10);
    for (file, text) in found {
        let code = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"));
        for line in code {
            let upward = ["crate::", "uservice::"]
                .iter()
                .find(|path| line.contains(*path));
            assert_eq!(upward, None, "{file}: {line}");
        }
    }
}

#[test]
fn every_file_says_first_whose_it_is() {
    let mut found = Vec::new();
    for folder in ["src", "tests"] {
        sources(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join(folder),
            &mut found,
        );
    }
    for (file, text) in found {
        let first = text.lines().next().unwrap();
        let says = first.starts_with("//! House: ") || first.starts_with("//! Yours: ");
        assert!(says, "{file}: {first}");
    }
}
