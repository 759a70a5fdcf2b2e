//! The answers that the tests render with, and what they need of files.

use std::{collections::BTreeMap, fs, path::Path};

use bootstrap::{answers::Answers, house, render::Template};
use walkdir::WalkDir;

/// A description with all that has a meaning to TOML, YAML, Rust, Liquid, HTML or a shell.
pub const HOSTILE: &str =
    r#"Say "hi" \ 'n' {{x}} {% if y %} $HOME `z` #1: - & <b> %20 \" é 🦀 日本 "#;

/// The auth types that the template offers, from its own questions.
pub fn auth_types(template: &Template) -> Vec<String> {
    let config = fs::read_to_string(template.root.join("cargo-generate.toml")).unwrap();
    let config: toml::Table = config.parse().unwrap();
    let choices = config["placeholders"]["auth_type"]["choices"].as_array();
    let choices = choices.unwrap().iter();
    choices
        .map(|choice| choice.as_str().unwrap().to_owned())
        .collect()
}

/// A default in `hooks/house.rhai`.
pub fn house(name: &str) -> String {
    let mut house = house::constants(&Template::here(), "house").unwrap();
    house
        .remove(name)
        .unwrap_or_else(|| panic!("there is no default {name}"))
}

/// The answers that most people give. Names differ, as renderings build into one folder.
pub fn ordinary(auth: &str) -> Answers {
    Answers::named(&format!("job-metrics-{auth}"))
        .with("description", "Metrics of build jobs, by name.")
        .with("auth_type", auth)
}

/// The oddest answers that are accepted.
pub fn hostile(auth: &str) -> Answers {
    let name = format!("z-{auth}-{}9", "o-0".repeat(20));
    Answers::named(&name[..50].replace("--", "-x"))
        .with("description", HOSTILE)
        .with(
            "repository",
            "https://example.org:8443/~a_b/(x)!$&*+,;=%20@/?q=[1]#f",
        )
        .with("auth_type", auth)
        .with("route", "/Odd-route_/below/v1")
        .with("api_version", "2.17")
        .with("version", "10.0.3")
        .with("license", "Apache-2.0 OR MIT")
        .with("host", "a-1.example.org")
        .with("port", "65535")
        .with(
            "header",
            "X-House-1: a 'b' {c} #1: ~, and more than fits into a line of a hundred characters",
        )
        .with("support", "Ada & co <ada@example.org>, #help")
        .with("copyright", "Ada \"&\" Co.")
        .with("registry", "registry.example.org:5000/a_b/c-d")
        .with(
            "backend_url",
            "https://example.org:8443/~a_b/(x)!$&*+;=%20@",
        )
        .with("namespace", "n-0")
        .with("tls_secret", "0-tls")
        .with("front_end", "ingress")
        .with("ingress_class", "class-1")
        .with("ingress_namespace", "in-1")
        .with("monitoring_namespace", "watch-1")
        .with("year", "1999")
}

/// Every file below a folder, with what it holds, under its path with forward slashes.
pub fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let walk = WalkDir::new(folder).into_iter();
    let wanted = walk.filter_entry(|entry| {
        let name = entry.file_name();
        name != ".git" && name != "target"
    });
    wanted
        .map(Result::unwrap)
        .filter(|entry| entry.file_type().is_file())
        .map(|entry| {
            let path = entry.path().strip_prefix(folder).unwrap();
            let path = path.to_str().unwrap().replace('\\', "/");
            (path, fs::read(entry.path()).unwrap())
        })
        .collect()
}
