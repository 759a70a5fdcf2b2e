//! What is written from something else: the plain twins of Liquid files, the names that are taken, and
//! the defaults outside the template.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::{
    answers::Answers,
    house,
    render::{Manner, Template},
    workflows,
};

/// The files of the template that have a plain twin, so that `template/` is a crate as it stands.
pub const TWINS: [&str; 3] = ["Cargo.lock", "Cargo.toml", "src/identity.rs"];

/// Words that no crate, program or folder can be called: Rust's and cargo's own, and Windows' devices.
const RESERVED: [&str; 81] = [
    "abstract",
    "alloc",
    "as",
    "async",
    "aux",
    "await",
    "become",
    "box",
    "break",
    "build",
    "com1",
    "com2",
    "com3",
    "com4",
    "com5",
    "com6",
    "com7",
    "com8",
    "com9",
    "con",
    "const",
    "continue",
    "core",
    "crate",
    "deps",
    "do",
    "dyn",
    "else",
    "enum",
    "examples",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "incremental",
    "let",
    "loop",
    "lpt1",
    "lpt2",
    "lpt3",
    "lpt4",
    "lpt5",
    "lpt6",
    "lpt7",
    "lpt8",
    "lpt9",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "nul",
    "override",
    "priv",
    "prn",
    "proc-macro",
    "pub",
    "ref",
    "return",
    "self",
    "static",
    "std",
    "struct",
    "super",
    "test",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    "unsafe",
    "unsized",
    "use",
    "virtual",
    "where",
    "while",
];

/// One file that is written from others, as it should be.
#[derive(Debug)]
pub struct Written {
    /// The file, from the repository's root.
    pub path: String,
    /// What it should hold.
    pub text: String,
}

/// Brings the lock files in step with the manifests, and writes all that is written from others.
///
/// # Errors
/// When the template does not render, or a file cannot be written.
pub fn write(template: &Template) -> Result<()> {
    write_all(template)?;
    // The bench's peers build apikit, too.
    for folder in ["template", "bench/peers"] {
        resolve(&template.root.join(folder))?;
    }
    write_all(template)
}

/// Lets cargo write the lock file of the package in `folder`.
fn resolve(folder: &Path) -> Result<()> {
    let resolved = Command::new("cargo")
        .args(["metadata", "--format-version", "1", "--quiet"])
        .current_dir(folder)
        .output()
        .context("cargo cannot be run")?;
    let said = String::from_utf8_lossy(&resolved.stderr);
    ensure!(
        resolved.status.success(),
        "the dependencies of {} do not resolve: {said}",
        folder.display()
    );
    Ok(())
}

fn write_all(template: &Template) -> Result<()> {
    let lock = lock_with_liquid(template)?;
    fs::write(template.root.join(&lock.path), lock.text)?;
    for file in all(template)? {
        let path = template.root.join(&file.path);
        if fs::read_to_string(&path).ok().as_ref() != Some(&file.text) {
            fs::write(&path, &file.text)?;
            println!("wrote {}", file.path);
        }
    }
    Ok(())
}

/// Every file that is written from others, as it should be.
///
/// # Errors
/// When the template does not render.
pub fn all(template: &Template) -> Result<Vec<Written>> {
    let scratch = TempDir::new()?;
    let rendered = template.render(&Answers::example(), scratch.path(), Manner::SILENT)?;
    let mut files = vec![
        lock_with_liquid(template)?,
        names(template)?,
        version(template)?,
        workflows::module(template)?,
    ];
    for twin in TWINS {
        files.push(Written {
            path: format!("template/{twin}"),
            text: fs::read_to_string(rendered.join(twin))?,
        });
    }
    files.extend(house::marked(template)?);
    Ok(files)
}

/// The lock file with the service's name and version as placeholders.
///
/// Cargo sorts the packages by name and rewrites a file that is not sorted. So the service's own is
/// taken out, and put in before whichever package `hooks/pre.rhai` finds to be the next by name.
fn lock_with_liquid(template: &Template) -> Result<Written> {
    let example = Answers::example();
    let lock = fs::read_to_string(template.root.join("template/Cargo.lock"))?;
    let mut packages: Vec<_> = lock.split("[[package]]\n").collect();
    let head = packages.remove(0);
    let named = |package: &str| {
        let name = package.strip_prefix("name = \"")?;
        Some(name[..name.find('"')?].to_owned())
    };
    let own = packages
        .iter()
        .position(|package| named(package).as_ref() == Some(&example.name));
    let own =
        own.with_context(|| format!("template/Cargo.lock has no package {}", example.name))?;
    let own = packages.remove(own).trim_end();
    let own = own.replacen(&format!("\"{}\"", example.name), "\"{{project-name}}\"", 1);
    let own = own.replacen("version = \"0.1.0\"", "version = \"{{version}}\"", 1);

    let mut text = format!("{{% capture own %}}[[package]]\n{own}\n{{% endcapture %}}{head}");
    let mut before = String::new();
    for package in packages {
        let name = named(package).context("template/Cargo.lock has a package without a name")?;
        if name != before {
            let own = "{{own}}\n{% endif %}";
            text += &format!("{{% if next_in_lock == \"{name}\" %}}{own}");
        }
        text += &format!("[[package]]\n{package}");
        before = name;
    }
    text = text.trim_end().to_owned();
    text += "\n{% if next_in_lock == \"\" %}\n{{own}}{% endif %}";
    Ok(Written {
        path: "template/Cargo.lock.liquid".to_owned(),
        text,
    })
}

/// The version of the template, which is the tool's own, as a Rhai module.
fn version(template: &Template) -> Result<Written> {
    let manifest = fs::read_to_string(template.root.join("Cargo.toml"))?;
    let manifest: toml::Table = manifest.parse()?;
    let version = manifest["package"]["version"]
        .as_str()
        .context("Cargo.toml has no version")?;
    Ok(Written {
        path: "hooks/version.rhai".to_owned(),
        text: format!(
            "// The version of this template. Written by `cargo run -- twins` from the root's Cargo.toml, not by hand.\n\n\
             export const version = \"{version}\";\n"
        ),
    })
}

/// The names that a service cannot have, as a Rhai module.
fn names(template: &Template) -> Result<Written> {
    let lock = fs::read_to_string(template.root.join("template/Cargo.lock"))?;
    let lock: toml::Table = lock.parse()?;
    let example = Answers::example();
    let packages = lock["package"].as_array().into_iter().flatten();
    let libraries: BTreeSet<_> = packages
        .filter_map(|package| package.get("name")?.as_str())
        .filter(|name| *name != example.name)
        .collect();
    let list = |names: &mut dyn Iterator<Item = &str>| {
        names
            .map(|name| format!("    \"{name}\",\n"))
            .collect::<String>()
    };
    Ok(Written {
        path: "hooks/names.rhai".to_owned(),
        text: format!(
            "// The names that no service can have. Written by `cargo run -- twins`, not by hand.\n\n\
             // Words of Rust and cargo, and devices of Windows.\n\
             export const RESERVED = [\n{}];\n\n\
             // The libraries of template/Cargo.lock: cargo wants a crate's name to be its alone.\n\
             export const LIBRARIES = [\n{}];\n",
            list(&mut RESERVED.into_iter()),
            list(&mut libraries.into_iter()),
        ),
    })
}
