//! A cluster with two services in it, and the controller that sends requests to them.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::Path,
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use bootstrap::{answers::Answers, render::Template};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    catalogue,
    commands::{finish, run},
    control_plane::{ControlPlane, URL, defined},
    front_end::start_backend,
    ingress_controller::kubelet::{Kubelet, Program},
    kustomize::kustomization,
    manifests::{Build, Rendered, names},
    support::house,
};

/// The auth type and the route of each service, and where its example back-end is. One route begins like the other.
const SERVICES: [(&str, &str, &str); 2] = [
    ("none", "/app", "127.0.0.1:9101"),
    ("basic", "/apples", "127.0.0.1:9102"),
];

/// The auth type of the service that is in staging, too.
const STAGED: &str = "none";

/// The whole of it.
pub struct Stage {
    pub plane: ControlPlane,
    scratch: TempDir,
    programs: BTreeMap<String, Program>,
    _services: Vec<Rendered>,
}

impl Stage {
    /// A control plane, with the front end applied, both services by their production overlays, and one by that of staging.
    pub fn set() -> Self {
        let mut plane = ControlPlane::with_controllers();
        let scratch = TempDir::new().unwrap();
        write_certificate(scratch.path());
        name_the_host(&plane, scratch.path());
        let front = front_end(scratch.path());
        let handler = front
            .all("ConfigMap")
            .find_map(|map| map["data"]["nginx.conf"].as_str());
        let handler = Program::Nginx(handler.unwrap().to_owned());
        let catalogue = Program::Service(catalogue::program());
        let mut programs = BTreeMap::from([
            ("catalogue".to_owned(), catalogue),
            ("default-handler".to_owned(), handler),
        ]);
        let mut builds = vec![front];
        let mut services = Vec::new();
        for (auth, route, backend) in SERVICES {
            let answers = Answers::named(&format!("behind-{auth}"));
            let answers = answers.with("auth_type", auth).with("route", route);
            let rendered = Rendered::of(answers);
            start_backend(plane.namespace(), &rendered, backend);
            let name = rendered.answers.name.clone();
            let program = scratch.path().join(&name);
            let built = rendered.project().target.join("debug").join(&name);
            fs::copy(built, &program).unwrap();
            programs.insert(name, Program::Service(program));
            name_the_backend(&rendered, backend);
            builds.push(rendered.with_components("production", &["ingress".to_owned()]));
            if auth == STAGED {
                builds.push(rendered.with_components("staging", &["ingress-staging".to_owned()]));
            }
            services.push(rendered);
        }
        let all = || builds.iter().flat_map(defined);
        plane.define_kinds(all());
        for build in &builds {
            plane.apply(defined(build));
        }
        plane.mount_token("catalogue");
        Self {
            plane,
            scratch,
            programs,
            _services: services,
        }
    }

    /// Does something while a kubelet looks after the pods, and the controller after requests.
    pub fn while_it_runs(&self, done: impl FnOnce(&Self)) {
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            let _stop = Stop(&stop);
            let kubelet = Kubelet::new(&self.plane, self.scratch.path(), &self.programs);
            scope.spawn(|| kubelet.run(&stop));
            self.plane.wait_until("all pods are ready", || {
                self.plane.all("deployments").iter().all(is_ready)
            });
            let mut controller = self.controller().spawn().unwrap();
            // A panic of what is done comes after the end of the controller.
            let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                self.wait_for_routes();
                done(self);
            }));
            finish(Command::new("kill").args(["-9", &controller.id().to_string()]));
            controller.wait().unwrap();
            if let Err(panic) = done {
                std::panic::resume_unwind(panic);
            }
        });
    }

    /// Asks the front end by a name of its, over TLS that the certificate has to be right for. The answer is its status, its
    /// media type and its body.
    pub fn ask(&self, host: &str, path: &str, more: &[&str]) -> (u16, String, String) {
        let mut curl = self.curl();
        curl.args(more);
        let said = run(curl.arg(format!("https://{host}{path}")));
        let (body, end) = said.rsplit_once('\n').unwrap();
        let (status, kind) = end.split_once(' ').unwrap();
        (status.parse().unwrap(), kind.to_owned(), body.to_owned())
    }

    /// A file of the test's own.
    pub fn scratch(&self) -> &Path {
        self.scratch.path()
    }

    fn curl(&self) -> Command {
        let mut curl = self.plane.command("curl");
        curl.args([
            "--silent",
            "--show-error",
            "--path-as-is",
            "--max-time",
            "30",
        ]);
        curl.args(["--write-out", "\n%{http_code} %{content_type}"]);
        curl.arg("--cacert")
            .arg(self.scratch.path().join("tls.crt"));
        curl
    }

    /// skipper, with what it needs to know of the API server, and no route of its own.
    fn controller(&self) -> Command {
        self.let_controller_read();
        let token = self.scratch.path().join("token");
        fs::write(&token, "ingress").unwrap();
        let log = File::create(self.scratch.path().join("skipper.log")).unwrap();
        let mut skipper = self.plane.command("skipper");
        // Go's own variable for what is trusted: the API server's certificate.
        skipper.env("SSL_CERT_FILE", self.plane.file("tls.crt"));
        skipper.args([
            "-kubernetes",
            "-kubernetes-url",
            URL,
            "-kubernetes-token-file",
        ]);
        skipper.arg(token);
        skipper.arg("-enable-kubernetes-endpointslices");
        skipper.arg(format!(
            "-kubernetes-ingress-class=^{}$",
            house("ingress_class")
        ));
        // The certificate is that of the Ingresses' Secret.
        skipper.args(["-kubernetes-enable-tls", "-address", "127.0.0.1:443"]);
        skipper.args([
            "-insecure-address",
            "127.0.0.1:80",
            "-support-listener",
            "127.0.0.1:9911",
        ]);
        skipper.args([
            "-proxy-preserve-host",
            "-access-log-disabled",
            "-wait-first-route-load",
        ]);
        skipper.stdin(Stdio::null());
        skipper.stdout(log.try_clone().unwrap()).stderr(log);
        skipper
    }

    /// What skipper's own manifests grant it, as far as it needs that here.
    fn let_controller_read(&self) {
        let rules = json!([
            {"apiGroups": ["networking.k8s.io"], "resources": ["ingresses"], "verbs": ["get", "list"]},
            {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["get", "list"]},
            {"apiGroups": [""], "resources": ["services", "secrets"], "verbs": ["get", "list"]},
        ]);
        let version = "rbac.authorization.k8s.io/v1";
        let group = "rbac.authorization.k8s.io";
        let role = json!({
            "apiVersion": version,
            "kind": "ClusterRole",
            "metadata": {"name": "ingress-controller"},
            "rules": rules,
        });
        let binding = json!({
            "apiVersion": version,
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "ingress-controller"},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "ingress-controller"},
            "subjects": [{"apiGroup": group, "kind": "User", "name": "ingress-controller"}],
        });
        self.plane.apply([&role, &binding]);
    }

    fn wait_for_routes(&self) {
        let answers = |host: &str, route: &str| {
            let mut curl = self.curl();
            let url = format!("https://{host}{route}/metadata");
            finish(curl.args(["--fail", &url])).status.success()
        };
        let host = house("host");
        self.plane.wait_until(
            "skipper sends requests to both services, in both stages",
            || answers(&host, "/app") && answers(&host, "/apples") && answers(&staging(), "/app"),
        );
    }
}

