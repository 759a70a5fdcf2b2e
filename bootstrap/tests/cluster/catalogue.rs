//! The catalogue at the front end: it runs as services do, and has the paths of the host that are its own.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use bootstrap::{refresh::refresh, render::Template, running::Project};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    made,
    manifests::{Build, Rendered, elements, front_ends},
    pods::own_container,
    support::house,
};

/// What callers of the host are to get from the catalogue: nothing of the cluster's, such as `/metrics`.
const PATHS: [(&str, &str); 3] = [
    ("Exact", "/"),
    ("Exact", "/.well-known/api-catalog"),
    ("Prefix", "/catalogue"),
];

/// Whether a front end has the catalogue.
pub fn is_with_catalogue(front: &Build) -> bool {
    front.has("catalogue-gateway-api") || front.has("catalogue-ingress")
}

/// Its program, as cargo builds it.
pub fn program() -> &'static Path {
    static PROGRAM: LazyLock<PathBuf> = LazyLock::new(|| {
        let target = Template::here().root.join("target");
        let scratch = TempDir::new().unwrap();
        let folder = target.join("cluster/catalogue");
        refresh(&folder, &made::rendered("catalogue", scratch.path())).unwrap();
        let project = Project {
            folder,
            name: "catalogue".to_owned(),
            target: target.join("renderings"),
        };
        project.build().unwrap();
        project.target.join("debug").join(project.name)
    });
    &PROGRAM
}

/// Deployments of the catalogue, each with its build.
fn deployments() -> impl Iterator<Item = (&'static Build, &'static Value)> {
    let fronts = front_ends().iter().filter(|front| is_with_catalogue(front));
    fronts.map(|front| (front, front.get("Deployment", "catalogue")))
}

#[test]
#[ignore = "needs kubectl: run .ci/cluster"]
fn both_ways_lead_to_the_catalogue_by_its_paths_and_no_others() {
    let mut ways = BTreeSet::new();
    for (front, _) in deployments() {
        let ingresses = front.all("Ingress").flat_map(paths_of_ingress);
        let routes = front.all("HTTPRoute").flat_map(paths_of_route);
        let found: BTreeSet<_> = ingresses.chain(routes).collect();
        let host = house("host");
        let expected = PATHS.map(|(kind, path)| (host.clone(), kind.to_owned(), path.to_owned()));
        assert_eq!(found, BTreeSet::from(expected), "{}", front.name);
        ways.insert(front.has("gateway-api"));
    }
    assert_eq!(ways, BTreeSet::from([false, true]));
}

/// Traefik's own order would have the prefix of all paths before `/`.
#[test]
#[ignore = "needs kubectl: run .ci/cluster"]
fn traefik_tries_the_default_handler_last() {
    let fronts = front_ends().iter().filter(|front| front.has("ingress"));
    let mut found = 0;
    for front in fronts {
        for ingress in front.all("Ingress") {
            let annotations = &ingress["metadata"]["annotations"];
            let priority = &annotations["traefik.ingress.kubernetes.io/router.priority"];
            let is_last = ingress["metadata"]["name"] == "default-handler";
            let expected = if is_last { json!("1") } else { Value::Null };
            assert_eq!(*priority, expected, "{}", front.name);
            found += 1;
        }
    }
    assert!(found > 4, "{found}");
}

/// A host, the kind of a match, and a path.
type Matched = (String, String, String);

fn paths_of_ingress(ingress: &Value) -> Vec<Matched> {
    let rules = elements(&ingress["spec"]["rules"]);
    let paths = rules.flat_map(|rule| {
        let paths = elements(&rule["http"]["paths"]);
        let own = paths.filter(|path| path["backend"]["service"]["name"] == "catalogue");
        own.map(|path| {
            [&rule["host"], &path["pathType"], &path["path"]]
                .map(text)
                .into()
        })
    });
    paths.collect()
}

fn paths_of_route(route: &Value) -> Vec<Matched> {
    let mut found = Vec::new();
    let leads =
        |rule: &&Value| elements(&rule["backendRefs"]).any(|one| one["name"] == "catalogue");
    for rule in elements(&route["spec"]["rules"]).filter(leads) {
        for path in elements(&rule["matches"]).map(|matched| &matched["path"]) {
            let kind = text(&path["type"]).replace("PathPrefix", "Prefix");
            let hosts = elements(&route["spec"]["hostnames"]);
            found.extend(hosts.map(|host| (text(host), kind.clone(), text(&path["value"]))));
        }
    }
    found
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// What a service's pods learn, the catalogue's do.
#[test]
#[ignore = "needs kubectl: run .ci/cluster"]
fn its_pods_are_those_of_a_service_but_for_their_token_and_memory() {
    let service = Rendered::of(made::answers("catalogue"));
    let base = Build::of("catalogue: base", &service.folder.join("kubernetes/base"));
    let expected = template(base.get("Deployment", "catalogue"));
    for (front, deployment) in deployments() {
        let mut own = template(deployment);
        let token = own["automountServiceAccountToken"].take();
        assert_eq!(token, true, "{}", front.name);
        own["automountServiceAccountToken"] = json!(false);
        assert_eq!(own, expected, "{}", front.name);
    }
}

/// The pods of a Deployment, without what differs by release and by load.
fn template(deployment: &Value) -> Value {
    let mut pod = deployment["spec"]["template"]["spec"].clone();
    let container = &mut pod["containers"][0];
    let image = text(&container["image"]);
    container["image"] = json!(image.rsplit_once(':').map_or(&*image, |(name, _)| name));
    container["resources"].take();
    container["envFrom"].take();
    pod
}

#[test]
#[ignore = "needs kubectl: run .ci/cluster"]
fn the_release_that_runs_is_the_one_of_this_repository() {
    let manifest = made::folder("catalogue").join("files/Cargo.toml");
    let manifest: toml::Table = fs::read_to_string(manifest).unwrap().parse().unwrap();
    let version = manifest["package"]["version"].as_str().unwrap();
    for (front, deployment) in deployments() {
        let image = text(&own_container(deployment)["image"]);
        assert!(
            image.ends_with(&format!(":{version}")),
            "{}: {image}",
            front.name
        );
    }
}
