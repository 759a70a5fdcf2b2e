//! The defaults of `hooks/house.rhai`, as the front end's manifests and the questions have them.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, Result};

use crate::{render::Template, twins::Written};

/// What a module in `hooks/` exports, by name.
pub type Constants = BTreeMap<String, String>;

/// What a value of the house's is followed by: `host: api.example.org # house: host`, or, where it is a part of the
/// value, `host: staging.api.example.org # house: staging.{host}`.
const MARK: &str = " # house: ";

/// Each file outside the template that repeats defaults, as it should be.
///
/// # Errors
/// When a file cannot be read, or names what `hooks/house.rhai` does not export.
pub fn marked(template: &Template) -> Result<Vec<Written>> {
    let house = constants(template, "house")?;
    let questions = "cargo-generate.toml".to_owned();
    let mut files = vec![Written {
        text: fs::read_to_string(template.root.join(&questions))?,
        path: questions,
    }];
    collect(&template.root, "kubernetes", &mut files)?;
    files.retain(|file| file.text.contains(MARK));
    for file in &mut files {
        let lines = file.text.lines();
        let lines: Result<String> = lines.map(|line| with_value(line, &house)).collect();
        file.text = lines.with_context(|| file.path.clone())?;
    }
    Ok(files)
}

/// The text constants that a module in `hooks/` exports, by name.
///
/// # Errors
/// When the module cannot be read.
pub fn constants(template: &Template, module: &str) -> Result<Constants> {
    let path = template.root.join(format!("hooks/{module}.rhai"));
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    Ok(constants_in(&text))
}

/// The text constants that a module exports, by name.
pub fn constants_in(module: &str) -> Constants {
    let constants = module.lines().filter_map(constant);
    constants
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// The name and value in `export const name = "value";`.
fn constant(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.strip_prefix("export const ")?.split_once(" = \"")?;
    Some((name, value.strip_suffix("\";")?))
}

/// The line with the default in place of the value that is there: a word, or a text in quotes.
fn with_value(line: &str, house: &BTreeMap<String, String>) -> Result<String> {
    let Some((before, name)) = line.split_once(MARK) else {
        return Ok(format!("{line}\n"));
    };
    let value = value(name, house)?;
    if let Some((key, _)) = before.split_once(" = \"") {
        return Ok(format!("{key} = \"{value}\"{MARK}{name}\n"));
    }
    let (key, _) = before
        .rsplit_once(' ')
        .with_context(|| format!("{line:?} has no value"))?;
    Ok(format!("{key} {value}{MARK}{name}\n"))
}

/// The default of that name, or a text with defaults in braces.
fn value(text: &str, house: &BTreeMap<String, String>) -> Result<String> {
    let default = |name: &str| {
        let value = house.get(name).cloned();
        value.with_context(|| format!("hooks/house.rhai exports no {name}"))
    };
    if !text.contains('{') {
        return default(text);
    }
    let mut parts = text.split('{');
    let mut value = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part
            .split_once('}')
            .with_context(|| format!("{text:?} has a brace too many"))?;
        value += &default(name)?;
        value += rest;
    }
    Ok(value)
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
