//! The arrows between the modules of apikit point one way.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Every source below a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    let found = entries.flat_map(|entry| {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => sources(&path),
            false => vec![path],
        }
    });
    found
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}

/// The names that stand after `crate::`, also within braces: `crate::{app::App, error}` has `app` and `error`.
fn named(code: &str) -> BTreeSet<String> {
    let word = |text: &str| -> String {
        let is_word = |c: &char| c.is_ascii_alphanumeric() || *c == '_';
        text.trim_start().chars().take_while(is_word).collect()
    };
    let mut names = BTreeSet::new();
    for (_, rest) in code.split("crate::").enumerate().skip(1) {
        let Some(list) = rest.strip_prefix('{') else {
            names.insert(word(rest));
            continue;
        };
        let mut depth = 0;
        let mut entry = String::new();
        for c in list.chars() {
            match c {
                '}' if depth == 0 => break,
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    names.insert(word(&std::mem::take(&mut entry)));
                    continue;
                }
                _ => {}
            }
            entry.push(c);
        }
        names.insert(word(&entry));
    }
    names.remove("");
    names
}

/// What a source says beside its comments.
fn code(text: &str) -> String {
    let lines = text.lines().map(|line| line.split("//").next().unwrap());
    lines.collect::<Vec<_>>().join("\n")
}

/// For each module at the top, the modules that it names.
fn arrows() -> BTreeMap<String, BTreeSet<String>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let root = code(&fs::read_to_string(folder.join("lib.rs")).unwrap());
    let modules: BTreeSet<_> = root
        .lines()
        .filter_map(|line| line.trim_start_matches("pub ").strip_prefix("mod "))
        .map(|rest| rest.trim_end_matches(';').to_owned())
        .collect();
    assert!(modules.len() > 20, "{modules:?}");
    let mut arrows = BTreeMap::<_, BTreeSet<_>>::new();
    for path in sources(&folder) {
        let inside = path.strip_prefix(&folder).unwrap();
        let top = inside.components().next().unwrap().as_os_str();
        let top = top.to_str().unwrap().trim_end_matches(".rs").to_owned();
        if top == "lib" {
            continue;
        }
        let names = named(&code(&fs::read_to_string(&path).unwrap()));
        for name in names {
            assert!(
                modules.contains(&name),
                "{}: `crate::{name}` is no module; name the module that it stands in",
                path.display()
            );
            if name != top {
                arrows.entry(top.clone()).or_default().insert(name);
            }
        }
    }
    arrows
}

/// A circle, if there is one: each module names the next one, and the last the first.
fn circle(arrows: &BTreeMap<String, BTreeSet<String>>) -> Option<Vec<String>> {
    fn walk(
        arrows: &BTreeMap<String, BTreeSet<String>>,
        way: &mut Vec<String>,
        done: &mut BTreeSet<String>,
    ) -> Option<Vec<String>> {
        let here = way.last().unwrap().clone();
        for next in arrows.get(&here).into_iter().flatten() {
            if let Some(at) = way.iter().position(|module| module == next) {
                return Some(way[at..].to_vec());
            }
            if !done.contains(next) {
                way.push(next.clone());
                if let Some(circle) = walk(arrows, way, done) {
                    return Some(circle);
                }
                way.pop();
            }
        }
        done.insert(here);
        None
    }
    let mut done = BTreeSet::new();
    arrows
        .keys()
        .find_map(|module| walk(arrows, &mut vec![module.clone()], &mut done))
}

#[test]
fn the_modules_have_no_circle() {
    assert_eq!(circle(&arrows()), None);
}

#[test]
fn errors_and_metadata_are_at_the_bottom() {
    let arrows = arrows();
    for (module, below) in [
        ("error", vec![]),
        ("auth", vec![]),
        ("metadata", vec!["auth"]),
    ] {
        let named = arrows.get(module).cloned().unwrap_or_default();
        assert_eq!(named.into_iter().collect::<Vec<_>>(), below, "{module}");
    }
}

#[test]
fn a_circle_is_found() {
    let arrow = |from: &str, to: &[&str]| {
        let to = to.iter().map(ToString::to_string).collect();
        (from.to_owned(), to)
    };
    let mut arrows = BTreeMap::from([arrow("a", &["b", "c"]), arrow("b", &["c"])]);
    assert_eq!(circle(&arrows), None);
    arrows.extend([arrow("c", &["d"]), arrow("d", &["b"])]);
    let found = circle(&arrows).unwrap();
    assert_eq!(found, ["b", "c", "d"]);
    let names = named("use crate::{app::{App, X}, error}; crate::tasks::pause()");
    assert_eq!(names, ["app", "error", "tasks"].map(str::to_owned).into());
}
