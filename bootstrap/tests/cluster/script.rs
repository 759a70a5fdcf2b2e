//! A script of the workflows that services call, and how GitHub runs it.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output},
};

use bootstrap::render::Template;
use serde_json::Value;
use tempfile::TempDir;

use crate::commands::finish;

/// A script in a workflow that services call.
pub struct Script {
    pub text: String,
    variables: Vec<(String, String)>,
    programs: TempDir,
}

impl Script {
    /// The script of a step, by the name of the step.
    pub fn named(workflow: &str, step: &str) -> Self {
        let workflow = read(workflow);
        let jobs = workflow["jobs"].as_object().unwrap().values();
        let mut steps = jobs.flat_map(|job| job["steps"].as_array().into_iter().flatten());
        let step = steps.find(|found| found["name"] == step).unwrap();
        Self {
            text: step["run"].as_str().unwrap().to_owned(),
            variables: Vec::new(),
            programs: TempDir::new().unwrap(),
        }
    }

    /// With a variable, as the step or its job sets it.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.retain(|(found, _)| found != name);
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With a script for the shell in place of a program.
    pub fn with_program(self, name: &str, script: &str) -> Self {
        let path = self.programs.path().join(name);
        fs::write(&path, format!("#!/bin/bash\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        self
    }

    /// Runs it for a tag; returns what it put out for other steps.
    pub fn succeeds(&self, folder: &Path, tag: &str) -> String {
        let (output, put_out) = self.run(folder, tag);
        assert!(output.status.success(), "{output:?}");
        put_out
    }

    /// Runs it for a tag that it must refuse; returns what it said.
    pub fn fails(&self, folder: &Path, tag: &str) -> String {
        let (output, _) = self.run(folder, tag);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs it as GitHub does, and reads what it put out.
    fn run(&self, folder: &Path, tag: &str) -> (Output, String) {
        let put_out = folder.join("target/put-out");
        fs::create_dir_all(folder.join("target")).unwrap();
        fs::write(&put_out, "").unwrap();
        let path = std::env::var("PATH").unwrap();
        let path = format!("{}:{path}", self.programs.path().display());
        let output = finish(
            Command::new("bash")
                .args(["-eo", "pipefail", "-c", &self.text])
                .current_dir(folder)
                .envs(self.variables.iter().map(|(name, value)| (name, value)))
                .env("PATH", path)
                .env("GITHUB_REF_NAME", tag)
                .env("GITHUB_OUTPUT", &put_out),
        );
        (output, fs::read_to_string(put_out).unwrap())
    }
}

/// A workflow that services call.
pub fn read(workflow: &str) -> Value {
    let file = format!(".github/workflows/service-{workflow}.yaml");
    let text = fs::read_to_string(Template::here().root.join(file)).unwrap();
    serde_saphyr::from_str(&text).unwrap()
}
