//! One departure each, and the line that names it.

use bootstrap::render::Template;
use serde_json::{Value, json};

use super::{
    double::{Departure, Double, ROUTE, Reply, document, error, json_reply, metadata, reply, with},
    text, verify,
};

/// A document or the metadata with one member changed.
fn changed(mut json: Value, member: &str, value: Value) -> Value {
    json[member] = value;
    json
}

fn without(mut json: Value, member: &str) -> Value {
    json.as_object_mut().unwrap().remove(member);
    json
}

fn at_route(method: &'static str, path: &str, reply: Reply) -> Departure {
    (method, format!("{ROUTE}{path}"), reply)
}

/// The names of the rules with a mark.
fn marked(report: &str, mark: &str) -> Vec<String> {
    let lines = report.lines().filter(|line| line.starts_with(mark));
    lines
        .map(|line| line.split_whitespace().nth(1).unwrap().to_owned())
        .collect()
}

#[test]
fn who_keeps_the_contract_conforms_with_every_rule() {
    let double = Double::start(vec![]);
    let output = verify(&double.url(ROUTE), &[]);
    let report = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{report}");
    assert!(
        report.ends_with("\n24 kept, 0 departed from, 0 recommended, 0 not applicable\n"),
        "{report}"
    );
}

/// Each double breaks one rule, and is told of that one alone.
#[test]
fn a_departure_is_named_with_what_was_seen_and_expected() {
    let nowhere = "/bootstrap-verify/asks/for/nothing/that/is/there";
    let post = |reply| at_route("POST", "/metadata", reply);
    let json_405 = || error(405, "Method Not Allowed");
    let all_spellings = |reply: Reply| {
        let paths = ["metadata", "v1.0/metadata", "1.0/metadata"];
        let paths = paths.map(|path| [path.to_owned(), format!("{path}.json")]);
        let paths = paths.into_iter().flatten();
        let both = paths.flat_map(|path| [format!("/{path}"), format!("{ROUTE}/{path}")]);
        both.map(|path| ("GET", path, reply.clone()))
            .collect::<Vec<_>>()
    };
    let document_with = |member, value| {
        vec![at_route(
            "GET",
            "/openapi.json",
            json_reply(200, &changed(document(), member, value)),
        )]
    };
    let cases: Vec<(&str, Vec<Departure>, &str)> = vec![
        (
            "health-check",
            vec![("GET", "/".into(), reply(200, "text/html", "OK"))],
            "GET /: 200 text/html",
        ),
        (
            "health-check",
            vec![("GET", "/".into(), reply(200, "text/plain", "fine"))],
            "\"fine\"",
        ),
        (
            "liveness",
            vec![("GET", "/healthz".into(), error(404, "Not Found"))],
            "GET /healthz: 404 application/json",
        ),
        (
            "readiness",
            vec![("GET", "/readyz".into(), error(500, "Oh"))],
            "GET /readyz: 500",
        ),
        (
            "readiness",
            vec![("GET", "/readyz".into(), Reply::Silence)],
            "GET /readyz: no end within 1 s",
        ),
        (
            "readiness",
            vec![("GET", "/readyz".into(), Reply::Endless)],
            "GET /readyz: 200, then more than 1 MiB",
        ),
        (
            "readiness",
            vec![("GET", "/readyz".into(), Reply::Trickle)],
            "GET /readyz: 200, then no end within 1 s",
        ),
        (
            "liveness",
            vec![(
                "GET",
                "/healthz".into(),
                Reply::Raw("SSH-2.0-x\r\n\r\n".into()),
            )],
            "GET /healthz: ",
        ),
        (
            "metadata-spellings",
            vec![at_route(
                "GET",
                "/v1.0/metadata.json",
                error(404, "Not Found"),
            )],
            "GET /build-times/v1.0/metadata.json: 404",
        ),
        (
            "metadata-spellings",
            vec![at_route(
                "GET",
                "/1.0/metadata",
                json_reply(200, &changed(metadata(), "version", json!("0.2.0"))),
            )],
            "GET /build-times/1.0/metadata: other JSON",
        ),
        (
            "metadata-spellings",
            vec![at_route(
                "GET",
                "/metadata.json",
                with(
                    reply(302, "text/html", ""),
                    "Location",
                    "https://a.example/",
                ),
            )],
            "GET /build-times/metadata.json: 302 to https://a.example/ text/html",
        ),
        (
            "head",
            vec![at_route("HEAD", "/metadata", json_405())],
            "HEAD /build-times/metadata: 405",
        ),
        (
            "head",
            vec![at_route("HEAD", "/metadata", json_reply(200, &json!({})))],
            "Content-Length 2 where GET sends",
        ),
        (
            "head",
            vec![at_route(
                "HEAD",
                "/metadata",
                Reply::Raw("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{}".into()),
            )],
            "200 application/json, and a body",
        ),
        (
            "unknown-path",
            vec![at_route(
                "GET",
                nowhere,
                reply(404, "text/html", "<h1>Not Found</h1>"),
            )],
            "404 text/html",
        ),
        (
            "unknown-path",
            vec![at_route("GET", nowhere, reply(200, "text/html", "Welcome"))],
            "200 text/html",
        ),
        (
            "unknown-path",
            vec![at_route(
                "GET",
                nowhere,
                reply(404, "application/json", "<h1>"),
            )],
            "no JSON: expected value",
        ),
        (
            "unknown-path",
            vec![at_route(
                "GET",
                nowhere,
                json_reply(
                    404,
                    &json!({"reason": "x", "status_code": "404", "error_content": null}),
                ),
            )],
            "status_code is \"404\"",
        ),
        (
            "unknown-path",
            vec![at_route(
                "GET",
                nowhere,
                json_reply(
                    404,
                    &json!({"reason": "x", "status_code": 500, "error_content": null}),
                ),
            )],
            "status_code is 500",
        ),
        (
            "unknown-path",
            vec![at_route(
                "GET",
                nowhere,
                json_reply(404, &json!({"reason": "x", "status_code": 404})),
            )],
            "error_content is missing",
        ),
        (
            "unknown-path",
            vec![at_route(
                "GET",
                nowhere,
                json_reply(404, &json!({"status_code": 404, "error_content": "x"})),
            )],
            "reason is null",
        ),
        ("wrong-method", vec![post(json_405())], "Allow: "),
        (
            "wrong-method",
            vec![post(with(error(404, "Not Found"), "Allow", "GET"))],
            "POST /build-times/metadata: 404",
        ),
        (
            "request-id",
            all_spellings(with(json_reply(200, &metadata()), "X-Request-Id", "7")),
            "X-Request-Id: 7",
        ),
        (
            "openapi",
            document_with("openapi", json!("3.0.3")),
            "openapi is \"3.0.3\"",
        ),
        (
            "openapi",
            document_with("info", json!({"title": "x"})),
            "info is {\"title\":\"x\"}",
        ),
        (
            "openapi-paths",
            document_with("servers", json!([])),
            "2 paths lead elsewhere, such as /metadata",
        ),
        (
            "docs",
            vec![at_route(
                "GET",
                "/docs",
                with(reply(307, "text/html", ""), "Location", "/ui"),
            )],
            "307 to /ui",
        ),
        (
            "credentials",
            vec![at_route("GET", "/x/x", json_reply(200, &json!({})))],
            "GET /build-times/x/x: 200",
        ),
        (
            "credentials",
            vec![at_route("GET", "/x/x", error(401, "Unauthorized"))],
            "WWW-Authenticate: ",
        ),
        (
            "credentials",
            vec![at_route(
                "GET",
                "/x/x",
                with(
                    reply(401, "text/plain", "No"),
                    "WWW-Authenticate",
                    "Basic realm=\"x\"",
                ),
            )],
            "401 text/plain",
        ),
        (
            "metadata",
            all_spellings(json_reply(200, &without(metadata(), "repository"))),
            "no repository",
        ),
        (
            "metadata",
            all_spellings(json_reply(200, &changed(metadata(), "version", json!(1.5)))),
            "version is 1.5",
        ),
        (
            "metadata",
            all_spellings(json_reply(200, &changed(metadata(), "url", json!("x")))),
            "url besides",
        ),
    ];
    assert!(cases.len() >= 20);
    for (rule, departures, seen) in cases {
        let double = Double::start(departures);
        let output = verify(&double.url(ROUTE), &[]);
        let report = text(&output.stdout);
        assert_eq!(output.status.code(), Some(1), "{rule}, {seen}: {report}");
        let mut failed = marked(&report, "FAIL");
        failed.dedup();
        assert_eq!(failed, [rule], "{seen}: {report}");
        let line = report
            .lines()
            .find(|line| line.starts_with("FAIL"))
            .unwrap();
        assert!(line.contains(seen), "{seen}: {line}");
        assert!(report.contains("        expected "), "{report}");
        assert!(report.contains("docs/verify.md#"), "{report}");
    }
}

