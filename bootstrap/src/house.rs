//! The house defaults, as the front end's manifests have them.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, Result};

use crate::{render::Template, twins::Written};

/// What a value of the house's is followed by: `host: api.example.org # house: host`.
const MARK: &str = " # house: ";

/// Each file of `kubernetes/` that has values of the house's, as it should be.
///
/// # Errors
/// When a file cannot be read, or names what `hooks/house.rhai` does not export.
pub fn manifests(template: &Template) -> Result<Vec<Written>> {
    let house = fs::read_to_string(template.root.join("hooks/house.rhai"))?;
    let house: BTreeMap<_, _> = house.lines().filter_map(constant).collect();
    let mut files = Vec::new();
    collect(&template.root, "kubernetes", &mut files)?;
    files.retain(|file| file.text.contains(MARK));
    for file in &mut files {
        let lines = file.text.lines();
        let lines: Result<String> = lines.map(|line| with_value(line, &house)).collect();
        file.text = lines.with_context(|| file.path.clone())?;
    }
    Ok(files)
}

/// The name and value in `export const name = "value";`.
fn constant(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.strip_prefix("export const ")?.split_once(" = \"")?;
    Some((name, value.strip_suffix("\";")?))
}

/// The line with the house's value in the place of the one that is there.
fn with_value(line: &str, house: &BTreeMap<&str, &str>) -> Result<String> {
    let Some((before, name)) = line.split_once(MARK) else {
        return Ok(format!("{line}\n"));
    };
    let value = house
        .get(name)
        .with_context(|| format!("hooks/house.rhai exports no {name}"))?;
    let (key, _) = before
        .rsplit_once(' ')
        .with_context(|| format!("{line:?} has no value"))?;
    Ok(format!("{key} {value}{MARK}{name}\n"))
}

fn collect(root: &Path, folder: &str, files: &mut Vec<Written>) -> Result<()> {
    for entry in fs::read_dir(root.join(folder))? {
        let entry = entry?;
        let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            collect(root, &path, files)?;
        } else if path.ends_with(".yaml") {
            let text = fs::read_to_string(entry.path())?;
            files.push(Written { path, text });
        }
    }
    Ok(())
}
