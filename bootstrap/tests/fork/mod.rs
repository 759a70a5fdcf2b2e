//! A fork of the template, as `docs/fork.md` makes one: `hooks/house.rhai` changes, and all else follows.

mod made;
mod merge;

use std::{collections::BTreeMap, fs};

use crate::{
    services::{cargo, rendered_by, turn},
    support::{files, house},
};
use bootstrap::{
    answers::Answers,
    render::{Manner, Template},
};
use made::{CONSTANTS, copy, make_its_own};
use tempfile::TempDir;

fn render(template: &Template, answers: &Answers) -> BTreeMap<String, String> {
    let into = TempDir::new().unwrap();
    let folder = template
        .render(answers, into.path(), Manner::SILENT)
        .unwrap();
    as_text(files(&folder))
}

fn as_text(files: BTreeMap<String, Vec<u8>>) -> BTreeMap<String, String> {
    let text = |(path, bytes)| Some((path, String::from_utf8(bytes).ok()?));
    files.into_iter().filter_map(text).collect()
}

/// Asserts that no file has a word of the defaults that the fork was made from.
fn has_nothing_of_the_old_house(files: &BTreeMap<String, String>) {
    let old = [
        "template_url",
        "owner",
        "host",
        "namespace",
        "tls_secret",
        "description",
    ]
    .map(house);
    let is_new = |word: &String| CONSTANTS.iter().any(|(_, value)| value.contains(word));
    let old: Vec<_> = old.iter().filter(|word| !is_new(word)).collect();
    for (path, text) in files {
        for word in &old {
            assert!(!text.contains(*word), "{path} still says {word:?}");
        }
    }
}

#[test]
fn every_default_of_the_house_can_be_another() {
    let exported = bootstrap::house::constants(&Template::here(), "house").unwrap();
    let unchanged = |name: &&String| CONSTANTS.iter().all(|(changed, _)| changed != name);
    let unchanged: Vec<_> = exported.keys().filter(unchanged).collect();
    // It goes with a file of the fork's.
    assert_eq!(unchanged, ["license_text"]);
}

#[test]
fn a_default_that_cannot_work_is_refused_like_an_answer() {
    for (name, value) in [
        ("host", "Example"),
        ("port", "80"),
        ("header", "none"),
        ("auth_type", "oauth"),
        ("gateway_class", "a_b"),
        ("front_end", "nginx"),
    ] {
        let scratch = TempDir::new().unwrap();
        let fork = copy(&scratch);
        let path = fork.root.join("hooks/house.rhai");
        let text = fs::read_to_string(&path).unwrap();
        let line = |value: &str| format!("export const {name} = \"{value}\";\n");
        fs::write(path, text.replace(&line(&house(name)), &line(value))).unwrap();

        let into = TempDir::new().unwrap();
        let refused = fork.render(&Answers::named("fine"), into.path(), Manner::SILENT);
        let sentence = refused.unwrap_err().to_string();
        let expected = format!("{name} {value:?} must be ");
        assert!(sentence.starts_with(&expected), "{sentence}");
    }
}

#[test]
fn what_is_rendered_follows_the_one_file() {
    let scratch = TempDir::new().unwrap();
    let fork = copy(&scratch);
    make_its_own(&fork);
    let service = render(&fork, &Answers::named("one-more"));
    has_nothing_of_the_old_house(&service);
    for (path, expected) in [
        (
            "Cargo.toml",
            "repository = \"https://git.example.org/example-org/one-more\"",
        ),
        (
            "Cargo.toml",
            "description = \"A service of Example Org's.\"",
        ),
        ("Cargo.toml", "license = \"Apache-2.0\""),
        ("Cargo.toml", "version = \"1.0.0\""),
        ("src/identity.rs", "\"0.0.0.0:9000\""),
        (
            "src/identity.rs",
            "(\"x-house\", \"Example Org, 2nd floor\")",
        ),
        ("src/identity.rs", "Auth::named(\"basic\")"),
        ("src/identity.rs", "api_version: \"2.1\""),
        ("README.md", "Questions go to the channel #services."),
        ("README.md", "https://services.example.org/one-more/docs"),
        ("README.md", "http://127.0.0.1:9000/one-more/metadata"),
        (
            "README.md",
            "-p 9000:9000 registry.example.org/example-org/one-more",
        ),
        ("Dockerfile", "EXPOSE 9000"),
        ("kubernetes/base/deployment.yaml", "containerPort: 9000"),
        (
            "kubernetes/base/settings.env",
            "https://one-more.internal.example.org",
        ),
        (
            "kubernetes/components/gke/health-check-policy.yaml",
            "port: 9000",
        ),
        ("kubernetes/base/network-policy.yaml", "observability"),
        ("kubernetes/components/ingress/ingress.yaml", "haproxy"),
        (
            "kubernetes/components/ingress/network-policy-patch.yaml",
            "haproxy-system",
        ),
        (
            "kubernetes/overlays/production/kustomization.yaml",
            "../../components/ingress",
        ),
    ] {
        assert!(service[path].contains(expected), "{path} lacks {expected}");
    }
    // The port stands in apikit as an example, and by chance in checksums.
    let old_port = house("port");
    let is_left = |text: &str| old_port != "9000" && text.contains(&old_port);
    for (path, text) in &service {
        if path != "Cargo.lock" && !path.starts_with("apikit/") {
            assert!(!is_left(text), "{path}");
        }
    }

    let licensed = Answers::named("one-more").with("license", &house("license_text"));
    assert!(render(&fork, &licensed)["LICENSE"].contains(" Example Org\n"));
}

#[test]
fn the_front_end_and_the_questions_follow_by_the_twins() {
    let scratch = TempDir::new().unwrap();
    let fork = copy(&scratch);
    let before = files(&fork.root);
    make_its_own(&fork);
    let mut after = files(&fork.root);
    after.retain(|path, text| before.get(path) != Some(text));
    let changed = as_text(after);
    for path in changed.keys() {
        // The twin has the default header, since there is no answer that means none.
        let expected = [
            "hooks/house.rhai",
            "cargo-generate.toml",
            "template/src/identity.rs",
        ];
        let known = expected.contains(&path.as_str()) || path.starts_with("kubernetes/");
        assert!(known, "{path} had to change");
    }
    has_nothing_of_the_old_house(&changed);
    let questions = &changed["cargo-generate.toml"];
    assert!(questions.contains("default = \"basic\" # house: auth_type\n"));
    assert!(questions.contains("default = \"A service of Example Org's.\" # house: description\n"));
    let gateway = &changed["kubernetes/components/gateway-api/gateway.yaml"];
    assert!(gateway.contains("gatewayClassName: envoy # house: gateway_class\n"));
    questions.parse::<toml::Table>().unwrap();
}

#[test]
fn a_service_of_the_fork_passes_its_own_tests() {
    let _turn = turn();
    let scratch = TempDir::new().unwrap();
    let fork = copy(&scratch);
    make_its_own(&fork);
    let answers = Answers::named("forked").with("auth_type", "basic");
    let project = rendered_by(&fork, &answers, BTreeMap::new());
    cargo(&project, &["fmt", "--check"], &[]);
    cargo(&project, &["test", "--locked", "--quiet"], &[]);
}
