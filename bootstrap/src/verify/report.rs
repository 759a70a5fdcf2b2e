//! The findings as lines for people, or as JSON for machines.

use serde_json::json;

use super::{
    finding::{Finding, Mark},
    target::Target,
};

/// A line for each rule; two more for what departs. The last one counts.
pub fn lines(target: &Target, findings: &[Finding]) -> String {
    let mut text = format!("{}\n\n", target.shown());
    for finding in findings {
        let mark = match finding.mark {
            Mark::Fail => "FAIL",
            mark => mark.name(),
        };
        let Finding { rule, seen, .. } = finding;
        text.push_str(&line(mark, rule.name, seen));
        if let Some(expected) = &finding.expected {
            text.push_str(&line("", "  expected", expected));
            text.push_str(&line("", "  see", rule.source));
        }
    }
    let count = |mark| {
        findings
            .iter()
            .filter(|finding| finding.mark == mark)
            .count()
    };
    text.push_str(&format!(
        "\n{} kept, {} departed from, {} recommended, {} not applicable\n",
        count(Mark::Pass),
        count(Mark::Fail),
        count(Mark::Warn),
        count(Mark::Skip),
    ));
    text
}

fn line(mark: &str, rule: &str, text: &str) -> String {
    format!("{mark:4}  {rule:18}  {text}\n")
}

/// The same as one JSON object.
pub fn json(target: &Target, findings: &[Finding]) -> String {
    let conforms = findings.iter().all(|finding| finding.mark != Mark::Fail);
    let rules: Vec<_> = findings
        .iter()
        .map(|finding| {
            json!({
                "rule": finding.rule.name,
                "prefix": finding.prefix,
                "mark": finding.mark.name(),
                "seen": finding.seen,
                "expected": finding.expected,
                "source": finding.rule.source,
            })
        })
        .collect();
    let report = json!({ "url": target.shown(), "conforms": conforms, "rules": rules });
    format!("{report:#}\n")
}