/// Stops the kubelet, were it because of a panic.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The host of staging.
pub fn staging() -> String {
    format!("staging.{}", house("host"))
}

/// Whether a Deployment has all its pods, all of them ready, and no other. In staging, one is all.
pub fn is_ready(deployment: &Value) -> bool {
    let (spec, status) = (&deployment["spec"], &deployment["status"]);
    let counts = ["replicas", "updatedReplicas", "readyReplicas"];
    status["observedGeneration"] == deployment["metadata"]["generation"]
        && counts.iter().all(|count| status[count] == spec["replicas"])
        && (spec["replicas"].as_u64() > Some(1) || is_in_staging(deployment))
}

/// Whether an object is of the staging namespace.
pub fn is_in_staging(object: &Value) -> bool {
    object["metadata"]["namespace"] == format!("{}-staging", house("namespace"))
}

/// In the mounts of the control plane's namespace alone, whoever asks for a host finds the controller.
fn name_the_host(plane: &ControlPlane, scratch: &Path) {
    let hosts = scratch.join("hosts");
    let names = format!("127.0.0.1 {} {}\n", house("host"), staging());
    fs::write(&hosts, names).unwrap();
    let mut mount = plane.command("mount");
    run(mount.arg("--bind").arg(&hosts).arg("/etc/hosts"));
}

fn write_certificate(folder: &Path) {
    let host = house("host");
    let mut openssl = Command::new("openssl");
    openssl.args([
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
    ]);
    openssl.args(["-subj", &format!("/CN={host}"), "-addext"]);
    openssl.arg(format!("subjectAltName=DNS:{host},DNS:{}", staging()));
    openssl.arg("-keyout").arg(folder.join("tls.key"));
    run(openssl.arg("-out").arg(folder.join("tls.crt")));
}

/// The example of the front end that has an Ingress, with that certificate and the catalogue.
fn front_end(scratch: &Path) -> Build {
    let kubernetes = scratch.join("kubernetes");
    run(Command::new("cp")
        .arg("-r")
        .arg(Template::here().root.join("kubernetes"))
        .arg(&kubernetes));
    let components = kubernetes.join("components");
    let plain = names(&components)
        .into_iter()
        .filter(|name| name.starts_with("plain-secret"));
    for component in plain {
        for file in ["tls.crt", "tls.key"] {
            fs::copy(scratch.join(file), components.join(&component).join(file)).unwrap();
        }
    }
    let example = kubernetes.join("examples/ingress");
    let mut whole = kustomization(&example);
    let components = whole["components"].as_array_mut().unwrap();
    components.push(json!("../../components/catalogue-ingress"));
    // skipper takes `/` for no more than the prefix of all paths, unless it is told to.
    whole["patches"] = json!([{
        "target": {"kind": "Ingress", "name": "catalogue"},
        "patch": json!([{
            "op": "add",
            "path": "/metadata/annotations/zalando.org~1skipper-predicate",
            "value": "Weight(1)",
        }]).to_string(),
    }]);
    // JSON is YAML.
    fs::write(example.join("kustomization.yaml"), whole.to_string()).unwrap();
    Build::of("front end", &example)
}

/// Sets `BACKEND_URL` of a service to its back-end, as an author does it.
fn name_the_backend(rendered: &Rendered, backend: &str) {
    let settings = rendered.folder.join("kubernetes/base/settings.env");
    let text = fs::read_to_string(&settings).unwrap();
    let lines = text.lines().map(|line| match line.split_once('=') {
        Some(("BACKEND_URL", _)) => format!("BACKEND_URL=http://{backend}\n"),
        _ => format!("{line}\n"),
    });
    fs::write(&settings, lines.collect::<String>()).unwrap();
}
