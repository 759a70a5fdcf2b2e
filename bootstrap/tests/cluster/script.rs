//! A script of a service's workflows, and how GitHub runs it.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use bootstrap::render::Template;
use serde_json::Value;

use crate::commands::finish;

/// A script in a workflow of a service.
pub struct Script {
    pub text: String,
}

impl Script {
    /// The script of a step, by the name of the step.
    pub fn named(workflow: &str, step: &str) -> Self {
        let file = format!("template/.github/workflows/{workflow}.yaml");
        let text = fs::read_to_string(Template::here().root.join(file)).unwrap();
        let workflow: Value = serde_saphyr::from_str(&text).unwrap();
        let jobs = workflow["jobs"].as_object().unwrap().values();
        let mut steps = jobs.flat_map(|job| job["steps"].as_array().into_iter().flatten());
        let step = steps.find(|found| found["name"] == step).unwrap();
        Self {
            text: step["run"].as_str().unwrap().to_owned(),
        }
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
        let output = finish(
            Command::new("bash")
                .args(["-eo", "pipefail", "-c", &self.text])
                .current_dir(folder)
                .env("GITHUB_REF_NAME", tag)
                .env("GITHUB_OUTPUT", &put_out),
        );
        (output, fs::read_to_string(put_out).unwrap())
    }
}
