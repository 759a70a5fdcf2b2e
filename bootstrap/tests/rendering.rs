//! The template and what it renders, with any answers.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use crate::support::{HOSTILE, auth_types, files, hostile, house, ordinary};
use bootstrap::{
    answers::Answers,
    record::{self, Record},
    render::{Manner, Template},
    twins,
};
use cargo_generate::{GenerateArgs, TemplatePath, Vcs};
use tempfile::TempDir;

fn render(answers: &Answers) -> anyhow::Result<BTreeMap<String, Vec<u8>>> {
    let into = TempDir::new()?;
    let folder = Template::here().render(answers, into.path(), Manner::SILENT)?;
    Ok(files(&folder))
}

/// Renders from the git URL of a copy of this repository, as `cargo generate --git` does.
fn render_from_git(answers: &Answers) -> BTreeMap<String, Vec<u8>> {
    generate(&answers.name, |args| {
        let given = answers.given.iter();
        args.define = given
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
    })
}

/// Renders from the git URL of a copy of this repository, with whatever else `with` wants.
pub fn generate(name: &str, with: impl FnOnce(&mut GenerateArgs)) -> BTreeMap<String, Vec<u8>> {
    let scratch = TempDir::new().unwrap();
    let source = scratch.path().join("source");
    let into = scratch.path().join("into");
    fs::create_dir_all(&into).unwrap();
    as_git_repository(&Template::here(), &source);
    let config = scratch.path().join("empty.toml");
    fs::write(&config, "").unwrap();
    let mut args = GenerateArgs {
        template_path: TemplatePath {
            git: Some(format!("file://{}", source.display())),
            ..TemplatePath::default()
        },
        name: Some(name.to_owned()),
        silent: true,
        quiet: true,
        vcs: Some(Vcs::None),
        destination: Some(into),
        config: Some(config),
        no_workspace: true,
        ..GenerateArgs::default()
    };
    with(&mut args);
    args.define.push("quiet=yes".to_owned());
    files(&cargo_generate::generate(args).unwrap())
}

/// A copy of all that the repository would commit, as a git repository of its own.
fn as_git_repository(template: &Template, folder: &Path) {
    for (path, text) in files(&template.root) {
        let copy = folder.join(path);
        fs::create_dir_all(copy.parent().unwrap()).unwrap();
        fs::write(copy, text).unwrap();
    }
    let repository = git2::Repository::init(folder).unwrap();
    let mut index = repository.index().unwrap();
    index
        .add_all(["*"], git2::IndexAddOption::DEFAULT, None)
        .unwrap();
    let tree = repository.find_tree(index.write_tree().unwrap()).unwrap();
    let author = git2::Signature::now("nobody", "nobody@example.org").unwrap();
    repository
        .commit(Some("HEAD"), &author, &author, "All", &tree, &[])
        .unwrap();
}

/// The template's files, as they are in the repository.
fn template_files() -> BTreeMap<String, String> {
    files(&Template::here().root.join("template"))
        .into_iter()
        .map(|(path, text)| (path, String::from_utf8(text).unwrap()))
        .collect()
}

/// Whether Liquid would find something of its own. Workflows have expressions like its, behind a dollar.
fn holds_liquid(path: &str, text: &str) -> bool {
    let expression = match path.starts_with(".github/workflows/") {
        true => "${{",
        false => "",
    };
    let rest = text.replace(expression, "");
    rest.contains("{{") || rest.contains("{%")
}

fn config() -> toml::Table {
    let path = Template::here().root.join("cargo-generate.toml");
    fs::read_to_string(path).unwrap().parse().unwrap()
}

#[test]
fn liquid_is_in_the_listed_files_and_nowhere_else() {
    let listed: BTreeSet<_> = config()["template"]["include"]
        .as_array()
        .unwrap()
        .iter()
        .map(|path| path.as_str().unwrap().trim_start_matches('/').to_owned())
        .collect();
    let mut holding = BTreeSet::new();
    for (path, text) in template_files() {
        let liquid = holds_liquid(&path, &text);
        match path.strip_suffix(".liquid") {
            Some(plain) => {
                assert!(liquid, "{path} holds no Liquid");
                holding.insert(plain.to_owned());
            }
            None => assert!(!liquid, "{path} holds Liquid"),
        }
    }
    assert_eq!(listed, holding);
}

