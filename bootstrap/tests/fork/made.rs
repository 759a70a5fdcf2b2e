//! What makes a copy of this repository a fork: other defaults in the one file, and the twins.

use std::fs;

use crate::support::{files, house};
use bootstrap::{render::Template, twins};
use tempfile::TempDir;

/// What the fork says in place of each default.
pub const CONSTANTS: [(&str, &str); 19] = [
    (
        "template_url",
        "https://git.example.org/services/template.git",
    ),
    ("template_revision", "1"),
    ("owner", "example-org"),
    ("host", "services.example.org"),
    ("auth_type", "basic"),
    ("description", "A service of Example Org's."),
    ("port", "9000"),
    ("header", "X-House: Example Org, 2nd floor"),
    ("support", "the channel #services"),
    ("namespace", "example-services"),
    ("tls_secret", "example-certificate"),
    ("front_end", "ingress"),
    ("ingress_class", "haproxy"),
    ("gateway_class", "envoy"),
    ("ingress_namespace", "haproxy-system"),
    ("monitoring_namespace", "observability"),
    ("api_version", "2.1"),
    ("version", "1.0.0"),
    ("license", "Apache-2.0"),
];

/// And what its functions return.
const RETURNED: [(&str, &str); 4] = [
    ("repository", "`https://git.example.org/${owner}/${name}`"),
    ("registry", "`registry.example.org/${owner}`"),
    ("backend_url", "`https://${name}.internal.example.org`"),
    ("copyright", "\"Example Org\""),
];

/// A copy of the whole repository, without its history.
pub fn copy(scratch: &TempDir) -> Template {
    for (path, text) in files(&Template::here().root) {
        let copy = scratch.path().join(path);
        fs::create_dir_all(copy.parent().unwrap()).unwrap();
        fs::write(copy, text).unwrap();
    }
    Template {
        root: scratch.path().to_owned(),
    }
}

/// Makes a copy a fork: changes the one file, and runs `cargo run -- twins`.
pub fn make_its_own(fork: &Template) {
    let path = fork.root.join("hooks/house.rhai");
    let mut text = fs::read_to_string(&path).unwrap();
    for (name, value) in CONSTANTS {
        let line = |value: &str| format!("export const {name} = \"{value}\";\n");
        let before = line(&house(name));
        assert!(text.contains(&before), "{name}");
        text = text.replace(&before, &line(value));
    }
    for (function, returned) in RETURNED {
        let (before, rest) = text.split_once(&format!("fn {function}(")).unwrap();
        let (parameters, rest) = rest.split_once(") {\n").unwrap();
        let (_, after) = rest.split_once("\n}\n").unwrap();
        text = format!("{before}fn {function}({parameters}) {{\n    {returned}\n}}\n{after}");
    }
    fs::write(path, text).unwrap();
    write_twins(fork);
}

fn write_twins(template: &Template) {
    for file in twins::all(template).unwrap() {
        fs::write(template.root.join(file.path), file.text).unwrap();
    }
}
