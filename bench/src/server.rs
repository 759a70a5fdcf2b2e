//! A server at work: on the first core, with its log into a pipe that is read, and seen through `/proc`.

use std::{
    ffi::{OsStr, OsString},
    fs,
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};

/// The core of the server that is measured, and the core of all else.
const SERVERS_CORE: &str = "0";
pub const OTHER_CORE: &str = "1";

/// How long a server may take to answer for the first time, under an emulator too.
const PATIENCE: Duration = Duration::from_secs(60);

/// How to start a server.
#[derive(Clone, Debug)]
pub struct Recipe {
    command: Vec<OsString>,
    core: &'static str,
    variables: Vec<(String, String)>,
}

/// A server that has answered. It ends when this is dropped.
pub struct Server {
    /// Where it listens, as ADDRESS:PORT.
    pub address: String,
    /// From its start until it took a connection and answered with 200.
    pub start: Duration,
    child: Child,
}

impl Recipe {
    /// A program that listens where the variable LISTEN says; `{listen}` in an argument stands for the same.
    pub fn new<S: AsRef<OsStr>>(command: impl IntoIterator<Item = S>) -> Self {
        let command = command.into_iter();
        Self {
            command: command.map(|part| part.as_ref().to_owned()).collect(),
            core: SERVERS_CORE,
            variables: Vec::new(),
        }
    }

    /// On the core of the load: what is not measured.
    pub fn beside_the_load(mut self) -> Self {
        self.core = OTHER_CORE;
        self
    }

    /// With a variable of the environment.
    pub fn with(mut self, variable: &str, value: &str) -> Self {
        self.variables.push((variable.to_owned(), value.to_owned()));
        self
    }

    /// Run by another program, such as an emulator.
    pub fn run_by<S: AsRef<OsStr>>(mut self, program: impl IntoIterator<Item = S>) -> Self {
        let program = program.into_iter().map(|part| part.as_ref().to_owned());
        self.command.splice(0..0, program);
        self
    }

    /// Starts it and waits until `path` answers.
    pub fn start(&self, path: &str) -> Result<Server> {
        let address = free_address()?;
        let mut command = Command::new("taskset");
        command.args(["-c", self.core]);
        for part in &self.command {
            command.arg(part.to_string_lossy().replace("{listen}", &address));
        }
        command
            .env("LISTEN", &address)
            .envs(self.variables.iter().cloned());
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let begun = Instant::now();
        let mut child = command
            .spawn()
            .with_context(|| format!("{command:?} cannot be run"))?;
        // Somebody takes the log lines, as in production.
        let streams: [Box<dyn Read + Send>; 2] = [
            Box::new(child.stdout.take().context("it is piped")?),
            Box::new(child.stderr.take().context("it is piped")?),
        ];
        for mut stream in streams {
            thread::spawn(move || io::copy(&mut stream, &mut io::sink()));
        }
        let mut server = Server {
            address,
            start: Duration::ZERO,
            child,
        };
        while server.ask(path, "").is_err() {
            let ended = server.child.try_wait()?;
            ensure!(ended.is_none(), "{command:?} has ended");
            ensure!(
                begun.elapsed() < PATIENCE,
                "{command:?} does not answer at {path}"
            );
            thread::sleep(Duration::from_micros(200));
        }
        server.start = begun.elapsed();
        Ok(server)
    }
}

impl Server {
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Asks once, on a connection of its own, with these header lines.
    ///
    /// # Errors
    /// When the answer is no 200.
    pub fn ask(&self, path: &str, headers: &str) -> Result<String> {
        let mut stream = TcpStream::connect(&self.address)?;
        let host = &self.address;
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}\r\n"
        )?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        match answer.split_once(' ') {
            Some((_, status)) if status.starts_with("200") => Ok(answer),
            _ => bail!("{path} answers {answer:?}"),
        }
    }

    /// The CPU time that it has used with the processes it has started, to a hundredth of a second.
    pub fn cpu_time(&self) -> Result<Duration> {
        let family = self.family()?;
        let times = family.iter().map(|process| {
            let fields = stat(process)?;
            let ticks = |field: usize| fields[field].parse::<u64>();
            Ok(ticks(11)? + ticks(12)?)
        });
        let ticks: Result<u64> = times.sum();
        Ok(Duration::from_millis(ticks? * 10))
    }

    /// The memory that it holds with the processes it has started, in MB.
    pub fn resident(&self) -> Result<f64> {
        let family = self.family()?;
        let kilobytes: Result<u64> = family.iter().map(|process| resident(process)).sum();
        Ok(kilobytes? as f64 * 1024.0 / 1e6)
    }

    /// Tells it to stop, and waits until it has.
    pub fn stop(mut self) -> Result<()> {
        let process = self.child.id().to_string();
        ensure!(
            Command::new("kill").arg(process).status()?.success(),
            "it had ended before"
        );
        self.child.wait()?;
        Ok(())
    }

    /// Its process and those that it has started.
    fn family(&self) -> Result<Vec<String>> {
        let mut family = vec![self.child.id().to_string()];
        let mut processes = Vec::new();
        for entry in fs::read_dir("/proc")? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if name.parse::<u32>().is_ok() {
                processes.push(name);
            }
        }
        // Children have the higher numbers, unless those have begun anew.
        processes.sort_by_key(|process| process.parse::<u32>().ok());
        for process in processes {
            // One that has ended meanwhile is none of ours.
            let parent = stat(&process).map(|fields| fields[1].clone());
            if parent.is_ok_and(|parent| family.contains(&parent)) {
                family.push(process);
            }
        }
        Ok(family)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for process in self.family().unwrap_or_default().into_iter().rev() {
            let _ = Command::new("kill")
                .args(["-KILL", &process])
                .stderr(Stdio::null())
                .status();
        }
        let _ = self.child.wait();
    }
}

/// What `/proc` says of a process, from its state on.
fn stat(process: &str) -> Result<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    let (_, after_name) = stat.rsplit_once(')').context("the name is in brackets")?;
    Ok(after_name.split_whitespace().map(str::to_owned).collect())
}

/// The memory that a process holds, in kB.
fn resident(process: &str) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next());
    Ok(kilobytes.context("it has no memory")?.parse()?)
}

fn free_address() -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    Ok(listener.local_addr()?.to_string())
}
