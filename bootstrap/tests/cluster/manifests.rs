//! Manifests as `kubectl kustomize` builds them, and what holds between them.

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
            manifests,
            yaml,
        }
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
            builds.push(Build::of(&name(&overlay), &folder));
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
            builds.push(Build::of(&name(&chosen.join(" and ")), &folder));
        }
        builds
    }

    /// The answer to a placeholder, or what the house has.
    pub fn given(&self, answer: &str, otherwise: &str) -> String {
        self.answers.get(answer).unwrap_or(otherwise).to_owned()
    }
}

/// The names in a folder, in order.
fn names(folder: &Path) -> Vec<String> {
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
            Build::of(&format!("front end: {example}"), &folder)
        })
        .collect()
}

#[test]
#[ignore = "needs kubectl: run .ci/cluster"]
fn every_reference_leads_somewhere() {
    for build in builds() {
        references_lead_somewhere(build);
    }
}

fn references_lead_somewhere(build: &Build) {
    let context = &build.name;
    for deployment in build.all("Deployment") {
        let template = &deployment["spec"]["template"];
        let pods = &template["metadata"]["labels"];
        let name = &deployment["metadata"]["name"];
        let selects = |selector: &Value, whose: &str| {
            let wanted = selector.as_object().expect(whose);
            let all = wanted.iter().all(|(label, value)| pods[label] == *value);
            assert!(all && !wanted.is_empty(), "{context}: {whose} of {name}");
        };
        selects(&deployment["spec"]["selector"]["matchLabels"], "selector");
        for spread in elements(&template["spec"]["topologySpreadConstraints"]) {
            selects(&spread["labelSelector"]["matchLabels"], "spread");
        }
        let namesake = name.as_str().unwrap();
        let service = build.get("Service", namesake);
        selects(&service["spec"]["selector"], "Service");
        let budget = build.get("PodDisruptionBudget", namesake);
        selects(&budget["spec"]["selector"]["matchLabels"], "budget");
        let policy = build.get("NetworkPolicy", namesake);
        selects(&policy["spec"]["podSelector"]["matchLabels"], "policy");

        ports_exist(build, template, service, policy);
        configuration_exists(build, template);
    }
    for scaler in build.all("HorizontalPodAutoscaler") {
        let target = &scaler["spec"]["scaleTargetRef"];
        let scaled = build.get("Deployment", target["name"].as_str().unwrap());
        assert_eq!(target["kind"], "Deployment", "{context}");
        assert!(scaled["spec"]["replicas"].is_null(), "{context}");
    }
    for monitor in build.all("ServiceMonitor") {
        let selector = &monitor["spec"]["selector"]["matchLabels"];
        let name = monitor["metadata"]["name"].as_str().unwrap();
        let service = build.get("Service", name);
        for (label, value) in selector.as_object().unwrap() {
            assert_eq!(service["metadata"]["labels"][label], *value, "{context}");
        }
        let port = &monitor["spec"]["endpoints"][0]["port"];
        assert_eq!(service["spec"]["ports"][0]["name"], *port, "{context}");
    }
    routes_lead_to_services(build);
}

/// Every port that is named is one of a container's, and every number one that is listened on.
fn ports_exist(build: &Build, template: &Value, service: &Value, policy: &Value) {
    let context = &build.name;
    let pod = &template["spec"];
    let containers = elements(&pod["containers"]).chain(elements(&pod["initContainers"]));
    let containers: Vec<_> = containers.collect();
    let mut known = BTreeSet::new();
    for container in &containers {
        for port in elements(&container["ports"]) {
            known.insert(port["name"].to_string());
        }
    }
    let mut used = Vec::new();
    for container in &containers {
        for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
            for manner in ["httpGet", "tcpSocket"] {
                used.push(&container[probe][manner]["port"]);
            }
        }
    }
    used.extend(elements(&service["spec"]["ports"]).map(|port| &port["targetPort"]));
    let inbound = elements(&policy["spec"]["ingress"]);
    used.extend(inbound.flat_map(|rule| elements(&rule["ports"]).map(|port| &port["port"])));
    for port in used.into_iter().filter(|port| !port.is_null()) {
        assert!(known.contains(&port.to_string()), "{context}: port {port}");
    }
}

/// Every ConfigMap that a pod wants is built, every volume that is mounted is there.
fn configuration_exists(build: &Build, template: &Value) {
    let pod = &template["spec"];
    let containers = elements(&pod["containers"]).chain(elements(&pod["initContainers"]));
    let volumes: Vec<_> = elements(&pod["volumes"]).collect();
    for container in containers {
        for source in elements(&container["envFrom"]) {
            build.get(
                "ConfigMap",
                source["configMapRef"]["name"].as_str().unwrap(),
            );
        }
        for mount in elements(&container["volumeMounts"]) {
            let found = volumes.iter().any(|volume| volume["name"] == mount["name"]);
            assert!(found, "{}: {mount}", build.name);
        }
    }
    for volume in volumes {
        if let Some(map) = volume["configMap"]["name"].as_str() {
            build.get("ConfigMap", map);
        }
    }
}

