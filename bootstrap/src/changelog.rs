//! What changed between two versions, from the template's CHANGELOG.

use crate::version::Version;

/// The sections of `changelog` on the versions after `from` up to `to`, in its own order.
///
/// A section begins with a line such as `## 0.2.0`; whatever follows the version on that line is free.
pub fn between(changelog: &str, from: Version, to: Version) -> String {
    let mut wanted = false;
    let mut sections = String::new();
    for line in changelog.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            let version = heading.split(' ').next().and_then(|word| word.parse().ok());
            wanted = version.is_some_and(|version| from < version && version <= to);
        }
        if wanted {
            sections += line;
            sections.push('\n');
        }
    }
    sections.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    const CHANGELOG: &str = "# Changelog\n\nNewest first.\n\n## 0.3.0\n\n- Three.\n\n\
        ## 0.2.0 (2026-11-30)\n\n- Two.\n\n### In detail\n\n## Of old\n\n- None.\n\n## 0.1.0\n\n- One.\n";

    fn between(from: &str, to: &str) -> String {
        super::between(CHANGELOG, from.parse().unwrap(), to.parse().unwrap())
    }

    #[test]
    fn the_span_leaves_out_where_it_begins_and_holds_where_it_ends() {
        assert_eq!(between("0.2.0", "0.3.0"), "## 0.3.0\n\n- Three.");
        assert_eq!(
            between("0.1.0", "0.2.0"),
            "## 0.2.0 (2026-11-30)\n\n- Two.\n\n### In detail"
        );
        assert_eq!(between("0.3.0", "0.3.0"), "");
    }
}