#[test]
fn who_has_no_links_conforms_and_is_told() {
    let bare = json_reply(200, &metadata());
    let double = Double::start(vec![
        at_route("GET", "/metadata", bare.clone()),
        ("GET", "/metadata".into(), bare),
    ]);
    let output = verify(&double.url(ROUTE), &[]);
    let report = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{report}");
    assert_eq!(marked(&report, "warn"), ["links", "links"], "{report}");
}

/// Through a front end, the root is another's; `--direct` says that it is the service's own.
#[test]
fn the_root_is_left_alone_where_another_answers() {
    let anothers = || {
        vec![
            ("*", "/".into(), error(404, "Not Found")),
            ("*", "/healthz".into(), error(404, "Not Found")),
            ("*", "/metadata".into(), error(404, "Not Found")),
        ]
    };
    let double = Double::start(anothers());
    let output = verify(&double.url(ROUTE), &[]);
    let report = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{report}");
    let skipped = ["health-check", "liveness", "readiness", "prefixes"];
    assert_eq!(marked(&report, "skip"), skipped, "{report}");

    let output = verify(&double.url(ROUTE), &["--direct"]);
    let report = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{report}");
    assert!(
        marked(&report, "FAIL").contains(&"prefixes".to_owned()),
        "{report}"
    );
}

