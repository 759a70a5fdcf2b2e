//! The services in `examples/` and `services/`, each held to be what it says: a rendering of this template, with what its
//! author wrote over it.

use std::{collections::BTreeMap, fs, net::TcpListener, thread, time::Duration};

use crate::{
    made::{self, FOLDERS, answers, folder},
    services::{passes_as_a_crate, rendered, turn},
    support::files,
    versions::run,
};
use bootstrap::{
    http,
    render::{Manner, Template},
    running::{Process, backend_flags},
};
use serde_json::{Value, json};
use tempfile::TempDir;

/// `ada:demo`
const ADA: &str = "Authorization: Basic YWRhOmRlbW8=";

/// The services that were made with the template.
fn services() -> Vec<String> {
    let folders = FOLDERS.map(|folder| fs::read_dir(Template::here().root.join(folder)).unwrap());
    let entries = folders.into_iter().flatten();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let services: Vec<_> = names
        .filter(|name| folder(name).join("answers.toml").exists())
        .collect();
    assert_eq!(services.len(), 4, "{services:?}");
    services
}

/// What the example's author wrote, under the paths that it has in the service.
pub fn authors(name: &str) -> BTreeMap<String, Vec<u8>> {
    files(&folder(name).join("files"))
}

#[test]
fn an_example_holds_what_its_author_changed_and_nothing_else() {
    for name in services() {
        let into = TempDir::new().unwrap();
        let fresh = Template::here()
            .render(&answers(&name), into.path(), Manner::SILENT)
            .unwrap();
        let rendered = files(&fresh);
        for (path, text) in authors(&name) {
            assert!(
                rendered.get(&path) != Some(&text),
                "{name}: {path} is the template's"
            );
            let places = [
                "src/",
                "tests/",
                "examples/",
                "Cargo.toml",
                "Cargo.lock",
                "deny.exceptions.toml",
            ];
            let is_authors = places.iter().any(|place| path.starts_with(place));
            assert!(is_authors, "{name}: {path} is no file of an author's");
        }
        let whole = TempDir::new().unwrap();
        let ran = run("check", &made::rendered(&name, whole.path()), &[]);
        assert_eq!(ran.code, Some(0), "{name}: {ran:?}");
    }
}

#[test]
fn the_way_from_apikit_quotes_metric_deviation_as_it_is() {
    let page = Template::here().root.join("docs/from-apikit.md");
    let page = fs::read_to_string(page).unwrap();
    let sources: Vec<_> = authors("metric-deviation").into_values().collect();
    let quoted: Vec<_> = page.split("```rust\n").skip(1).collect();
    assert!(quoted.len() > 5, "{quoted:?}");
    for rest in quoted {
        let (block, _) = rest.split_once("```").unwrap();
        let stands = |source: &Vec<u8>| String::from_utf8_lossy(source).contains(block);
        assert!(sources.iter().any(stands), "{block}");
    }
}

#[test]
fn metric_deviation_is_a_service_like_any_other_and_tells_changes() {
    let _turn = turn();
    let answers = answers("metric-deviation");
    let project = rendered(&answers, authors("metric-deviation"));
    passes_as_a_crate(&project);

    let auth = answers.get("auth_type").unwrap();
    let backend = project.start_backend(backend_flags(auth)).unwrap();
    let service = project.start("127.0.0.1:0", &backend).unwrap();
    for (path, status, body) in [
        (
            "/metricdeviation/AM1/1.5",
            200,
            json!({
                "changed": true,
                "current": 5.1,
                "previous": 5.0,
                "delta_pct": 2.0,
                "units": "mmag",
                "changecount": 2,
                "changed_packages": ["afw", "meas_base"],
            }),
        ),
        (
            "/AM2/1e6",
            200,
            json!({
                "changed": true,
                "current": 0.25,
                "previous": 0.0,
                "delta_pct": null,
                "units": "mmag",
                "changecount": 1,
                "changed_packages": ["obs_cfht"],
            }),
        ),
        (
            "/metricdeviation/PA1",
            404,
            json!({
                "reason": "Not Found",
                "status_code": 404,
                "error_content": "The dashboard's last page has no two measurements of PA1 to compare.",
            }),
        ),
    ] {
        assert_eq!(asked(&service, path), (status, body), "{path}");
    }
    describes_its_routes(&service);
    let (code, _) = service.stop().unwrap();
    assert_eq!(code, Some(0));
}

