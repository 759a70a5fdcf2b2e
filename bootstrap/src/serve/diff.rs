//! What changes from one rendering to another, as a unified diff that `git apply` takes in the service's folder.

use std::fmt::Write;

use similar::TextDiff;

use super::rendering::{File, Rendering};

/// How many lines stand around a change.
const CONTEXT: usize = 3;

/// What changes in one file.
pub struct Change {
    pub path: String,
    pub kind: Kind,
    /// The header with the names of both files, and the hunks.
    pub text: String,
}

/// Whether a file is on both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Added,
    Removed,
    Changed,
}

/// The files that differ, in order.
pub fn changes(from: &Rendering, to: &Rendering) -> Vec<Change> {
    let mut paths: Vec<_> = from.files.keys().chain(to.files.keys()).collect();
    paths.sort();
    paths.dedup();
    let changes = (paths.into_iter()).filter_map(|path| {
        let (old, new) = (from.files.get(path), to.files.get(path));
        let kind = match (old, new) {
            (None, _) => Kind::Added,
            (_, None) => Kind::Removed,
            (old, new) if old == new => return None,
            _ => Kind::Changed,
        };
        let text = unified(path, kind, (old, new));
        let path = path.clone();
        Some(Change { path, kind, text })
    });
    changes.collect()
}

/// The whole diff.
pub fn text(changes: &[Change]) -> String {
    changes.iter().map(|change| change.text.as_str()).collect()
}

fn unified(path: &str, kind: Kind, (old, new): (Option<&File>, Option<&File>)) -> String {
    let mut text = format!("diff --git a/{path} b/{path}\n");
    if let Some(file) = new.filter(|_| kind == Kind::Added) {
        let _ = writeln!(text, "new file mode 100{:o}", file.mode.permissions());
    }
    if let Some(file) = old.filter(|_| kind == Kind::Removed) {
        let _ = writeln!(text, "deleted file mode 100{:o}", file.mode.permissions());
    }
    let before = old.map_or("/dev/null".to_owned(), |_| format!("a/{path}"));
    let after = new.map_or("/dev/null".to_owned(), |_| format!("b/{path}"));
    let content = |file: Option<&File>| match file {
        Some(file) => file.text().map(str::to_owned),
        None => Some(String::new()),
    };
    let (Some(old), Some(new)) = (content(old), content(new)) else {
        return format!("{text}Binary files {before} and {after} differ\n");
    };
    let diff = TextDiff::from_lines(&old, &new);
    let mut hunks = diff.unified_diff();
    let hunks = hunks.context_radius(CONTEXT).header(&before, &after);
    format!("{text}{hunks}")
}
