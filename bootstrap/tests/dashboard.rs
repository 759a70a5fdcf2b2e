//! The front end's dashboard and alert rules query metrics and labels that services have.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use bootstrap::render::Template;
use serde_json::Value;

/// The labels that Prometheus adds to every metric that a ServiceMonitor finds.
const ADDED: [&str; 3] = ["namespace", "job", "pod"];

/// What only a service with sessions has.
const SESSIONS: [&str; 2] = ["backend_logins_total", "backend_sessions"];

/// Words of PromQL. Other words outside strings and brackets are metrics.
const WORDS: [&str; 14] = [
    "and",
    "by",
    "count",
    "group",
    "histogram_quantile",
    "increase",
    "last_over_time",
    "max",
    "on",
    "or",
    "rate",
    "sum",
    "unless",
    "without",
];

fn file(name: &str) -> String {
    let folder = Template::here()
        .root
        .join("kubernetes/components/monitoring");
    fs::read_to_string(folder.join(name)).unwrap()
}

/// The queries of the dashboard's panels and variables.
fn dashboard() -> Vec<String> {
    let dashboard: Value = serde_json::from_str(&file("dashboard.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels
        .iter()
        .flat_map(|panel| panel["targets"].as_array().unwrap());
    let queries = targets.map(|target| target["expr"].as_str().unwrap().to_owned());
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    let asked = variables.iter().filter_map(|variable| {
        let query = variable["query"]["query"].as_str()?;
        let (series, label) = query
            .strip_prefix("label_values(")?
            .strip_suffix(')')?
            .rsplit_once(", ")?;
        Some(format!("sum by ({label}) ({series})"))
    });
    let queries: Vec<_> = queries.chain(asked).collect();
    assert!(queries.len() >= 14, "{queries:?}");
    queries
}

/// The expressions of the alert rules.
fn alerts() -> Vec<String> {
    let rules: Value = serde_saphyr::from_str(&file("rules/alerts.yaml")).unwrap();
    let groups = rules["spec"]["groups"].as_array().unwrap();
    let rules = groups
        .iter()
        .flat_map(|group| group["rules"].as_array().unwrap());
    let alerts = rules.map(|rule| rule["expr"].as_str().unwrap().to_owned());
    let alerts: Vec<_> = alerts.collect();
    assert_eq!(alerts.len(), 4);
    alerts
}

/// The metrics of a query, and the labels that it uses.
fn asked(query: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut names, mut labels) = (BTreeSet::new(), BTreeSet::new());
    let mut rest = query;
    let mut last = "";
    while let Some(first) = rest.chars().next() {
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let length = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let list = match first {
            '(' if ["by", "on"].contains(&last) => rest.find(')'),
            '{' => rest.find('}'),
            '[' => rest.find(']'),
            _ => None,
        };
        if let Some(end) = list {
            if first != '[' {
                let names = rest[1..end].split(", ");
                let name = |entry: &str| entry.split(['=', '!']).next().unwrap().to_owned();
                labels.extend(names.map(name));
            }
            rest = &rest[end + 1..];
        } else if length > 0 {
            last = &rest[..length];
            if !first.is_ascii_digit() && !WORDS.contains(&last) {
                names.insert(last.to_owned());
            }
            rest = &rest[length..];
            continue;
        } else {
            rest = &rest[first.len_utf8()..];
        }
        if !first.is_whitespace() {
            last = "";
        }
    }
    (names, labels)
}

/// The metrics of a service, with their labels, as it tells them.
fn real(told: &str) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut real = BTreeMap::<_, BTreeSet<_>>::new();
    for line in told.lines().filter(|line| !line.starts_with('#')) {
        let series = line.rsplit_once(' ').unwrap().0;
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        let names = labels.split(['{', ',']);
        let names = names.filter_map(|label| label.split_once('='));
        real.entry(name)
            .or_default()
            .extend(names.map(|(name, _)| name));
    }
    real
}

/// Asserts that a service which has been used tells all that is asked for.
pub fn asks_for_what_is_told(told: &str, auth: &str) {
    let real = real(told);
    for query in dashboard().into_iter().chain(alerts()) {
        let (names, labels) = asked(&query);
        assert!(!names.is_empty(), "{query}");
        let of_sessions = names.iter().any(|name| SESSIONS.contains(&name.as_str()));
        if auth != "bitly-proxy" && of_sessions {
            continue;
        }
        let mut known: BTreeSet<&str> = ADDED.into();
        for metric in &names {
            let own = real.get(metric.as_str());
            known.extend(own.unwrap_or_else(|| panic!("there is no {metric}: {query}")));
        }
        for label in &labels {
            assert!(known.contains(label.as_str()), "no label {label}: {query}");
        }
    }
}

#[test]
fn a_query_is_taken_apart_into_names_and_labels() {
    let query = r#"sum by (le, job) (rate(a_bucket{status=~"5..", route!~"/|/x"}[5m])) > 0.5 and on (pod) b"#;
    let (names, labels) = asked(query);
    assert_eq!(names, ["a_bucket", "b"].map(str::to_owned).into());
    let expected = ["job", "le", "pod", "route", "status"];
    assert_eq!(labels, expected.map(str::to_owned).into());
}