#[test]
fn notebook_report_accepts_reports_and_pages_through_them() {
    let _turn = turn();
    let answers = answers("notebook-report");
    let project = rendered(&answers, authors("notebook-report"));
    passes_as_a_crate(&project);
    let github = project.start_backend(&[]).unwrap();
    let keeper = format!("http://{}/keeper", github.address);
    let service = project.start_with(
        "127.0.0.1:0",
        github.address,
        &[
            ("KEEPER_URL", &keeper),
            ("KEEPER_USERNAME", "robot"),
            ("KEEPER_PASSWORD", "demo"),
        ],
    );
    let service = service.unwrap();
    let (status, notebooks) = asked(&service, "/notebook-report/notebooks/lsst");
    assert_eq!(
        (status, notebooks),
        (200, json!(["moon.ipynb", "sun.ipynb", "stars.ipynb"]))
    );
    let (code, _) = service.stop().unwrap();
    assert_eq!(code, Some(0));
}

#[test]
fn template_index_answers_at_its_route() {
    let _turn = turn();
    let answers = answers("template-index");
    let project = rendered(&answers, authors("template-index"));
    passes_as_a_crate(&project);
    let backend = project.start_backend(&[]).unwrap();
    let service = project.start_with(
        "127.0.0.1:0",
        backend.address,
        &[("AUTH_USERNAME", "robot"), ("AUTH_PASSWORD", "demo")],
    );
    let service = service.unwrap();
    for path in ["/template-index", "/template-index/"] {
        let (status, templates) = asked(&service, path);
        assert_eq!(
            (status, templates),
            (200, json!(["service", "technote"])),
            "{path}"
        );
    }
    let (code, log) = service.stop().unwrap();
    assert_eq!(code, Some(0));
    assert!(log.contains("a task has stopped"), "{log}");
}

#[test]
fn the_catalogue_finds_itself_and_a_service_that_is_gone() {
    let _turn = turn();
    let answers = answers("catalogue");
    let project = rendered(&answers, authors("catalogue"));
    passes_as_a_crate(&project);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let list = format!("catalogue=http://{address},gone=http://127.0.0.1:1");
    let settings = [
        ("CATALOGUE_SERVICES", list.as_str()),
        ("CATALOGUE_INTERVAL", "100ms"),
    ];
    // It asks no back-end.
    let service = project.start_with(&address.to_string(), address, &settings);
    let service = service.unwrap();
    let path = "/catalogue/services/catalogue";
    let looks = (0..100).map(|_| {
        thread::sleep(Duration::from_millis(100));
        asked(&service, path).1
    });
    let found = looks.into_iter().find(|told| told["status"] == "pass");
    let found = found.expect("the catalogue finds itself within ten seconds");
    assert_eq!(
        found["metadata"]["description"].as_str(),
        answers.get("description")
    );
    assert_eq!(found["route"], "/catalogue");
    let (_, gone) = asked(&service, "/catalogue/services/gone");
    assert_eq!(gone["status"], "fail");
    let (_, merged) = asked(&service, "/catalogue/merged/openapi.json");
    assert!(merged["paths"]["/catalogue/services/{name}"].is_object());
    let left_out = json!([{"name": "gone", "why": "It has no OpenAPI document."}]);
    assert_eq!(merged["x-left-out"], left_out);
    let health = http::request(service.address, "GET", "/", &[]).unwrap();
    assert_eq!(health.body, "OK");
    let page = http::request(service.address, "GET", "/", &["Accept: text/html"]).unwrap();
    assert!(page.body.contains("<h1>Services</h1>"), "{}", page.body);
    let (code, _) = service.stop().unwrap();
    assert_eq!(code, Some(0));
}

/// The document has the author's routes, with the rule for the threshold.
fn describes_its_routes(service: &Process) {
    let (_, document) = asked(service, "/metricdeviation/openapi.json");
    assert_eq!(document["servers"], json!([{"url": "/metricdeviation"}]));
    let operation = &document["paths"]["/{metric}/{threshold}"]["get"];
    let parameters = operation["parameters"].as_array().unwrap();
    let threshold = parameters
        .iter()
        .find(|parameter| parameter["name"] == "threshold");
    let schema = &threshold.unwrap()["schema"];
    assert_eq!(schema["type"], "number");
    assert_eq!(schema["minimum"], 0);
    assert!(document["paths"]["/{metric}"]["get"].is_object());
}

fn asked(service: &Process, path: &str) -> (u16, Value) {
    let answer = http::request(service.address, "GET", path, &[ADA]).unwrap();
    let body = serde_json::from_str(&answer.body);
    let body = body.unwrap_or_else(|_| panic!("{path}: {}", answer.body));
    (answer.status, body)
}
