//! What the author is told of an update.

use std::{collections::BTreeSet, fs, path::PathBuf};

use crate::{
    changelog, history::CHANGELOG, merge::Merge, record::Record, render::Template, source::Span,
};

/// What the author should know of an update.
pub fn of(span: &Span, record: &Record, wanted: &Record, merge: &Merge<'_>) -> String {
    let mut paragraphs = vec![if span.from_version == span.to_version {
        format!(
            "Took {} to other answers, in version {} of the template.",
            record.answers.name, span.to_version
        )
    } else {
        format!(
            "Took {} from version {} of the template to {}.",
            record.answers.name, span.from_version, span.to_version
        )
    }];
    // A template without a changelog has nothing to say.
    let changes = fs::read_to_string(span.to.root.join(CHANGELOG)).unwrap_or_default();
    paragraphs.push(changelog::between(
        &changes,
        span.from_version,
        span.to_version,
    ));
    let given = wanted.answers.given.iter();
    let new = given.filter(|(name, _)| record.answers.get(name).is_none());
    paragraphs.push(list(
        "New on record; `--answer` changes it:",
        new.map(|(name, answer)| format!("{name} = {answer:?}")),
    ));
    paragraphs.push(list(
        "Deleted by you, and left so:",
        shown(&merge.kept_deleted),
    ));
    paragraphs.push(list(
        "Yours, and left as it is; the template has another sample now:",
        shown(&merge.kept_samples),
    ));
    paragraphs.push(list(
        "Changed by you, and no longer in this place of the template:",
        shown(&merge.changed_and_gone),
    ));
    paragraphs.push(list(
        "In conflict, for you to resolve as after a merge:",
        merge.conflicts.iter().cloned(),
    ));
    if is_of_0_1_0(&span.from) && !is_of_0_1_0(&span.to) {
        paragraphs.push(GUIDE.to_owned());
    }
    paragraphs.push(
        "Nothing is committed yet: `git diff --staged` shows it, `git reset --hard` takes it back."
            .to_owned(),
    );
    paragraphs.retain(|paragraph| !paragraph.is_empty());
    paragraphs.join("\n\n")
}

/// What an update cannot do for the author.
const GUIDE: &str = "The rest is yours: your code is written for a layout that is no more, and does not build yet. \
    \"From 0.1.0 to 0.2.0\" in docs/update.md of the template's repository says what goes where.";

/// Whether a template has apikit among the service's own sources.
fn is_of_0_1_0(template: &Template) -> bool {
    template.root.join("template/src/apikit").is_dir()
}

fn shown(files: &BTreeSet<PathBuf>) -> impl Iterator<Item = String> {
    files.iter().map(|file| file.display().to_string())
}

/// A heading and its items, a line each; nothing when there are none.
fn list(heading: &str, items: impl Iterator<Item = String>) -> String {
    let items: String = items.map(|item| format!("\n    {item}")).collect();
    if items.is_empty() {
        items
    } else {
        format!("{heading}{items}")
    }
}
