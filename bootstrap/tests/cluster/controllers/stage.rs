//! A cluster with two services in it, and a controller that sends requests to them.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::Path,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use bootstrap::{answers::Answers, render::Template};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    catalogue,
    commands::{finish, run},
    control_plane::{ControlPlane, defined},
    controllers::{
        kubelet::{Kubelet, Program},
        way::Way,
    },
    front_end::start_backend,
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
    pub way: Way,
    scratch: TempDir,
    programs: BTreeMap<String, Program>,
    _services: Vec<Rendered>,
}

impl Stage {
    /// A control plane, with the front end of a way applied, both services by their production overlays, and one by that of
    /// staging.
    pub fn set(way: Way) -> Self {
        let mut plane = ControlPlane::with_controllers();
        let scratch = TempDir::new().unwrap();
        write_certificate(scratch.path());
        name_the_host(&plane, scratch.path());
        let front = front_end(way, scratch.path());
        let handler = front
            .all("ConfigMap")
            .find_map(|map| map["data"]["nginx.conf"].as_str());
        let handler = Program::Nginx(handler.unwrap().to_owned());
        let catalogue = Program::Service(catalogue::program().to_owned());
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
            programs.insert(name, Program::Service(rendered.program()));
            name_the_backend(&rendered, backend);
            let component = way.component();
            builds.push(rendered.with_components("production", &[component.to_owned()]));
            if auth == STAGED {
                let staging = format!("{component}-staging");
                builds.push(rendered.with_components("staging", &[staging]));
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
            way,
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
            let controller = self.way.start(self);
            // A panic of what is done comes after the end of the controller.
            let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                self.wait_for_routes();
                done(self);
            }));
            for mut program in controller {
                finish(Command::new("kill").args(["-9", &program.id().to_string()]));
                program.wait().unwrap();
            }
            if let Err(panic) = done {
                self.tell_logs();
                std::panic::resume_unwind(panic);
            }
        });
    }

    /// Asks the front end by a name of its, over TLS that the certificate has to be right for. The answer is its status, its
    /// media type and its body.
    pub fn ask(&self, host: &str, path: &str, more: &[&str]) -> (u16, String, String) {
        let (secure, _) = self.way.ports();
        let mut curl = self.curl(secure);
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

    /// curl, as whoever asks the front end, at this port of the controller whatever the URL. It prints the status and the media
    /// type in a line at the end.
    pub fn curl(&self, port: u16) -> Command {
        let mut curl = self.plane.command("curl");
        curl.args([
            "--silent",
            "--show-error",
            "--path-as-is",
            "--max-time",
            "30",
        ]);
        curl.args(["--connect-to", &format!("::127.0.0.1:{port}")]);
        curl.args(["--write-out", "\n%{http_code} %{content_type}"]);
        curl.arg("--cacert")
            .arg(self.scratch.path().join("tls.crt"));
        curl
    }

    /// Lets the controller do what a ClusterRole says.
    pub fn bind(&self, role: &str) {
        let group = "rbac.authorization.k8s.io";
        let binding = json!({
            "apiVersion": format!("{group}/v1"),
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "controller"},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": role},
            "subjects": [{"apiGroup": group, "kind": "User", "name": "controller"}],
        });
        self.plane.apply([&binding]);
    }

    /// Prints how the logs of the controller's programs end.
    fn tell_logs(&self) {
        for program in ["contour", "envoy", "skipper"] {
            let log = self.scratch.path().join(format!("{program}.log"));
            let log = fs::read_to_string(log).unwrap_or_default();
            let lines: Vec<_> = log.lines().collect();
            let end = lines.len().saturating_sub(20);
            println!("{program}:\n{}", lines[end..].join("\n"));
        }
    }

    /// Starts a program of the controller's, which writes its log into a file.
    pub fn spawn(&self, program: &str, command: &mut Command) -> Child {
        let log = File::create(self.scratch.path().join(format!("{program}.log"))).unwrap();
        let logged = command
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        logged.spawn().unwrap()
    }

    fn wait_for_routes(&self) {
        let (secure, _) = self.way.ports();
        let answers = |host: &str, route: &str| {
            let mut curl = self.curl(secure);
            let url = format!("https://{host}{route}/metadata");
            finish(curl.args(["--fail", &url])).status.success()
        };
        let host = house("host");
        self.plane.wait_until(
            "the controller sends requests to both services, in both stages",
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

/// The front end with that certificate and the catalogue: the example that has Ingresses, by whichever way.
fn front_end(way: Way, scratch: &Path) -> Build {
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
    let entrance = format!("../../components/{}-staging", way.component());
    let ingress = json!("../../components/ingress-staging");
    let place = components.iter_mut().find(|one| **one == ingress);
    *place.expect("the example has Ingresses") = json!(entrance);
    components.push(json!(format!("../../components/{}", way.to_catalogue())));
    whole["patches"] = way.patches();
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
