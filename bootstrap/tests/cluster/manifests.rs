//! Manifests as `kubectl kustomize` builds them.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{LazyLock, Mutex, OnceLock, PoisonError},
};

use bootstrap::{
    answers::Answers,
    refresh::refresh,
    render::{Manner, Template},
    running::Project,
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    commands::run,
    kustomize::{documents, kustomization, kustomized, parts},
    parallel,
    support::{auth_types, files, hostile, ordinary},
};

/// The documented ways to the front end, each with what a kind of cluster wants beside it. `-staging` is appended to the
/// first for the overlay of that name.
const WAYS: [&[&str]; 6] = [
    &["gateway-api"],
    &["gateway-api", "gke"],
    &["gateway-api", "cilium"],
    &["ingress"],
    &["ingress", "gke-ingress"],
    &["ingress", "eks"],
];

/// Examples of clouds, and what brings the catalogue there, behind the way in.
const WITH_THE_CATALOGUE: [(&str, &str); 2] = [
    ("google", "catalogue-gateway-api"),
    ("aws", "catalogue-ingress"),
];

/// What one `kubectl apply -k` would apply.
pub struct Build {
    /// Whose it is, for messages.
    pub name: String,
    /// Where its kustomization is.
    pub folder: PathBuf,
    /// The overlays and components that are in it, in their order.
    pub parts: Vec<String>,
    /// The documents.
    pub manifests: Vec<Value>,
    /// The same, as YAML.
    pub yaml: String,
}

impl Build {
    /// Builds a folder with a kustomization in it.
    pub fn of(name: &str, folder: &Path) -> Self {
        let yaml = kustomized(folder);
        Self {
            name: name.to_owned(),
            folder: folder.to_owned(),
            parts: parts(folder),
            manifests: documents(&yaml),
            yaml,
        }
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
    scratch: TempDir,
    built: OnceLock<PathBuf>,
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
            scratch,
            built: OnceLock::new(),
        }
    }

    /// The base, alone and with each component that has nothing to do with a way to the front end; and each overlay, as it
    /// stands and with every way.
    pub fn builds(&self) -> Vec<Build> {
        let kubernetes = self.folder.join("kubernetes");
        let name = |what: &str| format!("{}: {what}", self.answers.name);
        let mut builds = vec![Build::of(&name("base"), &kubernetes.join("base"))];
        let beside: Vec<_> = names(&kubernetes.join("components"));
        let beside = beside.iter().map(String::as_str);
        let beside: Vec<_> = beside.filter(|component| !is_of_a_way(component)).collect();
        for overlay in names(&kubernetes.join("overlays")) {
            let folder = kubernetes.join("overlays").join(&overlay);
            builds.push(Build::of(&name(&overlay), &folder));
            for way in WAYS {
                let mut components: Vec<_> = way.iter().map(|part| (*part).to_owned()).collect();
                if overlay == "staging" {
                    components[0] += "-staging";
                }
                // What is beside a way stands with all that any cluster may have; the way itself, alone.
                if way.len() > 1 {
                    let google = way.iter().any(|part| part.starts_with("gke"));
                    let unfit = if google {
                        "monitoring"
                    } else {
                        "gke-monitoring"
                    };
                    let fit = beside.iter().filter(|component| **component != unfit);
                    components.extend(fit.map(|component| (*component).to_owned()));
                }
                builds.push(self.with_components(&overlay, &components));
            }
        }
        for component in beside {
            builds.push(self.with_components("base", &[component.to_owned()]));
        }
        builds
    }

    /// An overlay with these components for its own, or the base with them, in a namespace of somebody's.
    pub fn with_components(&self, overlay: &str, components: &[String]) -> Build {
        let kubernetes = self.folder.join("kubernetes");
        let mut kustomization = match overlay {
            "base" => json!({"namespace": "elsewhere", "resources": ["../../base"]}),
            _ => kustomization(&kubernetes.join("overlays").join(overlay)),
        };
        let paths = components
            .iter()
            .map(|name| format!("../../components/{name}"));
        kustomization["components"] = paths.collect();
        let what = format!("{overlay} with {}", components.join(" and "));
        let folder = kubernetes.join("tested").join(what.replace(' ', "-"));
        fs::create_dir_all(&folder).unwrap();
        // JSON is YAML.
        fs::write(folder.join("kustomization.yaml"), kustomization.to_string()).unwrap();
        let mut build = Build::of(&format!("{}: {what}", self.answers.name), &folder);
        build.parts.insert(0, overlay.to_owned());
        build
    }

    /// The program of the service, built the first time that somebody asks for it or for its back-end.
    pub fn program(&self) -> PathBuf {
        self.built().join("service")
    }

    /// The program of its example back-end.
    pub fn backend(&self) -> PathBuf {
        self.built().join("backend")
    }

    /// Where its programs are. All renderings are built in one place, so that nothing is built twice; the next one takes
    /// this one's place, and so its programs are copied.
    fn built(&self) -> &Path {
        static BUILDING: Mutex<()> = Mutex::new(());
        self.built.get_or_init(|| {
            let _one_by_one = BUILDING.lock().unwrap_or_else(PoisonError::into_inner);
            let target = Template::here().root.join("target");
            let project = Project {
                folder: target.join("cluster/service"),
                name: self.answers.name.clone(),
                target: target.join("renderings"),
            };
            refresh(&project.folder, &self.folder).unwrap();
            project.build().unwrap();
            let copies = self.scratch.path().join("built");
            fs::create_dir(&copies).unwrap();
            let programs = project.target.join("debug");
            fs::copy(programs.join(&project.name), copies.join("service")).unwrap();
            fs::copy(programs.join("examples/backend"), copies.join("backend")).unwrap();
            copies
        })
    }

    /// The answer to a placeholder, or the default.
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
        parallel::map(answers, |answers| {
            let rendered = Rendered::of(answers);
            let builds = rendered.builds();
            (rendered, builds)
        })
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

