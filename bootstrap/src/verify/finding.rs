//! What was found of one rule: kept, broken, or not to be seen from here.

use super::rule::{Rule, Weight};

/// Longer texts of a service are cut: it decides what they are.
const LONGEST: usize = 300;

/// One line of the report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule.
    pub rule: Rule,
    /// The half of the service that was asked: its route, or nothing for the host's root.
    pub prefix: String,
    /// How the service does.
    pub mark: Mark,
    /// What was asked and seen, or why nothing was; fit for a terminal.
    pub seen: String,
    /// What the contract expects, of a departure.
    pub expected: Option<String>,
}

/// How a service does by a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// It keeps the rule.
    Pass,
    /// It breaks a recommendation.
    Warn,
    /// It breaks the rule.
    Fail,
    /// The rule does not apply here, or cannot be tried.
    Skip,
}

/// What was seen of a service that keeps a rule, or what speaks against it.
pub type Checked = Result<String, Objection>;

/// Why a rule is not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Objection {
    /// The service does otherwise.
    Departs { seen: String, expected: String },
    /// The rule does not apply, or cannot be tried, because of this.
    NotApplicable(String),
}

impl Objection {
    /// A departure: what was seen, and what the contract expects.
    pub fn departs(seen: impl Into<String>, expected: impl Into<String>) -> Self {
        Self::Departs {
            seen: seen.into(),
            expected: expected.into(),
        }
    }
}

impl Finding {
    /// The finding of a rule, by what its check came to.
    pub fn of(rule: Rule, prefix: &str, checked: Checked) -> Self {
        let (mark, seen, expected) = match checked {
            Ok(seen) => (Mark::Pass, seen, None),
            Err(Objection::NotApplicable(why)) => (Mark::Skip, why, None),
            Err(Objection::Departs { seen, expected }) => {
                let mark = match rule.weight {
                    Weight::Required => Mark::Fail,
                    Weight::Recommended => Mark::Warn,
                };
                (mark, seen, Some(printable(&expected)))
            }
        };
        Self {
            rule,
            prefix: prefix.to_owned(),
            mark,
            seen: printable(&seen),
            expected,
        }
    }
}

impl Mark {
    /// The mark as machines read it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Fail => "fail",
            Self::Skip => "skip",
        }
    }
}

/// A text that changes no terminal and no line, whatever the service put into it.
pub fn printable(text: &str) -> String {
    let mut shown = String::new();
    for character in text.chars().take(LONGEST) {
        // Escape sequences, and what turns the direction of a text around or is not seen at all.
        if character.is_control() || is_format(character) {
            shown.extend(character.escape_unicode());
        } else {
            shown.push(character);
        }
    }
    if text.chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    shown
}

fn is_format(character: char) -> bool {
    matches!(character, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn what_a_terminal_obeys_is_spelled_out() {
        assert_eq!(printable("é 🦀 \"x\""), "é 🦀 \"x\"");
        assert_eq!(printable("\u{1b}[2J\r\n"), "\\u{1b}[2J\\u{d}\\u{a}");
        assert_eq!(printable("\u{9b}31m\u{202e}"), "\\u{9b}31m\\u{202e}");
        assert_eq!(printable(&"a".repeat(301)), "a".repeat(300) + "…");
    }
}
