//! A rendered service, built for release and started as a test wants it.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

use bootstrap::{answers::Answers, http, render::Template, running::Project};

/// What the sample asks the back-end for.
pub const SAMPLE: &str = "/build/time";

/// Who the service is, which the back-end has nothing to do with.
pub const METADATA: &str = "/metadata";

/// How long a program may take to do what it always does in the end.
const PATIENCE: Duration = Duration::from_secs(20);

/// The program of a service that reads no credentials.
pub fn none() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| build("none").join("endurance-none"))
}

/// The program of a service behind an OAuth2 proxy, and that of its example back-end.
pub fn bitly_proxy() -> (PathBuf, PathBuf) {
    let folder = build("bitly-proxy");
    let backend = folder.join("examples/backend");
    (folder.join("endurance-bitly-proxy"), backend)
}

/// Builds a rendering, and returns the folder with its programs.
fn build(auth: &str) -> PathBuf {
    let template = Template::here();
    let target = template.root.join("target");
    let name = format!("endurance-{auth}");
    let answers = Answers::named(&name).with("auth_type", auth);
    let folder = target.join("rendered").join(&name);
    template.render_over(&answers, &folder).unwrap();
    let project = Project {
        folder,
        name,
        target: target.join("renderings"),
    };
    let built = project.cargo(["build", "--release", "--locked", "--bins", "--examples"]);
    assert!({ built }.status().unwrap().success(), "cargo fails");
    project.target.join("release")
}

/// A command that runs `program` before `backend`, without a word on standard output.
pub fn command(program: &Path, backend: &str) -> Command {
    configured(Command::new(program), backend)
}

/// A command that runs `program` before `backend` as the last thing in a shell's `script`, where it is `$0`.
pub fn command_in_shell(script: &str, program: &Path, backend: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]).arg(program);
    configured(command, backend)
}

fn configured(mut command: Command, backend: &str) -> Command {
    // Whatever is exported here is meant for another program.
    for variable in ["DEBUG", "LOGLEVEL", "RUST_LOG"] {
        command.env_remove(variable);
    }
    command
        .env("BACKEND_URL", backend)
        .env("LOG_FORMAT", "json")
        .env("LISTEN", format!("127.0.0.1:{}", free_port()))
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    command
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// A service that runs. It is killed when this is dropped.
pub struct Service {
    pub address: SocketAddr,
    pub child: Child,
}

impl Service {
    /// Starts a [`command`], and waits until the service wants requests.
    pub fn start(mut command: Command) -> Self {
        let variables: Vec<_> = command.get_envs().collect();
        let listen = variables.iter().find(|(name, _)| *name == "LISTEN");
        let listen = listen.unwrap().1.unwrap().to_str().unwrap();
        let address = listen.parse().unwrap();
        let child = command.spawn().unwrap();
        let service = Self { address, child };
        eventually("the service is ready", || {
            http::request(address, "GET", "/readyz", &[]).is_ok_and(|answer| answer.status == 200)
        });
        service
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) {
        let told = Command::new("kill")
            .arg(self.child.id().to_string())
            .status();
        assert!(told.unwrap().success());
    }

    /// Waits until the service has ended, and returns its exit code.
    pub fn ended(mut self) -> Option<i32> {
        eventually("the service ends", || {
            self.child.try_wait().unwrap().is_some()
        });
        self.child.wait().unwrap().code()
    }

    /// The memory that it holds, in kB.
    pub fn resident(&self) -> u32 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.unwrap().split_whitespace().next();
        kilobytes.unwrap().parse().unwrap()
    }

    /// The sum of the figures at `/metrics` whose lines begin so.
    pub fn figure(&self, beginning: &str) -> f64 {
        let metrics = http::request(self.address, "GET", "/metrics", &[])
            .unwrap()
            .body;
        let lines = metrics.lines().filter(|line| line.starts_with(beginning));
        let values = lines.map(|line| line.rsplit(' ').next().unwrap());
        values.map(|value| value.parse::<f64>().unwrap()).sum()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until something that happens without a sign has happened, and returns how long it took.
///
/// # Panics
/// When it does not happen.
pub fn eventually(what: &str, mut has_happened: impl FnMut() -> bool) -> Duration {
    let start = Instant::now();
    while !has_happened() {
        assert!(start.elapsed() < PATIENCE, "it does not happen that {what}");
        thread::sleep(Duration::from_millis(2));
    }
    start.elapsed()
}
