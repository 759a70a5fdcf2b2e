//! A rendered service at work: built, started with its example back-end, and stopped again.

use std::{
    ffi::OsStr,
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
};

use anyhow::{Context, Result, bail, ensure};

/// A folder with a rendered service in it.
#[derive(Clone, Debug)]
pub struct Project {
    /// The folder.
    pub folder: PathBuf,
    /// The name of the crate and the program.
    pub name: String,
    /// Where cargo builds it. Renderings share one, as they share their dependencies.
    pub target: PathBuf,
}

impl Project {
    /// A cargo command in the project, with the environment of nobody's project but its own.
    pub fn cargo<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new("cargo");
        command
            .args(arguments)
            .current_dir(&self.folder)
            .env("CARGO_TARGET_DIR", &self.target)
            .stdin(Stdio::null());
        // Cargo sets these for what it runs, such as this tool; the project's own are others. Build scripts
        // that look at them, such as ring's, would run again whenever they have changed.
        for (variable, _) in std::env::vars_os() {
            let name = variable.to_string_lossy();
            let is_ours = |prefix| name.starts_with(prefix);
            if ["CARGO_BIN_", "CARGO_MANIFEST_", "CARGO_PKG_"]
                .into_iter()
                .any(is_ours)
            {
                command.env_remove(&variable);
            }
        }
        command
    }

    /// Builds the service and its example back-end; cargo shows its progress.
    ///
    /// # Errors
    /// When cargo cannot be run or fails.
    pub fn build(&self) -> Result<()> {
        let built = self
            .cargo(["build", "--locked", "--bins", "--examples"])
            .status()
            .context("cargo cannot be run")?;
        ensure!(built.success(), "cargo could not build {}", self.name);
        Ok(())
    }

    /// Starts the example back-end, on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn start_backend(&self, arguments: &[&str]) -> Result<Process> {
        let program = self.target.join("debug").join("examples").join("backend");
        let mut command = Command::new(program);
        command.args(arguments).env("LISTEN", "127.0.0.1:0");
        Process::start(command, "http://")
    }

    /// Starts the service on `listen`, in front of the example back-end.
    ///
    /// # Errors
    /// When it does not come up, as when the port is taken.
    pub fn start(&self, listen: &str, backend: &Process) -> Result<Process> {
        let mut command = self.program(listen, backend.address);
        if let Some((_, hosts)) = backend.line.split_once("AUTH_LOGIN_HOSTS=") {
            command.env("AUTH_LOGIN_HOSTS", hosts.trim());
        }
        Process::start(command, LISTENING)
    }

    /// Starts the service on `listen`, in front of whatever is at `backend`.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn start_before(&self, listen: &str, backend: SocketAddr) -> Result<Process> {
        self.start_with(listen, backend, &[])
    }

    /// The same, with variables of the service's own.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn start_with(
        &self,
        listen: &str,
        backend: SocketAddr,
        variables: &[(&str, &str)],
    ) -> Result<Process> {
        let mut command = self.program(listen, backend);
        command.envs(variables.iter().copied());
        Process::start(command, LISTENING)
    }

    /// Starts any program, which prints `http://` or `listening on ` and its address.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn start_program(&self, program: &Path, variables: &[(&str, &str)]) -> Result<Process> {
        let mut command = Command::new(program);
        command.envs(variables.iter().copied());
        Process::start(command, "listening on ")
    }

    fn program(&self, listen: &str, backend: SocketAddr) -> Command {
        let mut command = Command::new(self.target.join("debug").join(&self.name));
        command
            .env("LISTEN", listen)
            .env("BACKEND_URL", format!("http://{backend}"))
            .env("LOG_FORMAT", "json");
        command
    }
}

/// What comes before the address in the first line of a service's log.
const LISTENING: &str = r#""listen":""#;

/// The flags that make the example back-end fit an auth type.
pub fn backend_flags(auth: &str) -> &'static [&'static str] {
    match auth {
        "basic" => &["--basic"],
        "bitly-proxy" => &["--proxy"],
        _ => &[],
    }
}

/// A server that says where it listens. It ends when this is dropped.
pub struct Process {
    /// Where it listens.
    pub address: SocketAddr,
    line: String,
    child: Child,
    output: Option<BufReader<ChildStdout>>,
}

impl Process {
    fn start(mut command: Command, before_address: &str) -> Result<Self> {
        let program = Path::new(command.get_program()).display().to_string();
        // Whatever is exported here is meant for another program.
        for variable in ["DEBUG", "LOGFILE", "LOGLEVEL", "RUST_LOG"] {
            command.env_remove(variable);
        }
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{program} cannot be run"))?;
        let mut output = BufReader::new(child.stdout.take().expect("it is piped"));
        // A service may have said something before it listens.
        let (line, address) = loop {
            let mut line = String::new();
            let read = output.read_line(&mut line)?;
            if let Some(address) = address(&line, before_address) {
                break (line, address);
            }
            if read == 0 {
                let _ = child.kill();
                let _ = child.wait();
                bail!("{program} did not come up");
            }
        };
        Ok(Self {
            address,
            line,
            child,
            output: Some(output),
        })
    }

    /// What it prints from now on; once.
    pub fn output(&mut self) -> Option<BufReader<ChildStdout>> {
        self.output.take()
    }

    /// Tells it to stop, as Ctrl-C or a container does, and returns its exit code and the rest of
    /// its output.
    ///
    /// # Errors
    /// When it cannot be told, or ended by itself before.
    pub fn stop(mut self) -> Result<(Option<i32>, String)> {
        let told = Command::new("kill")
            .arg(self.child.id().to_string())
            .status()
            .context("the kill command cannot be run")?;
        ensure!(told.success(), "the process had ended by itself");
        let mut rest = String::new();
        if let Some(mut output) = self.output.take() {
            output.read_to_string(&mut rest)?;
        }
        Ok((self.child.wait()?.code(), rest))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The address that follows `before` in a line.
fn address(line: &str, before: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once(before)?;
    let end = rest.find(['"', '\n', '/', ',']).unwrap_or(rest.len());
    rest[..end].parse().ok()
}
