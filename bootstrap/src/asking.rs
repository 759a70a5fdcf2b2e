//! What the hooks ask for, so that each answer is checked when it is given. cargo-generate's own questions come without
//! rules, and before the hook that has them.

use std::{fs, path::Path};

use anyhow::Result;

use crate::answers::Answers;

/// The module that says so, in a template.
const MODULE: &str = "hooks/asking.rhai";

/// The questions that have rules. cargo-generate shows the choices of the auth type, of which none is wrong.
const QUESTIONS: [&str; 2] = ["description", "repository"];

/// Tells the hooks of a staged template to ask for what was not answered; `into` is where the service goes.
///
/// # Errors
/// When the folder cannot be read, or the module cannot be written.
pub fn write(staged: &Path, answers: &Answers, into: &Path) -> Result<()> {
    let module = staged.join(MODULE);
    // Templates before 0.2.0 ask for the name alone.
    if !module.exists() {
        return Ok(());
    }
    let missing = QUESTIONS.iter().filter(|name| answers.get(name).is_none());
    let missing: Vec<_> = missing.map(|name| (*name).to_owned()).collect();
    let entries = fs::read_dir(into)?;
    let entries = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    // Others are no names of services.
    let plain = |name: &String| {
        name.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let taken: Vec<_> = entries.filter(plain).collect();
    let text = format!("export const questions = {missing:?};\nexport const taken = {taken:?};\n");
    Ok(fs::write(module, text)?)
}
