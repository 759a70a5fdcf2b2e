//! The programs of a control plane: started one after the other, and ended together.

use std::{
    env, fs,
    fs::File,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use serde_json::json;
use tempfile::TempDir;

use crate::{
    commands::{finish, run},
    namespace::Namespace,
};

/// Where the API server is, for whoever is in the network of the test.
pub const URL: &str = "https://127.0.0.1:6443";

/// Who may ask it: a token, a user, its uid, and its groups.
const TOKENS: &str = "admin,admin,1,system:masters\n\
    controllers,system:kube-controller-manager,2\n\
    controller,controller,3\n";

/// The addresses of nothing but documentation, so that none of them leads anywhere: the API server's own and those of
/// pods, and those of Services. An address of 127.0.0.0/8 is refused for a pod.
pub const ADDRESSES: &str = "192.0.2.";
const SERVICES: &str = "198.51.100.0/24";

/// A control plane, for as long as this lives.
pub struct ControlPlane {
    namespace: Namespace,
    folder: TempDir,
    programs: Vec<Child>,
}

impl ControlPlane {
    /// etcd and the API server: nothing changes but by a request.
    pub fn without_controllers() -> Self {
        let mut plane = Self {
            namespace: Namespace::new(),
            folder: TempDir::new().unwrap(),
            programs: Vec::new(),
        };
        plane.add_address(1);
        plane.write_certificate();
        fs::write(plane.file("tokens.csv"), TOKENS).unwrap();
        for user in ["admin", "controllers", "controller"] {
            plane.write_kubeconfig(user);
        }
        plane.start_etcd();
        plane.start_api_server();
        plane
    }

    /// The same, and the controllers.
    pub fn with_controllers() -> Self {
        let mut plane = Self::without_controllers();
        plane.start_controllers();
        plane
    }

    /// A command in the network of the control plane.
    pub fn command(&self, program: &str) -> Command {
        self.namespace.command(program)
    }

    /// The network, for what else is to run there.
    pub fn namespace(&mut self) -> &mut Namespace {
        &mut self.namespace
    }

    /// Looks until something is so.
    pub fn wait_until(&self, what: &str, is_so: impl Fn() -> bool) {
        self.namespace.wait_until(what, is_so);
    }

    /// A file of the control plane's own.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// One of the addresses for pods, which the network has from now on.
    pub fn add_address(&self, number: u8) -> String {
        let address = format!("{ADDRESSES}{number}");
        let mut ip = self.command("ip");
        run(ip.args(["address", "add", &format!("{address}/32"), "dev", "lo"]));
        address
    }

    /// Signed by itself, though by no authority, which rustls would not take for a server; and the key that signs the tokens of service accounts as well.
    fn write_certificate(&self) {
        let mut openssl = Command::new("openssl");
        openssl.args([
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
        ]);
        openssl.args([
            "-subj",
            "/CN=kubernetes",
            "-addext",
            "subjectAltName=IP:127.0.0.1",
            "-addext",
            "basicConstraints=critical,CA:FALSE",
        ]);
        openssl.arg("-keyout").arg(self.file("tls.key"));
        run(openssl.arg("-out").arg(self.file("tls.crt")));
    }

    fn write_kubeconfig(&self, user: &str) {
        let cluster = json!({"server": URL, "certificate-authority": self.file("tls.crt")});
        let kubeconfig = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "tested", "cluster": cluster}],
            "users": [{"name": user, "user": {"token": user}}],
            "contexts": [{"name": "tested", "context": {"cluster": "tested", "user": user}}],
            "current-context": "tested",
        });
        // JSON is YAML.
        fs::write(self.file(&format!("{user}.conf")), kubeconfig.to_string()).unwrap();
    }

    fn start_etcd(&mut self) {
        let client = "http://127.0.0.1:2379";
        let peer = "http://127.0.0.1:2380";
        let mut etcd = self.command("etcd");
        etcd.arg("--data-dir").arg(self.file("etcd"));
        etcd.args(["--listen-client-urls", client, "--advertise-client-urls"]);
        etcd.args([client, "--listen-peer-urls", peer]);
        // Nobody wants the data after a crash.
        self.start("etcd", etcd.arg("--unsafe-no-fsync"));
        self.wait_for("etcd", &["http://127.0.0.1:2379/health"]);
    }

    fn start_api_server(&mut self) {
        let mut server = self.command("kube-apiserver");
        server.args(["--etcd-servers", "http://127.0.0.1:2379"]);
        server.args(["--bind-address", "127.0.0.1", "--secure-port", "6443"]);
        server.args(["--advertise-address", &format!("{ADDRESSES}1")]);
        server.args(["--service-cluster-ip-range", SERVICES]);
        server.args(["--authorization-mode", "RBAC"]);
        // As clusters have it, so that it is for Pod Security to refuse one.
        server.arg("--allow-privileged");
        server.args(["--service-account-issuer", "https://kubernetes.default.svc"]);
        for (flag, file) in [
            ("--tls-cert-file", "tls.crt"),
            ("--tls-private-key-file", "tls.key"),
            ("--service-account-signing-key-file", "tls.key"),
            ("--service-account-key-file", "tls.key"),
            ("--token-auth-file", "tokens.csv"),
            ("--cert-dir", "certificates"),
        ] {
            server.arg(flag).arg(self.file(file));
        }
        self.start("kube-apiserver", &mut server);
        let authorization = "Authorization: Bearer admin";
        self.wait_for(
            "kube-apiserver",
            &["--header", authorization, "https://127.0.0.1:6443/readyz"],
        );
    }

    fn start_controllers(&mut self) {
        let mut controllers = self.command("kube-controller-manager");
        for (flag, file) in [
            ("--kubeconfig", "controllers.conf"),
            ("--authentication-kubeconfig", "controllers.conf"),
            ("--authorization-kubeconfig", "controllers.conf"),
            ("--service-account-private-key-file", "tls.key"),
            ("--root-ca-file", "tls.crt"),
            ("--cert-dir", "certificates"),
        ] {
            controllers.arg(flag).arg(self.file(file));
        }
        controllers.args(["--bind-address", "127.0.0.1", "--leader-elect=false"]);
        controllers.arg("--use-service-account-credentials");
        // Nodes are mere names here, which would be found dead, and their pods with them.
        controllers.args([
            "--controllers",
            "*,-node-lifecycle-controller,-pod-garbage-collector-controller",
        ]);
        // A look at what there is to scale is due at once.
        controllers.args(["--horizontal-pod-autoscaler-sync-period", "1s"]);
        controllers.args(["--kube-api-qps", "500", "--kube-api-burst", "1000"]);
        self.start("kube-controller-manager", &mut controllers);
        self.wait_for(
            "kube-controller-manager",
            &["https://127.0.0.1:10257/healthz"],
        );
    }

    /// Starts a program, which writes its log into a file.
    fn start(&mut self, name: &str, command: &mut Command) {
        let path = env::var_os("PATH").unwrap();
        let found = env::split_paths(&path).any(|folder| folder.join(name).is_file());
        assert!(found, "{name} is not there: see .ci/cluster");
        let log = File::create(self.file(&format!("{name}.log"))).unwrap();
        let started = command
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn();
        self.programs.push(started.unwrap());
    }

    /// Asks until a program answers, and with no error; or tells what it said last.
    fn wait_for(&mut self, name: &str, asked: &[&str]) {
        let answers = |plane: &Self| {
            let mut curl = plane.command("curl");
            curl.args(["--silent", "--insecure", "--fail"]).args(asked);
            finish(&mut curl).status.success()
        };
        for _ in 0..1200 {
            if answers(self) {
                return;
            }
            let program = self.programs.last_mut().unwrap();
            if program.try_wait().unwrap().is_some() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        let log = fs::read_to_string(self.file(&format!("{name}.log"))).unwrap();
        let end: Vec<_> = log.lines().rev().take(20).collect();
        let end: Vec<_> = end.into_iter().rev().collect();
        panic!("{name} does not come up:\n{}", end.join("\n"));
    }
}

impl Drop for ControlPlane {
    /// Killed, the last first: an API server that is told to end waits for those who watch it.
    fn drop(&mut self) {
        for program in self.programs.iter_mut().rev() {
            let _ = program.kill();
            let _ = program.wait();
        }
    }
}