/// What has a GitOps controller keep the front end and each service.
pub fn gitops() -> &'static [Value] {
    static GITOPS: LazyLock<Vec<Value>> = LazyLock::new(|| {
        let folders = services()
            .iter()
            .map(|(rendered, _)| rendered.folder.clone())
            .chain([Template::here().root]);
        let files = folders.flat_map(|folder| files(&folder.join("kubernetes/gitops")));
        let documents = files.map(|(_, text)| documents(str::from_utf8(&text).unwrap()));
        documents.flatten().collect()
    });
    &GITOPS
}

/// A certificate is needed to build some of them.
fn build_front_ends() -> Vec<Build> {
    let copy = TempDir::new().unwrap().keep().join("kubernetes");
    run(Command::new("cp")
        .arg("-r")
        .arg(Template::here().root.join("kubernetes"))
        .arg(&copy));
    for component in ["plain-secret", "plain-secret-staging"] {
        for file in ["tls.crt", "tls.key"] {
            fs::write(copy.join("components").join(component).join(file), "-").unwrap();
        }
    }
    let examples = copy.join("examples");
    let known = names(&examples);
    for (example, component) in WITH_THE_CATALOGUE {
        let mut kustomization = kustomization(&examples.join(example));
        let components = kustomization["components"].as_array_mut().unwrap();
        components.insert(1, json!(format!("../../components/{component}")));
        let folder = examples.join(format!("{example} with {component}"));
        fs::create_dir(&folder).unwrap();
        // JSON is YAML.
        fs::write(folder.join("kustomization.yaml"), kustomization.to_string()).unwrap();
    }
    // Those of the repository come first.
    let made = names(&examples)
        .into_iter()
        .filter(|name| !known.contains(name));
    parallel::map(known.iter().cloned().chain(made), |name| {
        Build::of(&format!("front end: {name}"), &examples.join(&name))
    })
}

/// Whether a component is a way to the front end, or goes beside one.
fn is_of_a_way(component: &str) -> bool {
    let component = component.strip_suffix("-staging").unwrap_or(component);
    WAYS.iter().any(|way| way.contains(&component))
}

/// The elements of a list, or none.
pub fn elements(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}