#[test]
fn a_url_without_a_route_says_what_it_leaves_out() {
    let double = Double::start(vec![]);
    let report = text(&verify(&double.url(""), &[]).stdout);
    assert_eq!(marked(&report, "FAIL"), [] as [&str; 0], "{report}");
    assert_eq!(
        marked(&report, "skip"),
        ["prefixes", "openapi-paths"],
        "{report}"
    );
}

#[test]
fn the_manual_has_every_rule_under_the_heading_that_departures_name() {
    let manual = Template::here().root.join("docs/verify.md");
    let manual = std::fs::read_to_string(manual).unwrap();
    let double = Double::start(vec![]);
    let output = verify(&double.url(ROUTE), &["--json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    for rule in report["rules"].as_array().unwrap() {
        let source = rule["source"].as_str().unwrap();
        let (_, anchor) = source.split_once("docs/verify.md#").unwrap();
        let anchor = anchor.split(' ').next().unwrap().replace('-', " ");
        let sections = manual.split("\n### ");
        let mut sections = sections.filter(|section| section.to_lowercase().starts_with(&anchor));
        let section = sections.next().unwrap_or_else(|| panic!("{source}"));
        let name = format!("| `{}` |", rule["rule"].as_str().unwrap());
        assert!(section.contains(&name), "{name}");
    }
}

#[test]
fn machines_get_json() {
    let double = Double::start(vec![("GET", "/healthz".into(), error(404, "Not Found"))]);
    let output = verify(&double.url(ROUTE), &["--json"]);
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["conforms"], false);
    assert_eq!(report["url"], double.url(ROUTE));
    let rules = report["rules"].as_array().unwrap();
    let liveness = rules.iter().find(|rule| rule["rule"] == "liveness");
    assert_eq!(
        liveness.unwrap(),
        &json!({
            "rule": "liveness",
            "prefix": "",
            "mark": "fail",
            "seen": "GET /healthz: 404 application/json",
            "expected": "200",
            "source": "docs/verify.md#health",
        })
    );
}
