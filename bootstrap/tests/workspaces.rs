//! A service that is rendered into somebody's workspace.

use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
};

use tempfile::TempDir;

use crate::{rendering::generate, versions::write};

const MANIFEST: &str = "# Ours\n[workspace]\nresolver = \"3\"\nmembers = [\"own\"]\n";

/// A workspace with one member.
fn workspace() -> TempDir {
    let folder = TempDir::new().unwrap();
    let own = b"[package]\nname = \"own\"\nedition = \"2024\"\n";
    write(&folder.path().join("Cargo.toml"), MANIFEST.as_bytes());
    write(&folder.path().join("own/Cargo.toml"), own);
    write(&folder.path().join("own/src/lib.rs"), b"");
    folder
}

/// What cargo says of the packages in a folder.
fn metadata(folder: &Path) -> Output {
    Command::new("cargo")
        .args(["metadata", "--no-deps", "--offline", "--format-version=1"])
        .current_dir(folder)
        .output()
        .unwrap()
}

#[test]
fn the_tool_renders_below_a_workspace_without_touching_it() {
    let workspace = workspace();
    let new = Command::new(env!("CARGO_BIN_EXE_bootstrap"))
        .args(["new", "my-service"])
        .current_dir(workspace.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status();
    assert!(new.unwrap().success());
    let manifest = fs::read_to_string(workspace.path().join("Cargo.toml"));
    assert_eq!(manifest.unwrap(), MANIFEST);
    for folder in ["", "own", "my-service", "my-service/apikit"] {
        let said = metadata(&workspace.path().join(folder));
        assert!(said.status.success(), "{folder}: {said:?}");
    }
}

/// Which is why the next steps say so: no hook can see the workspace, nor keep cargo-generate from it.
#[test]
fn cargo_generate_lists_a_service_as_a_member_unless_it_is_told_not_to() {
    for no_workspace in [false, true] {
        let workspace = workspace();
        generate("my-service", |args| {
            args.destination = Some(workspace.path().to_owned());
            args.no_workspace = no_workspace;
        });
        let manifest = workspace.path().join("Cargo.toml");
        let text = fs::read_to_string(&manifest).unwrap();
        assert_eq!(text.contains("my-service"), !no_workspace, "{text}");
        if !no_workspace {
            let said = metadata(workspace.path());
            let error = String::from_utf8(said.stderr).unwrap();
            assert!(error.contains("multiple workspace roots"), "{error}");
            // The remedy.
            let member = |line: &&str| !line.contains("my-service");
            let lines: Vec<_> = text.lines().filter(member).collect();
            fs::write(&manifest, lines.join("\n")).unwrap();
        }
        for folder in ["", "my-service"] {
            let said = metadata(&workspace.path().join(folder));
            assert!(said.status.success(), "{folder}: {said:?}");
        }
    }
    let hook = include_str!("../../hooks/post.rhai");
    assert!(hook.contains("\"multiple workspace roots\"; with --no-workspace,"));
}
