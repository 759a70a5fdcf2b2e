//! A control plane with the front end applied, and the programs of the catalogue and of a service.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Stdio},
    time::Instant,
};

use bootstrap::answers::Answers;
use serde_json::{Value, json};

use crate::{
    catalogue::{self, is_with_catalogue},
    commands::{finish, run, run_with},
    control_plane::{ControlPlane, IN_CLUSTER, defined, programs::ADDRESSES},
    manifests::{Build, Rendered, front_ends},
    pods::own_container,
    support::house,
};

/// The service that comes and goes, at a route that does not follow from its name.
pub const NAME: &str = "build-times";
pub const ROUTE: &str = "/builds";

/// Where it is in the network, as nobody passes on what a Service is asked, and where its first pod would be.
const SERVICE: u8 = 50;
const FIRST_POD: usize = 60;

/// Where the catalogue listens, and where another one that starts later does.
pub const FIRST: &str = "127.0.0.1:8080";
pub const SECOND: &str = "127.0.0.1:8081";

/// The whole of it.
pub struct Stage {
    pub plane: ControlPlane,
    front: &'static Build,
    catalogue: &'static Path,
    service: Rendered,
    /// What is applied of the service, by either way.
    pub by_gateway: Build,
    pub by_ingress: Build,
}

impl Stage {
    pub fn set() -> Self {
        let catalogue = catalogue::program();
        let service = Rendered::of(Answers::named(NAME).with("route", ROUTE));
        let with = |way: &str| service.with_components("production", &[way.to_owned()]);
        let (by_gateway, by_ingress) = (with("gateway-api"), with("ingress"));
        let has_catalogue = |front: &&Build| is_with_catalogue(front) && front.has("gateway-api");
        let front = front_ends().iter().find(has_catalogue).unwrap();
        let plane = ControlPlane::with_controllers();
        let custom = [front, &by_gateway, &by_ingress].into_iter();
        plane.define_kinds(custom.flat_map(defined));
        let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "here"}});
        plane.apply([&node]);
        plane.apply(defined(front));
        let stage = Self {
            plane,
            front,
            catalogue,
            service,
            by_gateway,
            by_ingress,
        };
        stage.name_the_service();
        stage.plane.mount_token("catalogue");
        stage
    }

    /// In the mounts of the control plane's namespace alone, the service is found by its name within the cluster.
    fn name_the_service(&self) {
        let address = self.plane.add_address(SERVICE);
        let hosts = self.plane.file("hosts");
        fs::write(&hosts, format!("{address} {NAME}.{}\n", house("namespace"))).unwrap();
        let mut mount = self.plane.command("mount");
        run(mount.arg("--bind").arg(hosts).arg("/etc/hosts"));
    }

    /// Starts the catalogue with the settings of its Deployment, and returns the file with its log.
    pub fn start_catalogue(&mut self, listen: &str) -> PathBuf {
        let deployment = self.front.get("Deployment", "catalogue");
        let map = &own_container(deployment)["envFrom"][0]["configMapRef"]["name"];
        let settings = &self.front.get("ConfigMap", map.as_str().unwrap())["data"];
        let log = self.plane.file(&format!("catalogue-{listen}.log"));
        let mut command = self.plane.command(self.catalogue.to_str().unwrap());
        command.env_clear();
        for (name, value) in settings.as_object().unwrap() {
            command.env(name, value.as_str().unwrap());
        }
        command.envs(IN_CLUSTER);
        // Nobody waits for the next look, nor for the end.
        command.env("CATALOGUE_INTERVAL", "200ms");
        command.env("DRAIN_DELAY", "0s");
        command.env("LISTEN", listen);
        command.stdout(File::create(&log).unwrap());
        self.plane.namespace().start(&mut command);
        log
    }

    /// The program of the service, at the address that its name has here.
    pub fn start_service(&self) -> Child {
        let program = self.service.program();
        let mut command = self.plane.command(program.to_str().unwrap());
        command.env("LISTEN", format!("{ADDRESSES}{SERVICE}:80"));
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command.spawn().unwrap()
    }

    /// The names of all three pods of the service.
    pub fn pods(&self) -> Vec<String> {
        let pods = || {
            let pods = self.plane.all("pods").into_iter();
            let of = |pod: &Value| pod["metadata"]["labels"]["app.kubernetes.io/name"] == NAME;
            let name = |pod: Value| pod["metadata"]["name"].as_str().unwrap().to_owned();
            pods.filter(of).map(name).collect::<Vec<_>>()
        };
        self.plane
            .wait_until("there are pods", || pods().len() == 3);
        let pods = pods();
        for name in &pods {
            let binding = json!({
                "apiVersion": "v1",
                "kind": "Binding",
                "metadata": {"name": name},
                "target": {"apiVersion": "v1", "kind": "Node", "name": "here"},
            });
            let path = format!(
                "/api/v1/namespaces/{}/pods/{name}/binding",
                house("namespace")
            );
            let mut kubectl = self.plane.kubectl();
            kubectl.args(["create", "--raw", &path, "-f", "-"]);
            run_with(&binding.to_string(), &mut kubectl);
        }
        pods
    }

    /// Says whether pods are ready, as their kubelets do.
    pub fn report(&self, pods: &[String], ready: [bool; 3]) {
        for (number, (name, ready)) in pods.iter().zip(ready).enumerate() {
            let ip = format!("{ADDRESSES}{}", FIRST_POD + number);
            let status = json!({"status": {
                "phase": "Running",
                "podIP": ip,
                "podIPs": [{"ip": ip}],
                "conditions": [{"type": "Ready", "status": if ready { "True" } else { "False" }}],
            }});
            let mut kubectl = self.plane.kubectl();
            kubectl.args(["--namespace", &house("namespace"), "patch", "pod", name]);
            kubectl.args(["--subresource=status", "--patch", &status.to_string()]);
            run(&mut kubectl);
        }
    }

    /// Waits until the catalogue tells this status and route of a service, and says how long that took.
    pub fn sees(&self, what: &str, name: &str, (status, route): (&str, &str)) {
        self.comes_to(&format!("sees {what}"), || {
            let told = self.told(FIRST, name);
            told.is_some_and(|told| told["status"] == status && told["route"] == route)
        });
    }

    pub fn comes_to(&self, what: &str, is_so: impl Fn() -> bool) {
        let start = Instant::now();
        self.plane
            .wait_until(&format!("the catalogue {what}"), is_so);
        println!("the catalogue {what} after {:.1?}", start.elapsed());
    }

    /// What is wrong with the service, as the catalogue tells it.
    pub fn problems(&self) -> Value {
        self.told(FIRST, NAME).unwrap()["problems"].clone()
    }

    /// What the catalogue that listens there tells of a service that it knows.
    pub fn told(&self, listen: &str, name: &str) -> Option<Value> {
        let mut curl = self.plane.command("curl");
        curl.args(["--silent", "--fail"]);
        let answer = finish(curl.arg(format!("http://{listen}/catalogue/services/{name}")));
        let is_there = answer.status.success();
        is_there.then(|| serde_json::from_slice(&answer.stdout).unwrap())
    }
}