#[test]
fn liquid_in_code_stands_in_strings_only() {
    for (path, text) in template_files() {
        let plain = path.strip_suffix(".liquid").unwrap_or("");
        // The lock file is written by `cargo run -- twins`, and read by cargo alone.
        let code = [".rs", ".toml", ".yaml", ".yml"];
        if !code.iter().any(|ending| plain.ends_with(ending)) {
            continue;
        }
        assert!(!text.contains("{%"), "{path} has control flow");
        // Kubernetes takes no string for a number, and no tool reads the Liquid file as YAML.
        let is_number = |line: &&str| plain.ends_with(".yaml") && line.ends_with(": {{port}}");
        let lines = text.lines().filter(|line| !is_number(line));
        for line in lines.filter(|line| line.contains("{{")) {
            for (before, _) in line.match_indices("{{").map(|(at, _)| line.split_at(at)) {
                let open = before.matches('"').count() % 2 == 1;
                assert!(open, "{path} has Liquid outside a string: {line}");
            }
        }
    }
}

#[test]
fn every_placeholder_is_an_answer_or_derived_from_one() {
    let known = [
        "api_version",
        "auth_type",
        "backend_path",
        "backend_upstream",
        "backend_url",
        "copyright",
        "description",
        "description_label",
        "description_quoted",
        "example_flag",
        "front_end",
        "header_name",
        "header_value",
        "host",
        "ingress_class",
        "ingress_namespace",
        "license",
        "monitoring_namespace",
        "namespace",
        "next_in_lock",
        "own",
        "owner",
        "port",
        "project-name",
        "registry",
        "registry_secret",
        "repository",
        "repository_label",
        "route",
        "support",
        "template_repository",
        "tls_secret",
        "version",
        "workflows_commit",
        "year",
    ];
    let mut used = BTreeSet::new();
    for (path, text) in template_files() {
        for (_, rest) in text
            .match_indices("{{")
            .map(|(at, _)| text.split_at(at + 2))
        {
            if path.ends_with(".liquid") {
                let name = rest.split("}}").next().unwrap().trim();
                assert!(
                    known.contains(&name),
                    "{path}: {name:?} would be rendered as nothing"
                );
                used.insert(name.to_owned());
            }
        }
    }
    assert!(used.contains("project-name"));
}

#[test]
fn twins_equal_their_renderings() {
    let template = Template::here();
    for file in twins::all(&template).unwrap() {
        let found = fs::read_to_string(template.root.join(&file.path)).unwrap();
        // No more than the name: the files are long.
        assert!(
            found == file.text,
            "{} is out of step: run `cargo run -- twins`",
            file.path
        );
    }
}

#[test]
fn a_rendering_holds_the_template_and_nothing_else_of_the_repository() {
    for auth in auth_types(&Template::here()) {
        let useless = match auth.as_str() {
            "none" => vec!["account", "oauth2-proxy"],
            "basic" => vec!["oauth2-proxy"],
            _ => vec![],
        };
        let is_useful = |path: &String| {
            let is_of = |part: &&str| {
                path.starts_with(&format!("kubernetes/components/{part}/"))
                    || *path == format!("compose.{part}.yaml")
            };
            !useless.iter().any(is_of)
        };
        let expected: BTreeSet<_> = template_files()
            .into_keys()
            .map(|path| path.trim_end_matches(".liquid").to_owned())
            .filter(is_useful)
            // Written by the hooks.
            .chain([".uservice.toml".to_owned()])
            .collect();
        let with_text = ordinary(&auth).with("license", &house("license_text"));
        let rendered = render(&with_text).unwrap();
        assert_eq!(rendered.keys().cloned().collect::<BTreeSet<_>>(), expected);
    }
}

#[test]
fn a_path_and_a_git_url_render_the_same() {
    for auth in auth_types(&Template::here()) {
        for answers in [ordinary(&auth), hostile(&auth)] {
            assert!(
                render(&answers).unwrap() == render_from_git(&answers),
                "{answers:?}"
            );
        }
    }
}

#[test]
fn the_answers_on_record_render_the_same_again() {
    let mut cases = vec![Answers::named("alone").with("owner", "me")];
    for auth in auth_types(&Template::here()) {
        cases.extend([ordinary(&auth), hostile(&auth)]);
    }
    for answers in cases {
        let into = TempDir::new().unwrap();
        let rendered = Template::here().render(&answers, into.path(), Manner::SILENT);
        let rendered = rendered.unwrap();
        let record = Record::read(&rendered).unwrap();
        for (name, answer) in &answers.given {
            assert_eq!(record.answers.get(name), Some(answer.as_str()), "{name}");
        }
        assert!(record.answers.get("year").is_some());
        assert!(
            files(&rendered) == render(&record.answers).unwrap(),
            "{answers:?}"
        );
    }
}

