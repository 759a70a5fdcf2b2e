//! What the author is told of an update.

use std::fs;

use crate::{changelog, history::CHANGELOG, merge::Merge, record::Record, source::Span};

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
        merge
            .kept_deleted
            .iter()
            .map(|file| file.display().to_string()),
    ));
    paragraphs.push(list(
        "In conflict, for you to resolve as after a merge:",
        merge.conflicts.iter().cloned(),
    ));
    paragraphs.push(
        "Nothing is committed yet: `git diff --staged` shows it, `git reset --hard` takes it back."
            .to_owned(),
    );
    paragraphs.retain(|paragraph| !paragraph.is_empty());
    paragraphs.join("\n\n")
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
