//! Manifests as `kubectl kustomize` builds them.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
};

use bootstrap::{
    answers::Answers,
    render::{Manner, Template},
    running::Project,
};
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    commands::run,
    support::{auth_types, hostile, ordinary},
};

/// What one `kubectl apply -k` would apply.
pub struct Build {
    /// Whose it is, for messages.
    pub name: String,
    /// The components that are in it, or the overlay that it is.
    pub parts: Vec<String>,
    /// The documents.
    pub manifests: Vec<Value>,
    /// The same, as YAML.
    pub yaml: String,
}

impl Build {
    /// Builds a folder with a kustomization in it.
    pub fn of(name: &str, folder: &Path) -> Self {
        let yaml = run(Command::new("kubectl").arg("kustomize").arg(folder));
        let manifests: Vec<Value> = serde_saphyr::from_multiple(&yaml).unwrap();
        assert!(!manifests.is_empty(), "{name} builds nothing");
        Self {
            name: name.to_owned(),
            parts: Vec::new(),
            manifests,
            yaml,
        }
    }

    fn made_of(self, parts: Vec<String>) -> Self {
        Self { parts, ..self }
    }

    /// Whether it has a component, or is an overlay.
    pub fn has(&self, part: &str) -> bool {
        self.parts.iter().any(|own| own == part)
    }

    /// The manifests of a kind.
    pub fn all(&self, kind: &str) -> impl Iterator<Item = &Value> {
        self.manifests
            .iter()
            .filter(move |manifest| manifest["kind"] == kind)
    }

    /// The manifest of a kind and a name.
    pub fn get(&self, kind: &str, name: &str) -> &Value {
        self.all(kind)
            .find(|manifest| manifest["metadata"]["name"] == name)
            .unwrap_or_else(|| panic!("{} has no {kind} {name}", self.name))
    }
}

/// A rendered service, with every way to build its manifests.
pub struct Rendered {
    pub answers: Answers,
    pub folder: PathBuf,
    _scratch: TempDir,
}

impl Rendered {
    pub fn of(answers: Answers) -> Self {
        let scratch = TempDir::new().unwrap();
        let folder = Template::here()
            .render(&answers, scratch.path(), Manner::SILENT)
            .unwrap();
        Self {
            answers,
            folder,
            _scratch: scratch,
        }
    }

    /// The base, each overlay, the base with each component, and the base with all of them.
    pub fn builds(&self) -> Vec<Build> {
        let kubernetes = self.folder.join("kubernetes");
        let name = |what: &str| format!("{}: {what}", self.answers.name);
        let mut builds = vec![Build::of(&name("base"), &kubernetes.join("base"))];
        for overlay in names(&kubernetes.join("overlays")) {
            let folder = kubernetes.join("overlays").join(&overlay);
            builds.push(Build::of(&name(&overlay), &folder).made_of(vec![overlay]));
        }
        let components = names(&kubernetes.join("components"));
        let alone = components.iter().map(|component| vec![component.clone()]);
        for chosen in alone.chain([components.clone()]) {
            let folder = kubernetes.join("tested");
            fs::create_dir_all(&folder).unwrap();
            let list: String = chosen
                .iter()
                .map(|component| format!("  - ../components/{component}\n"))
                .collect();
            let text = format!(
                "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n\
                 namespace: elsewhere\nresources: [../base]\ncomponents:\n{list}"
            );
            fs::write(folder.join("kustomization.yaml"), text).unwrap();
            builds.push(Build::of(&name(&chosen.join(" and ")), &folder).made_of(chosen));
        }
        builds
    }

    /// The service as cargo builds it, beside those of other tests.
    pub fn project(&self) -> Project {
        Project {
            folder: self.folder.clone(),
            name: self.answers.name.clone(),
            target: Template::here().root.join("target/renderings"),
        }
    }

    /// The answer to a placeholder, or what the house has.
    pub fn given(&self, answer: &str, otherwise: &str) -> String {
        self.answers.get(answer).unwrap_or(otherwise).to_owned()
    }
}

/// The names in a folder, in order.
pub fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let names: BTreeSet<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.into_iter().collect()
}

/// A service of each auth type, with ordinary and with the oddest answers, and all its builds.
pub fn services() -> &'static [(Rendered, Vec<Build>)] {
    static SERVICES: LazyLock<Vec<(Rendered, Vec<Build>)>> = LazyLock::new(|| {
        let auths = auth_types(&Template::here());
        let answers = auths
            .iter()
            .flat_map(|auth| [ordinary(auth), hostile(auth)]);
        let built = answers.map(|answers| {
            let rendered = Rendered::of(answers);
            let builds = rendered.builds();
            (rendered, builds)
        });
        built.collect()
    });
    &SERVICES
}

/// Every build of every service, and of the front end.
pub fn builds() -> impl Iterator<Item = &'static Build> {
    let services = services().iter().flat_map(|(_, builds)| builds);
    services.chain(front_ends())
}

/// The front end, in each of its examples.
pub fn front_ends() -> &'static [Build] {
    static FRONT_ENDS: LazyLock<Vec<Build>> = LazyLock::new(build_front_ends);
    &FRONT_ENDS
}

/// A certificate is needed to build one of them.
fn build_front_ends() -> Vec<Build> {
    let scratch = TempDir::new().unwrap();
    let copy = scratch.path().join("kubernetes");
    run(Command::new("cp")
        .arg("-r")
        .arg(Template::here().root.join("kubernetes"))
        .arg(&copy));
    for file in ["tls.crt", "tls.key"] {
        fs::write(copy.join("components/plain-secret").join(file), "-").unwrap();
    }
    names(&copy.join("examples"))
        .iter()
        .map(|example| {
            let folder = copy.join("examples").join(example);
            Build::of(&format!("front end: {example}"), &folder).made_of(vec![example.clone()])
        })
        .collect()
}

/// The elements of a list, or none.
pub fn elements(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}
