//! The part of a kubelet that requests depend on: pods get a node, an address and a program; probes say when they are
//! ready; and one that is deleted is told to end, and is gone when it has.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    commands::{finish, run},
    control_plane::{ControlPlane, IN_CLUSTER, URL},
    manifests::elements,
};

/// How long it rests after a look at all pods.
const REST: Duration = Duration::from_millis(200);

/// The address of the first pod; the next ones follow.
const FIRST: u8 = 10;

/// What runs in the place of an image.
pub enum Program {
    /// A service as cargo builds it, in front of an example back-end.
    Service(PathBuf),
    /// nginx, with the configuration of the default handler's ConfigMap.
    Nginx(String),
}

/// The kubelet of the only node.
pub struct Kubelet<'a> {
    plane: &'a ControlPlane,
    scratch: &'a Path,
    programs: &'a BTreeMap<String, Program>,
    running: BTreeMap<String, Running>,
    next: u8,
}

/// A pod whose program runs.
struct Running {
    child: Child,
    address: String,
    /// When it is told to end, if it is to.
    told_at: Option<Instant>,
    told: bool,
    reported: Option<bool>,
}

impl<'a> Kubelet<'a> {
    /// A kubelet that has a program for each `app.kubernetes.io/name`.
    pub fn new(
        plane: &'a ControlPlane,
        scratch: &'a Path,
        programs: &'a BTreeMap<String, Program>,
    ) -> Self {
        let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "here"}});
        plane.apply([&node]);
        Self {
            plane,
            scratch,
            programs,
            running: BTreeMap::new(),
            next: FIRST,
        }
    }

    /// Looks after all pods until `stop`, and ends their programs.
    pub fn run(mut self, stop: &AtomicBool) {
        while !stop.load(Ordering::Relaxed) {
            let pods = self.ask("GET", "/api/v1/pods", None);
            for pod in elements(&pods["items"]) {
                self.look_after(pod);
            }
            thread::sleep(REST);
        }
    }

    fn look_after(&mut self, pod: &Value) {
        let uid = pod["metadata"]["uid"].as_str().unwrap();
        if pod["spec"]["nodeName"].is_null() {
            return self.bind(pod);
        }
        if !self.running.contains_key(uid) {
            let running = self.start(pod);
            self.running.insert(uid.to_owned(), running);
        }
        if !pod["metadata"]["deletionTimestamp"].is_null() && self.has_ended(pod) {
            self.running.remove(uid);
            let path = format!("{}?gracePeriodSeconds=0", path(pod));
            self.ask("DELETE", &path, None);
            return;
        }
        self.report(pod);
    }

    /// What the scheduler does; it would find but one node.
    fn bind(&self, pod: &Value) {
        let binding = json!({
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": pod["metadata"]["name"]},
            "target": {"apiVersion": "v1", "kind": "Node", "name": "here"},
        });
        self.ask("POST", &format!("{}/binding", path(pod)), Some(&binding));
    }

    fn start(&mut self, pod: &Value) -> Running {
        let address = self.plane.add_address(self.next);
        self.next += 1;
        let container = &pod["spec"]["containers"][0];
        let port = &container["ports"][0]["containerPort"];
        let name = &pod["metadata"]["labels"]["app.kubernetes.io/name"];
        let mut command = match &self.programs[name.as_str().unwrap()] {
            Program::Service(program) => {
                let mut command = self.plane.command(program.to_str().unwrap());
                command.envs(self.settings(pod, container)).envs(IN_CLUSTER);
                // A pod has a network of its own, and listens on all of its addresses. Here it has but one of them.
                command.env("LISTEN", format!("{address}:{port}"));
                command
            }
            Program::Nginx(configuration) => {
                let folder = self.scratch.join(&address);
                fs::create_dir(&folder).unwrap();
                let own = configuration
                    .replace("/tmp/", &format!("{}/", folder.display()))
                    .replace(
                        &format!("listen {port};"),
                        &format!("listen {address}:{port};"),
                    );
                assert!(own.contains(&address), "{own}");
                fs::write(folder.join("nginx.conf"), own).unwrap();
                let mut command = self.plane.command("nginx");
                command.args(["-g", "daemon off; user root;", "-c"]);
                command.arg(folder.join("nginx.conf"));
                command
            }
        };
        let log = fs::File::create(self.scratch.join(format!("{address}.log"))).unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        Running {
            child,
            address,
            told_at: None,
            told: false,
            reported: None,
        }
    }

    /// The variables of a container, from the ConfigMaps that it names.
    fn settings(&self, pod: &Value, container: &Value) -> BTreeMap<String, String> {
        let namespace = pod["metadata"]["namespace"].as_str().unwrap();
        let maps = elements(&container["envFrom"]).map(|source| {
            let name = source["configMapRef"]["name"].as_str().unwrap();
            self.ask(
                "GET",
                &format!("/api/v1/namespaces/{namespace}/configmaps/{name}"),
                None,
            )
        });
        let settings = maps.flat_map(|map| map["data"].as_object().unwrap().clone());
        let text = |value: Value| value.as_str().unwrap().to_owned();
        settings.map(|(name, value)| (name, text(value))).collect()
    }

    /// Whether the program of a pod that is deleted has ended. It is told to at once, or after the pod's `preStop`.
    fn has_ended(&mut self, pod: &Value) -> bool {
        let uid = pod["metadata"]["uid"].as_str().unwrap();
        let running = self.running.get_mut(uid).unwrap();
        let before = &pod["spec"]["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"];
        let rest = Duration::from_secs(before.as_u64().unwrap_or(0));
        let told_at = *running.told_at.get_or_insert_with(|| Instant::now() + rest);
        if !running.told && Instant::now() >= told_at {
            tell_to_end(&running.child);
            running.told = true;
        }
        let Some(status) = running.child.try_wait().unwrap() else {
            return false;
        };
        assert!(
            running.told && status.success(),
            "{}: {status}",
            running.address
        );
        true
    }

    /// Tells the API server where a pod is, and what its readiness probe says.
    fn report(&mut self, pod: &Value) {
        let uid = pod["metadata"]["uid"].as_str().unwrap();
        let running = self.running.get_mut(uid).unwrap();
        let container = &pod["spec"]["containers"][0];
        let probe = container["readinessProbe"]["httpGet"]["path"]
            .as_str()
            .unwrap();
        let url = format!(
            "http://{}:{}{probe}",
            running.address, container["ports"][0]["containerPort"]
        );
        let mut curl = self.plane.command("curl");
        let ready = finish(curl.args(["--silent", "--fail", "--max-time", "2", &url]));
        let ready = ready.status.success();
        if running.reported == Some(ready) {
            return;
        }
        running.reported = Some(ready);
        let address = running.address.clone();
        let word = if ready { "True" } else { "False" };
        let condition = |kind: &str| json!({"type": kind, "status": word});
        let status = json!({"status": {
            "phase": "Running",
            "podIP": address,
            "podIPs": [{"ip": address}],
            "conditions": [condition("Ready"), condition("ContainersReady")],
        }});
        self.ask("PATCH", &format!("{}/status", path(pod)), Some(&status));
    }

    fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let mut curl = self.plane.command("curl");
        curl.args([
            "--silent",
            "--show-error",
            "--fail-with-body",
            "--max-time",
            "60",
        ]);
        curl.arg("--cacert").arg(self.plane.file("tls.crt"));
        curl.args([
            "--header",
            "Authorization: Bearer admin",
            "--request",
            method,
        ]);
        if let Some(body) = body {
            let kind = match method {
                "PATCH" => "application/strategic-merge-patch+json",
                _ => "application/json",
            };
            curl.args(["--header", &format!("Content-Type: {kind}")]);
            curl.args(["--data", &body.to_string()]);
        }
        let said = run(curl.arg(format!("{URL}{path}")));
        serde_json::from_str(&said).unwrap()
    }
}

impl Drop for Kubelet<'_> {
    fn drop(&mut self) {
        for running in self.running.values() {
            tell_to_end(&running.child);
        }
        for running in self.running.values_mut() {
            let _ = running.child.wait();
        }
    }
}

fn tell_to_end(child: &Child) {
    finish(Command::new("kill").arg(child.id().to_string()));
}

/// Where the API server has a pod.
fn path(pod: &Value) -> String {
    let metadata = &pod["metadata"];
    let (namespace, name) = (metadata["namespace"].as_str(), metadata["name"].as_str());
    format!(
        "/api/v1/namespaces/{}/pods/{}",
        namespace.unwrap(),
        name.unwrap()
    )
}
