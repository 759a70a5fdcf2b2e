//! A network and mounts of a test's own, where containers run and ports are free.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::commands::{finish, run};

/// Settings with which podman needs neither systemd nor control groups.
const PODMAN: &str = r#"[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
cgroups = "disabled"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
"#;

/// A namespace, for as long as this lives.
pub struct Namespace {
    holder: Child,
    configuration: TempDir,
    started: Vec<Child>,
    containers: Vec<String>,
}

impl Namespace {
    pub fn new() -> Self {
        let configuration = TempDir::new().unwrap();
        fs::write(configuration.path().join("containers.conf"), PODMAN).unwrap();
        let prepare = "mount -t cgroup2 none /sys/fs/cgroup && ip link set lo up && echo ready && exec sleep 1800";
        let mut holder = Command::new("unshare")
            .args(["-m", "-n", "sh", "-c", prepare])
            .stdout(Stdio::piped())
            .spawn()
            .expect("unshare can be run");
        let mut line = String::new();
        let mut said = BufReader::new(holder.stdout.take().unwrap());
        said.read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n", "namespaces need root");
        Self {
            holder,
            configuration,
            started: Vec::new(),
            containers: Vec::new(),
        }
    }

    /// A command in the namespace.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command
            .args([
                "-t",
                &self.holder.id().to_string(),
                "-m",
                "-n",
                "--",
                program,
            ])
            .env(
                "CONTAINERS_CONF",
                self.configuration.path().join("containers.conf"),
            );
        command
    }

    /// Starts a program that runs until the namespace ends.
    pub fn start(&mut self, command: &mut Command) {
        let child = command.stdin(Stdio::null()).spawn().expect("it can be run");
        self.started.push(child);
    }

    /// Starts a container as a careful cluster does: as nobody, on a root that is read-only.
    pub fn start_container(&mut self, name: &str, image: &str, variables: &[(&str, &str)]) {
        let mut command = self.command("podman");
        command.args(["run", "--detach", "--name", name, "--pull", "never"]);
        command.args(["--network", "host", "--read-only", "--cap-drop", "ALL"]);
        command.args(["--security-opt", "no-new-privileges"]);
        for (variable, value) in variables {
            command.args(["--env", &format!("{variable}={value}")]);
        }
        self.ends_with_container(name);
        run(command.arg(image));
    }

    /// Removes a container at the end, whoever starts it.
    pub fn ends_with_container(&mut self, name: &str) {
        self.containers.push(name.to_owned());
    }

    /// What podman knows of a container, as a Go template has it.
    pub fn inspect(&self, name: &str, what: &str) -> String {
        let mut command = self.command("podman");
        run(command.args(["inspect", name, "--format", what]))
            .trim()
            .to_owned()
    }

    /// Asks until `url` answers, and with no error.
    pub fn wait_for(&self, url: &str) {
        self.ask_until_it_succeeds(&["--fail", url]);
    }

    /// Asks until `url` answers, were it with an error.
    pub fn wait_for_any_answer(&self, url: &str) {
        self.ask_until_it_succeeds(&[url]);
    }

    /// Asks until nobody takes the connection any more.
    pub fn wait_until_closed(&self, url: &str) {
        self.wait_until(&format!("{url} is closed"), || !self.succeeds(&[url]));
    }

    fn ask_until_it_succeeds(&self, asked: &[&str]) {
        self.wait_until(&format!("curl {asked:?} is answered"), || {
            self.succeeds(asked)
        });
    }

    fn succeeds(&self, asked: &[&str]) -> bool {
        let mut curl = self.command("curl");
        finish(curl.arg("-sk").args(asked)).status.success()
    }

    /// Looks until something is so.
    pub fn wait_until(&self, what: &str, is_so: impl Fn() -> bool) {
        let patience = Instant::now() + Duration::from_secs(120);
        while !is_so() {
            assert!(
                Instant::now() < patience,
                "it never comes to pass that {what}"
            );
            thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        for container in &self.containers {
            finish(self.command("podman").args(["rm", "--force", container]));
        }
        // Told, not killed: nginx has workers to take along.
        for child in &mut self.started {
            finish(Command::new("kill").arg(child.id().to_string()));
            let _ = child.wait();
        }
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}