#[test]
fn a_record_is_a_file_of_values_for_cargo_generate() {
    let answers = hostile("bitly-proxy");
    let into = TempDir::new().unwrap();
    let rendered = Template::here().render(&answers, into.path(), Manner::SILENT);
    let rendered = rendered.unwrap();
    let again = generate(&answers.name, |args| {
        let record = rendered.join(record::FILE);
        args.template_values_file = Some(record.display().to_string());
    });
    assert!(files(&rendered) == again);
}

#[test]
fn a_record_says_what_was_answered_and_leaves_the_rest_to_the_house() {
    let rendered = render(&Answers::named("one-more").with("year", "2001")).unwrap();
    let text = String::from_utf8(rendered[record::FILE].clone()).unwrap();
    let (_, tables) = text.split_once("\n\n").unwrap();
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        tables,
        format!(
            r#"[template]
repository = "https://github.com/lsst-sqre/uservice-bootstrap.git"
version = "{version}"

[values]
project-name = "one-more"
description = "A microservice of the unified API."
repository = ""
auth_type = "none"
year = "2001"
"#
        )
    );
}

#[test]
fn no_placeholder_is_left_over() {
    for auth in auth_types(&Template::here()) {
        for answers in [ordinary(&auth), hostile(&auth)] {
            for (path, text) in render(&answers).unwrap() {
                let text = String::from_utf8(text).unwrap();
                let quoted = HOSTILE.replace('\\', r"\\").replace('"', r#"\""#);
                let label = quoted.replace('$', r"\$");
                let described = [HOSTILE, quoted.as_str(), label.as_str()];
                let rest = described
                    .iter()
                    .fold(text, |text, description| text.replace(description, ""));
                assert!(!holds_liquid(&path, &rest), "{path}");
            }
        }
    }
}

#[test]
fn answers_are_in_the_manifest_as_they_were_given() {
    let answers = hostile("none");
    let rendered = render(&answers).unwrap();
    let manifest = String::from_utf8(rendered["Cargo.toml"].clone()).unwrap();
    let manifest: toml::Table = manifest.parse().unwrap();
    let package = &manifest["package"];
    assert_eq!(package["name"].as_str(), Some(answers.name.as_str()));
    for field in ["description", "repository", "version", "license"] {
        assert_eq!(package[field].as_str(), answers.get(field), "{field}");
    }
}

#[test]
fn what_is_left_out_is_derived_from_the_house_defaults() {
    let rendered = render(&Answers::named("one-more")).unwrap();
    let text = |path: &str| String::from_utf8(rendered[path].clone()).unwrap();
    let manifest: toml::Table = text("Cargo.toml").parse().unwrap();
    let package = &manifest["package"];
    for field in ["description", "version", "license"] {
        let expected = house(field);
        assert_eq!(package[field].as_str(), Some(expected.as_str()), "{field}");
    }
    let repository = package["repository"].as_str().unwrap();
    assert!(repository.contains(&house("owner")) && repository.ends_with("/one-more"));
    let identity = text("src/identity.rs");
    assert!(identity.contains(r#""/one-more""#));
    for (before, name, after) in [
        (r#"Auth::named(""#, "auth_type", r#"")"#),
        (r#""0.0.0.0:"#, "port", r#"""#),
        (r#"api_version: ""#, "api_version", r#"""#),
    ] {
        let expected = format!("{before}{}{after}", house(name));
        assert!(identity.contains(&expected), "{expected}");
    }
}

#[test]
fn the_text_of_a_licence_comes_for_one_alone() {
    let one = render(&Answers::named("other").with("license", &house("license_text"))).unwrap();
    assert!(one.contains_key("LICENSE"));
    let another = render(&Answers::named("other").with("license", "0BSD")).unwrap();
    assert!(!another.contains_key("LICENSE"));
}

#[test]
fn refused_answers_are_one_sentence_and_leave_nothing() {
    let url =
        "must be an http:// or https:// URL with a host, without spaces, quotes or a password";
    let path = "must be a path of at most 60 characters such as /my-service";
    let label = "must be 1 to 50 lower-case letters, digits and dashes";
    let long = "a".repeat(51);
    let longer = long.repeat(5);
    let sixty_one = format!("/{}", "a".repeat(60));
    let cases = [
        ("name", "", label),
        ("name", "My-Service", label),
        ("name", "my_service", label),
        ("name", "my service", label),
        ("name", "1st", label),
        ("name", "-a", label),
        ("name", "a-", label),
        ("name", "a--b", "must have single dashes between its words"),
        ("name", "a---b", "must have single dashes between its words"),
        ("name", "A b", label),
        ("name", "a_b", label),
        ("name", "café", label),
        ("name", "a\"b", label),
        ("name", "../up", label),
        ("name", long.as_str(), label),
        (
            "name",
            "test",
            "has a meaning to Rust, cargo or the file system",
        ),
        (
            "name",
            "match",
            "has a meaning to Rust, cargo or the file system",
        ),
        (
            "name",
            "core",
            "has a meaning to Rust, cargo or the file system",
        ),
        (
            "name",
            "con",
            "has a meaning to Rust, cargo or the file system",
        ),
        (
            "name",
            "build",
            "has a meaning to Rust, cargo or the file system",
        ),
        (
            "name",
            "axum",
            "is that of a library the service is built with",
        ),
        (
            "name",
            "url",
            "is that of a library the service is built with",
        ),
        ("description", "", "must say something"),
        ("description", "  ", "must say something"),
        (
            "description",
            "two\nlines",
            "must be one line without control characters",
        ),
        (
            "description",
            "a bell \x07",
            "must be one line without control characters",
        ),
        (
            "description",
            "next\u{85}line",
            "must be one line without control characters",
        ),
        ("repository", "github.com/a/b", url),
        ("repository", "ftp://example.org", url),
        ("repository", "https://", url),
        ("repository", "https:///path", url),
        ("repository", "https://example.org/a b", url),
        ("repository", "https://example.org/\"", url),
        ("repository", "https://ada:word@example.org/a", url),
        (
            "auth_type",
            "oauth",
            "is none of the choices: none, basic, bitly-proxy",
        ),
        (
            "auth_type",
            "Basic",
            "is none of the choices: none, basic, bitly-proxy",
        ),
        ("route", "no-slash", path),
        ("route", "/", path),
        ("route", "/a/", path),
        ("route", "/a//b", path),
        ("route", "/a/../b", path),
        ("route", "/{id}", path),
        ("route", "/a b", path),
        ("route", "/é", path),
        ("route", sixty_one.as_str(), path),
        ("route", "/metadata", "is one of apikit's own"),
        ("route", "/healthz/x", "is one of apikit's own"),
        ("route", "/v1.0", path),
        (
            "host",
            "Api.Example.Org",
            "must be a DNS name in lower case",
        ),
        ("host", "a..b", "must be a DNS name in lower case"),
        ("port", "80", "must be a number from 1024 to 65535"),
        ("port", "65536", "must be a number from 1024 to 65535"),
        ("port", "http", "must be a number from 1024 to 65535"),
        ("port", "8081", "where others listen"),
        ("header", "X-House", "must be a name and a value"),
        ("header", "X House: a", "must be a name and a value"),
        ("header", "X-House: \"a\"", "must be a name and a value"),
        ("header", "X-House: é", "must be a name and a value"),
        (
            "header",
            "Content-Type: a",
            "none that the service sets itself",
        ),
        ("support", "a\nb", "must be one line"),
        ("copyright", "a\x07", "must be one line"),
        ("host", "a_b", "must be a DNS name in lower case"),
        ("host", "10.0.0.1", "and no address"),
        ("host", longer.as_str(), "must be a DNS name"),
        ("registry", "Ghcr.io/me", "must be a registry in lower case"),
        (
            "registry",
            "https://ghcr.io/me",
            "must be a registry in lower case",
        ),
        (
            "registry",
            "ghcr.io/me/",
            "must be a registry in lower case",
        ),
        (
            "registry",
            "ghcr.io/a..b",
            "must be a registry in lower case",
        ),
        (
            "registry",
            "ghcr.io/me:latest",
            "must be a registry in lower case",
        ),
        (
            "backend_url",
            "back-end",
            "backend_url \"back-end\" must be an http",
        ),
        ("backend_url", "http://a/?b", "no query, no fragment"),
        ("backend_url", "http://a/b,c", "must have no comma"),
        ("backend_url", "http://a:b", "perhaps a port below 65536"),
        (
            "backend_url",
            "http://a:65536/",
            "perhaps a port below 65536",
        ),
        ("backend_url", "http://%/", "must have a host name"),
        ("route", "/a.b", path),
        ("route", "/a~b", path),
        (
            "namespace",
            "My-Space",
            "must be 1 to 50 lower-case letters",
        ),
        ("tls_secret", "-a", "must be 1 to 50 lower-case letters"),
        ("ingress_class", "a_b", "must be 1 to 50 lower-case letters"),
        ("front_end", "nginx", "must be gateway-api or ingress"),
        (
            "ingress_namespace",
            "a.b",
            "must be 1 to 50 lower-case letters",
        ),
        (
            "monitoring_namespace",
            long.as_str(),
            "must be 1 to 50 lower-case letters",
        ),
        (
            "owner",
            "a/b",
            "must be letters, digits, dashes, dots and underscores",
        ),
        ("license", "\"", "must be an SPDX expression"),
        ("version", "1.0", "must be three numbers"),
        ("version", "01.0.0", "must be three numbers"),
        ("version", "1.0.x", "must be three numbers"),
        ("year", "26", "must be four digits"),
        ("api_version", "1", "must be two numbers"),
        ("api_version", "v1.0", "must be two numbers"),
    ];
    for (placeholder, answer, rule) in cases {
        let answers = match placeholder {
            "name" => Answers::named(answer),
            _ => Answers::named("fine").with(placeholder, answer),
        };
        let into = TempDir::new().unwrap();
        let refused = Template::here().render(&answers, into.path(), Manner::SILENT);
        let error = refused.expect_err(&format!("{placeholder} {answer:?} is accepted"));
        let sentence = format!("{error:#}");
        let shown = answer.replace(['\n', '\x07', '\u{85}'], "\u{fffd}");
        assert!(
            sentence.contains(rule),
            "{placeholder} {answer:?}: {sentence}"
        );
        assert!(sentence.starts_with(placeholder), "{sentence}");
        assert!(
            sentence.contains(&shown) || sentence.contains(answer),
            "{sentence}"
        );
        assert_eq!(sentence.lines().count(), 1, "{sentence}");
        assert_eq!(
            fs::read_dir(into.path()).unwrap().count(),
            0,
            "{placeholder} {answer:?}"
        );
    }
}

#[test]
fn a_choice_without_code_is_refused_by_the_hooks() {
    let fork = TempDir::new().unwrap();
    for (path, text) in files(&Template::here().root) {
        if path.starts_with("hooks/")
            || path.starts_with("template/")
            || path == "cargo-generate.toml"
        {
            let copy = fork.path().join(path);
            fs::create_dir_all(copy.parent().unwrap()).unwrap();
            fs::write(copy, text).unwrap();
        }
    }
    let config = fork.path().join("cargo-generate.toml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replace(r#""none", "#, r#""none", "oauth", "#)).unwrap();

    let template = Template {
        root: fork.path().to_owned(),
    };
    let into = TempDir::new().unwrap();
    let answers = Answers::named("fine").with("auth_type", "oauth");
    let error = template
        .render(&answers, into.path(), Manner::SILENT)
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        r#"auth_type "oauth" must be one of none, basic or bitly-proxy"#
    );
}

#[test]
fn windows_can_check_out_every_file() {
    let mut seen = BTreeSet::new();
    for path in files(&Template::here().root).into_keys() {
        assert!(
            seen.insert(path.to_lowercase()),
            "{path} differs from another in case only"
        );
        for part in path.split('/') {
            let stem = part.split('.').next().unwrap().to_lowercase();
            assert!(
                !["con", "prn", "aux", "nul", "com1", "lpt1"].contains(&stem.as_str()),
                "{path}"
            );
            assert!(
                !part.contains(['<', '>', ':', '"', '\\', '|', '?', '*']),
                "{path}"
            );
            assert!(!part.ends_with(['.', ' ']), "{path}");
        }
    }
}

/// Whose a file is, its place says: `apikit/` is the template's, the rest the author's.
#[test]
fn every_source_file_says_first_what_it_is_for() {
    let sources = files(&Template::here().root);
    let sources = sources
        .into_iter()
        .filter(|(path, _)| path.ends_with(".rs"));
    for (path, text) in sources {
        let text = String::from_utf8(text).unwrap();
        let first = text.lines().next().unwrap();
        assert!(first.starts_with("//! "), "{path}: {first}");
        let whose = ["//! House:", "//! Yours:"];
        assert!(
            !whose.iter().any(|whose| first.starts_with(whose)),
            "{path}"
        );
    }
}

#[test]
fn an_answer_under_a_mistaken_name_is_refused() {
    for mistaken in ["auth", "repo"] {
        let refused = render(&Answers::named("fine").with(mistaken, "x")).unwrap_err();
        let expected = format!("{mistaken} is no answer of this template; these are: ");
        assert!(refused.to_string().starts_with(&expected), "{refused}");
        for placeholder in bootstrap::new::PLACEHOLDERS {
            assert!(refused.to_string().contains(placeholder), "{refused}");
        }
    }
}