/// Every path of an Ingress or an HTTPRoute ends at a port of a Service.
fn routes_lead_to_services(build: &Build) {
    let context = &build.name;
    for ingress in build.all("Ingress") {
        for rule in elements(&ingress["spec"]["rules"]) {
            for path in elements(&rule["http"]["paths"]) {
                assert_eq!(path["pathType"], "Prefix", "{context}");
                let backend = &path["backend"]["service"];
                let service = build.get("Service", backend["name"].as_str().unwrap());
                let port = &backend["port"]["name"];
                assert_eq!(service["spec"]["ports"][0]["name"], *port, "{context}");
            }
            let hosts = &ingress["spec"]["tls"][0]["hosts"][0];
            assert_eq!(rule["host"], *hosts, "{context}");
        }
    }
    for route in build.all("HTTPRoute") {
        for rule in elements(&route["spec"]["rules"]) {
            for backend in elements(&rule["backendRefs"]) {
                let service = build.get("Service", backend["name"].as_str().unwrap());
                assert_eq!(
                    service["spec"]["ports"][0]["port"], backend["port"],
                    "{context}"
                );
            }
        }
    }
    for kind in ["GCPBackendPolicy", "HealthCheckPolicy"] {
        for policy in build.all(kind) {
            build.get(
                "Service",
                policy["spec"]["targetRef"]["name"].as_str().unwrap(),
            );
        }
    }
}

#[test]
#[ignore = "needs kubectl: run .ci/cluster"]
fn manifests_say_what_was_answered() {
    for (rendered, builds) in services() {
        let name = rendered.answers.name.clone();
        let build = &builds[0];
        let namespace = rendered.given("namespace", "unified-api");
        for manifest in &build.manifests {
            let found = &manifest["metadata"];
            assert_eq!(found["namespace"], namespace, "{name}");
            assert_eq!(found["labels"]["app.kubernetes.io/name"], name);
            if manifest["kind"] != "ConfigMap" {
                assert_eq!(found["name"], name);
            }
        }
        let deployment = build.get("Deployment", &name);
        let description = rendered.given("description", "");
        let annotations = &deployment["metadata"]["annotations"];
        assert_eq!(annotations["kubernetes.io/description"], description);
        let registry = rendered.given("registry", "ghcr.io/lsst-sqre");
        let container = &deployment["spec"]["template"]["spec"]["containers"][0];
        assert_eq!(container["image"], format!("{registry}/{name}"));

        let ingress = &build.get("Ingress", &name)["spec"];
        let rule = &ingress["rules"][0];
        assert_eq!(rule["host"], rendered.given("host", "api.lsst.codes"));
        let route = rendered.given("route", &format!("/{name}"));
        assert_eq!(rule["http"]["paths"][0]["path"], route);
        assert!(ingress.to_string().matches("rewrite").count() == 0);
        let settings = build.all("ConfigMap").next().unwrap();
        let backend = rendered.given("backend_url", &format!("http://{name}-backend"));
        assert_eq!(settings["data"]["BACKEND_URL"], backend);
    }
}

#[test]
#[ignore = "needs kubectl: run .ci/cluster"]
fn pods_have_the_time_that_their_settings_take() {
    for build in services().iter().flat_map(|(_, builds)| builds) {
        let deployment = build.all("Deployment").next().unwrap();
        let pod = &deployment["spec"]["template"]["spec"];
        let map = pod["containers"][0]["envFrom"][0]["configMapRef"]["name"].as_str();
        let settings = &build.get("ConfigMap", map.unwrap())["data"];
        let seconds = |setting: &str| -> u64 {
            let time = settings[setting].as_str().unwrap().strip_suffix('s');
            time.unwrap().parse().unwrap()
        };
        let needed = seconds("DRAIN_DELAY") + seconds("SHUTDOWN_GRACE");
        let given = pod["terminationGracePeriodSeconds"].as_u64().unwrap();
        assert_eq!(given, needed + 5, "{}", build.name);
    }
}

/// What Pod Security `restricted` demands, which the front end's namespace enforces, and what the house adds.
#[test]
#[ignore = "needs kubectl: run .ci/cluster"]
fn pods_are_denied_what_they_do_not_need() {
    for build in builds() {
        for deployment in build.all("Deployment") {
            let context = &build.name;
            let pod = &deployment["spec"]["template"]["spec"];
            assert_eq!(pod["automountServiceAccountToken"], false, "{context}");
            assert_eq!(pod["enableServiceLinks"], false, "{context}");
            let security = &pod["securityContext"];
            assert_eq!(security["runAsNonRoot"], true, "{context}");
            assert_eq!(security["runAsUser"], 65532, "{context}");
            assert_eq!(security["seccompProfile"]["type"], "RuntimeDefault");
            for container in elements(&pod["containers"]).chain(elements(&pod["initContainers"])) {
                let security = &container["securityContext"];
                assert_eq!(security["allowPrivilegeEscalation"], false, "{context}");
                assert_eq!(security["readOnlyRootFilesystem"], true, "{context}");
                assert_eq!(security["capabilities"]["drop"][0], "ALL", "{context}");
                assert!(security["runAsNonRoot"].is_null(), "{context}");
                for bound in ["requests", "limits"] {
                    for resource in ["cpu", "memory"] {
                        assert!(
                            container["resources"][bound][resource].is_string(),
                            "{context}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
#[ignore = "needs kubectl: run .ci/cluster"]
fn secrets_are_wanted_only_where_the_auth_type_has_a_use_for_them() {
    for (rendered, builds) in services() {
        let auth = rendered.given("auth_type", "none");
        let components = names(&rendered.folder.join("kubernetes/components"));
        let has = |name: &str| components.iter().any(|component| component == name);
        assert_eq!(has("account"), auth != "none", "{auth}");
        assert_eq!(has("oauth2-proxy"), auth == "bitly-proxy", "{auth}");
        for build in builds {
            // Where no component says so, a Secret that nobody made would keep pods from starting.
            let named = ["account", "oauth2-proxy"]
                .iter()
                .any(|part| build.name.contains(part));
            let pods = build
                .all("Deployment")
                .map(Value::to_string)
                .collect::<String>();
            assert_eq!(pods.contains("secret"), named, "{}", build.name);
        }
    }
}

/// The elements of a list, or none.
pub fn elements(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}
