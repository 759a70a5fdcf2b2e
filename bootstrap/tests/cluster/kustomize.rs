//! What a kustomization takes in, and what `kubectl kustomize` makes of it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::{commands::run, manifests::elements};

/// What `kubectl kustomize` makes of a folder.
pub fn kustomized(folder: &Path) -> String {
    run(Command::new("kubectl").arg("kustomize").arg(folder))
}

/// The manifests of a text.
pub fn documents(yaml: &str) -> Vec<Value> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(yaml).unwrap();
    assert!(!documents.is_empty(), "there are no manifests: {yaml}");
    documents
}

/// The kustomization of a folder.
pub fn kustomization(folder: &Path) -> Value {
    let text = fs::read_to_string(folder.join("kustomization.yaml")).unwrap();
    serde_saphyr::from_str(&text).unwrap()
}

/// A folder, and all that its kustomization takes in, each before what takes it in.
pub fn kustomizations(folder: &Path) -> Vec<PathBuf> {
    let own = kustomization(folder);
    let taken = elements(&own["resources"]).chain(elements(&own["components"]));
    let taken = taken.map(|path| folder.join(path.as_str().unwrap()));
    let taken = taken.filter(|path| path.is_dir());
    let mut all: Vec<_> = taken.flat_map(|path| kustomizations(&path)).collect();
    all.push(folder.canonicalize().unwrap());
    all
}

/// The overlays and components that a kustomization takes in.
pub fn parts(folder: &Path) -> Vec<String> {
    let taken = kustomizations(folder).into_iter();
    let known = taken.filter(|path| {
        ["overlays", "components"]
            .iter()
            .any(|kind| path.parent().unwrap().ends_with(kind))
    });
    let name = |path: PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
    known.map(name).collect()
}
