//! House: the dashboard and the alert rules ask for figures and labels that the service really has.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use reqwest::Method;
use serde_json::Value;
use uservice::identity::AUTH;
use wiremock::ResponseTemplate;

use crate::{metrics, test_app::TestApp};

/// What Prometheus adds to every figure that a ServiceMonitor finds.
const ADDED: [&str; 3] = ["namespace", "job", "pod"];

/// What only a service with sessions has.
const SESSIONS: [&str; 2] = ["backend_logins_total", "backend_sessions"];

/// Words of PromQL. Other words outside strings and brackets are figures.
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
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("kubernetes/components/monitoring");
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

/// The expressions of the alert rules: blocks below `expr: |-`.
fn alerts() -> Vec<String> {
    let text = file("alerts.yaml");
    let blocks: Vec<_> = text.split("expr: |-\n").skip(1).collect();
    assert_eq!(blocks.len(), text.matches("- alert: ").count());
    let indented = |block: &str| {
        let lines = block
            .lines()
            .take_while(|line| line.starts_with("            "));
        lines.collect::<Vec<_>>().join("\n")
    };
    let alerts: Vec<_> = blocks.into_iter().map(indented).collect();
    assert_eq!(alerts.len(), 4);
    alerts
}

/// Each figure that a query asks for, with the labels that it asks of all of them.
fn asked(query: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut figures, mut labels) = (BTreeSet::new(), BTreeSet::new());
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
                figures.insert(last.to_owned());
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
    (figures, labels)
}

/// The figures of a service that has been used, with their labels.
async fn real() -> BTreeMap<String, BTreeSet<String>> {
    let app = TestApp::house(&[]).await;
    app.backend_answers("GET", "/api", ResponseTemplate::new(200))
        .await;
    app.request(Method::GET, "/probe").send().await.unwrap();
    let answer = app.get_anonymously("/metrics").await;
    let mut real = BTreeMap::<_, BTreeSet<_>>::new();
    for series in metrics::parse(&answer.body).into_keys() {
        let (name, labels) = series.split_once('{').unwrap_or((&series, ""));
        let names = labels
            .split(['{', ','])
            .filter_map(|label| label.split_once('='))
            .map(|(name, _)| name.to_owned());
        real.entry(name.to_owned()).or_default().extend(names);
    }
    real
}

#[tokio::test]
async fn what_is_asked_for_is_there() {
    let real = real().await;
    let has_sessions = serde_json::to_value(AUTH).unwrap() == "bitly-proxy";
    for query in dashboard().into_iter().chain(alerts()) {
        let (figures, labels) = asked(&query);
        assert!(!figures.is_empty(), "{query}");
        if !has_sessions && figures.iter().any(|name| SESSIONS.contains(&name.as_str())) {
            continue;
        }
        let mut known: BTreeSet<&str> = ADDED.into();
        for figure in &figures {
            let own = real.get(figure);
            let own = own.unwrap_or_else(|| panic!("there is no {figure}: {query}"));
            known.extend(own.iter().map(String::as_str));
        }
        for label in &labels {
            assert!(known.contains(label.as_str()), "no label {label}: {query}");
        }
    }
}

#[test]
fn a_query_is_taken_apart_into_figures_and_labels() {
    let query = r#"sum by (le, job) (rate(a_bucket{status=~"5..", route!~"/|/x"}[5m])) > 0.5 and on (pod) b"#;
    let (figures, labels) = asked(query);
    assert_eq!(figures, ["a_bucket", "b"].map(str::to_owned).into());
    let expected = ["job", "le", "pod", "route", "status"];
    assert_eq!(labels, expected.map(str::to_owned).into());
}
