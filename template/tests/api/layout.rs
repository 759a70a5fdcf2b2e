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
        let (_, inside) = file.rsplit_once("apikit").unwrap();
        // From `apikit/mod.rs`, no `super` stays inside; from each folder below, one more does.
        let folders = inside.matches(['/', '\\']).count() - 1;
        let above = "super::".repeat(folders + 2 - usize::from(file.ends_with("mod.rs")));
        let code = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"));
        for line in code {
            let upward = ["crate::", "uservice::", &above]
                .into_iter()
                .find(|path| line.contains(path));
            assert_eq!(upward, None, "{file}: {line}");
        }
    }
}
