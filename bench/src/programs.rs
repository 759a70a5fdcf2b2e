//! What is measured: a rendered service of each auth type, built as its image has it, and its peers.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};

/// The auth types that services are rendered for.
pub const AUTH_TYPES: [&str; 3] = ["none", "basic", "bitly-proxy"];

/// Everything that is measured, built.
pub struct Programs {
    /// The folder of this repository.
    pub repository: PathBuf,
    /// Where things are built, out of git's sight.
    target: PathBuf,
    triple: String,
    flags: String,
    /// What the image's build sets of cargo.
    settings: Vec<(String, String)>,
}

impl Programs {
    /// Builds what is missing or has changed. Cargo and pip show their progress.
    pub fn build(python: bool) -> Result<Self> {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
        let repository = repository.context("the benchmark has left its repository")?;
        let programs = Self {
            target: repository.join("target/bench"),
            repository: repository.to_owned(),
            triple: host()?,
            flags: flags(repository)?,
            settings: settings(repository)?,
        };
        let peers = repository.join("bench/peers");
        for folder in [peers, repository.join("bench/tuned")] {
            run(programs
                .static_build(&folder, &programs.target)
                .arg("--quiet"))?;
        }
        for auth in AUTH_TYPES {
            let service = programs.render(auth)?;
            run(programs
                .image_build(&service, &programs.target)
                .arg("--quiet"))?;
        }
        if python {
            programs.install("apikit")?;
            programs.install("safir")?;
        }
        Ok(programs)
    }

    /// A peer's program, or a service's.
    pub fn path(&self, name: &str) -> PathBuf {
        self.built_in(&self.target).join(name)
    }

    /// A program of one of the Python predecessors, `apikit` or `safir`.
    pub fn python(&self, of: &str, program: &str) -> PathBuf {
        self.target.join(of).join("bin").join(program)
    }

    /// The folder with the Python predecessors' services.
    pub fn python_services(&self) -> PathBuf {
        self.repository.join("bench/peers/python")
    }

    /// Renders the service of an auth type anew, into a folder that cargo knows already.
    pub fn render(&self, auth: &str) -> Result<PathBuf> {
        let name = service(auth);
        let into = self.target.join("rendered");
        let folder = into.join(&name);
        fs::create_dir_all(&into)?;
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        let new = [
            "run", "--locked", "--quiet", "--", "new", &name, "--auth", auth, "--into",
        ];
        let mut command = Command::new("cargo");
        command.args(new).arg(&into).current_dir(&self.repository);
        // Cargo's own settings for this program are not those of another one.
        command
            .env_remove("CARGO_TARGET_DIR")
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        run(&mut command)?;
        Ok(folder)
    }

    /// The command that builds the service in a folder as its Dockerfile does, into a target folder.
    pub fn image_build(&self, folder: &Path, target: &Path) -> Command {
        let mut command = self.static_build(folder, target);
        let settings = self.settings.iter().map(|(name, value)| (name, value));
        command.args(["--features", "otlp"]).envs(settings);
        command
    }

    /// The command that builds a static program, by the profile of its own manifest.
    fn static_build(&self, folder: &Path, target: &Path) -> Command {
        let mut command = Command::new("cargo");
        command
            .args(["build", "--release", "--locked", "--target", &self.triple])
            .current_dir(folder)
            .env("CARGO_TARGET_DIR", target)
            .env("RUSTFLAGS", &self.flags)
            .env("CARGO_INCREMENTAL", "0")
            .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1");
        command
    }

    /// Where a build into `target` leaves the programs.
    pub fn built_in(&self, target: &Path) -> PathBuf {
        target.join(&self.triple).join("release")
    }

    /// Installs what a predecessor's list of packages names, and nothing else: apikit asks for versions that no
    /// living Python can run.
    fn install(&self, name: &str) -> Result<()> {
        let folder = self.target.join(name);
        if folder.join("installed").exists() {
            return Ok(());
        }
        run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
        let packages = self.python_services().join(format!("{name}.txt"));
        let pip = [
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
            "-r",
        ];
        run(Command::new(folder.join("bin/pip")).args(pip).arg(packages))?;
        Ok(fs::write(folder.join("installed"), "")?)
    }
}

/// The name of the service of an auth type.
pub fn service(auth: &str) -> String {
    format!("measured-{auth}")
}

/// Runs a command to its end.
///
/// # Errors
/// When it cannot be run, or fails.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("{command:?} cannot be run"))?;
    ensure!(status.success(), "{command:?} ended with {status}");
    Ok(())
}

/// The variables for cargo that the Dockerfile sets, but for the target folder.
fn settings(repository: &Path) -> Result<Vec<(String, String)>> {
    let dockerfile = fs::read_to_string(repository.join("template/Dockerfile.liquid"))?;
    let mut lines = dockerfile.lines();
    let line = lines.find_map(|line| line.strip_prefix("ENV CARGO_INCREMENTAL=0 "));
    let settings = line.context("the Dockerfile sets the profile")?.split(' ');
    let pairs = settings.filter_map(|setting| setting.split_once('='));
    Ok(pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect())
}

/// The compiler's flags, as the image has them.
fn flags(repository: &Path) -> Result<String> {
    let dockerfile = fs::read_to_string(repository.join("template/Dockerfile.liquid"))?;
    let mut lines = dockerfile.lines();
    let flags = lines.find_map(|line| line.strip_prefix("ENV RUSTFLAGS=\"")?.strip_suffix('"'));
    Ok(flags.context("the Dockerfile sets RUSTFLAGS")?.to_owned())
}

fn host() -> Result<String> {
    let said = Command::new("rustc")
        .args(["--print", "host-tuple"])
        .output()?;
    Ok(String::from_utf8(said.stdout)?.trim().to_owned())
}
