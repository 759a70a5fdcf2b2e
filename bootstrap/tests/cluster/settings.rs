//! The settings in the manifests, handed to the service that they are for.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use bootstrap::render::Template;
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    commands::{finish, run},
    images,
    manifests::{Build, Rendered, elements, services},
    pods::own_container,
    support::{auth_types, house},
};

/// Certificates that any machine has.
const AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";

#[test]
#[ignore = "needs root, buildah and kubectl: run .ci/cluster"]
fn services_take_the_settings_of_their_manifests() {
    for auth in auth_types(&Template::here()) {
        // The very program that runs; other answers than its own change no setting's name or rule.
        let scratch = TempDir::new().unwrap();
        let program = images::of(&auth).program(scratch.path());
        let help = run(Command::new(&program).arg("--help").env_clear());
        let known = variables(&help);
        // Where the manifests with no other port look for it.
        let listen = format!("[default: 0.0.0.0:{}]", house("port"));
        assert!(help.contains(&listen), "{auth}: {help}");
        let own = |(rendered, _): &&(Rendered, _)| rendered.answers.get("auth_type") == Some(&auth);
        for build in services().iter().filter(own).flat_map(|(_, builds)| builds) {
            let deployment = build.all("Deployment").next().unwrap();
            let settings = settings(build, deployment);
            for (name, _) in &settings {
                assert!(known.contains(name), "{}: what is {name}?", build.name);
            }
            takes(&program, &settings, &build.name);
        }
    }
}

/// The variables that a service's help names.
fn variables(help: &str) -> BTreeSet<String> {
    let named = help.split("[env: ").skip(1);
    let names = named.map(|rest| rest[..rest.find(['=', ']']).unwrap()].to_owned());
    names.collect()
}

/// What a Deployment's own container finds in its environment. A Secret has some word.
fn settings(build: &Build, deployment: &Value) -> Vec<(String, String)> {
    let container = own_container(deployment);
    let mut settings = Vec::new();
    for source in elements(&container["envFrom"]) {
        let map = source["configMapRef"]["name"].as_str().unwrap();
        for (name, value) in build.get("ConfigMap", map)["data"].as_object().unwrap() {
            settings.push((name.clone(), value.as_str().unwrap().to_owned()));
        }
    }
    for variable in elements(&container["env"]) {
        let value = variable["value"].as_str().unwrap_or("word");
        if value.starts_with('/') {
            assert!(is_mounted(deployment, value), "{}: {value}", build.name);
        }
        let name = variable["name"].as_str().unwrap();
        settings.push((name.to_owned(), value.to_owned()));
    }
    settings
}

/// Whether a path is that of a file which a volume of the own container holds.
fn is_mounted(deployment: &Value, path: &str) -> bool {
    let volumes = &deployment["spec"]["template"]["spec"]["volumes"];
    let mut mounts = elements(&own_container(deployment)["volumeMounts"]);
    mounts.any(|mount| {
        let own = elements(volumes).filter(|volume| volume["name"] == mount["name"]);
        let mut files = own.flat_map(|volume| {
            let sources = ["secret", "configMap"].into_iter();
            sources.flat_map(|source| elements(&volume[source]["items"]))
        });
        let folder = Path::new(mount["mountPath"].as_str().unwrap());
        files.any(|file| folder.join(file["path"].as_str().unwrap()) == Path::new(path))
    })
}

fn takes(program: &Path, settings: &[(String, String)], context: &str) {
    let scratch = TempDir::new().unwrap();
    let secret = scratch.path().join("secret");
    fs::write(&secret, "word\n").unwrap();
    let mut command = Command::new(program);
    command.arg("--check-config").env_clear();
    for (name, value) in settings {
        match name.as_str() {
            "BACKEND_CA_FILE" => command.env(name, AUTHORITIES),
            _ if value.starts_with('/') => command.env(name, &secret),
            _ => command.env(name, value),
        };
    }
    let output = finish(&mut command);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{context}: {said}");
}
