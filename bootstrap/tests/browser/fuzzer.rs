//! schemathesis: asks a service for whatever its document allows, and for more.

use std::{fs, process::Command};

use crate::{document::run, stage::folder};

/// A service that is fuzzed. Each answer must be one that its document has, with its media type and shape, and none may be a
/// 5xx; without credentials the answer must be a refusal, and with a wrong method as well.
///
/// It cannot find an error that its author should have named: every operation has all of them, as `default`.
pub struct Fuzzed<'a> {
    pub name: &'a str,
    /// Where its document is. The base of the requests is what the document says of itself: nothing is told here.
    pub document: &'a str,
    /// How many operations that has.
    pub operations: usize,
    /// Whose credentials go along, `user:password`.
    pub credentials: Option<&'a str>,
    /// The checks that it cannot pass, with commas between them.
    pub but: &'a str,
    /// How many requests there are of each kind for each operation.
    pub examples: u16,
}

impl Fuzzed<'_> {
    /// Fuzzes it with schemathesis's own settings, such as what a path may hold.
    pub fn keeps_to_its_document(&self, settings: &str) {
        let config = folder("browser").join(format!("{}.toml", self.name));
        fs::write(&config, settings).unwrap();
        let mut fuzzer = Command::new("schemathesis");
        fuzzer.current_dir(folder("browser"));
        fuzzer.arg("--config-file").arg(config);
        fuzzer.arg("run").arg(self.document);
        fuzzer.args(["--checks", "all", "--exclude-checks", self.but]);
        fuzzer.args(["--max-examples", &self.examples.to_string(), "--seed", "1"]);
        fuzzer.args(["--generation-database", "none", "--no-color"]);
        if let Some(credentials) = self.credentials {
            fuzzer.args(["--auth", credentials]);
        }
        let told = run(&mut fuzzer);
        let all = format!("{0} selected / {0} total", self.operations);
        assert!(told.contains(&all), "{told}");
    }
}
