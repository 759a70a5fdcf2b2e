//! What is measured of one server at a time: its start, its size, its memory, and its instructions.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::{
    contest::SAMPLE,
    load::ADA,
    programs::{AUTH_TYPES, Programs, run, service},
    server::{Recipe, Server},
    table::{Table, median},
};

const STARTS: usize = 15;

/// Connections that have answered once and idle.
const IDLE: usize = 10_000;

/// Requests whose instructions are counted, and how many go before them.
const COUNTED: u32 = 2_000;
const BEFORE: u32 = 500;

/// What each program takes, whatever the load.
pub fn table(programs: &Programs) -> Result<String> {
    rlimit::increase_nofile_limit(u64::MAX)?;
    let backend = Recipe::new([programs.path("backend")])
        .beside_the_load()
        .start("/api")?;
    let mut table = Table::new([
        "Each alone",
        "instructions, metadata",
        "ratio",
        "instructions, sample",
        "ratio",
        "start ms",
        "program MB",
        "MB at start",
        "MB at 10,000 idle",
    ]);
    let peers = ["tuned-axum", "bare-axum", "bare-hyper"].map(str::to_owned);
    // Those of the first, to which the others are compared.
    let mut first = None;
    for name in peers.into_iter().chain(AUTH_TYPES.map(service)) {
        let recipe = Recipe::new([programs.path(&name)]).with("BACKEND_URL", &backend.url());
        let starts: Result<Vec<_>> = (0..STARTS).map(|_| Ok(recipe.start("/")?.start)).collect();
        let start = median(starts?.iter().map(Duration::as_secs_f64)) * 1e3;
        let size = fs::metadata(programs.path(&name))?.len() as f64 / 1e6;
        let at_start = recipe.start("/")?.resident()?;
        let metadata = instructions(&recipe, "/metadata")?;
        let sample = match name.as_str() {
            "bare-hyper" => f64::NAN,
            _ => instructions(&recipe, SAMPLE)?,
        };
        let (first_metadata, first_sample) = *first.get_or_insert((metadata, sample));
        let shown = |figure: f64, digits: usize| match figure.is_nan() {
            true => "–".to_owned(),
            false => format!("{figure:.digits$}"),
        };
        table.row([
            name,
            shown(metadata, 0),
            shown(metadata / first_metadata, 2),
            shown(sample, 0),
            shown(sample / first_sample, 2),
            format!("{start:.1}"),
            format!("{size:.1}"),
            format!("{at_start:.1}"),
            format!("{:.1}", idle_memory(&recipe)?),
        ]);
    }
    Ok(format!(
        "{table}\nGoals for services: 1.25 times the instructions of `tuned-axum` for metadata, and as many for the sample \
         (1.05 times in a session); start 15 ms, program 7 MB, 115 MB at 10,000 idle connections. Instructions are those of the \
         program for one request, as callgrind counts them, without the kernel's.\n"
    ))
}

/// The memory that a server holds when so many connections idle, in MB.
fn idle_memory(recipe: &Recipe) -> Result<f64> {
    let server = recipe.start("/")?;
    let connections: Result<Vec<_>> = (0..IDLE).map(|_| asked(&server, "/metadata", 1)).collect();
    let resident = server.resident();
    drop(connections?);
    resident
}

/// The instructions that a server takes for one request.
fn instructions(recipe: &Recipe, path: &str) -> Result<f64> {
    let few = counted(recipe, path, BEFORE)?;
    let many = counted(recipe, path, BEFORE + COUNTED)?;
    Ok((many - few) as f64 / f64::from(COUNTED))
}

/// The instructions of a whole run that answers so many requests.
fn counted(recipe: &Recipe, path: &str, requests: u32) -> Result<u64> {
    let scratch = TempDir::new()?;
    let counts = scratch.path().join("callgrind");
    let file = format!("--callgrind-out-file={}", counts.display());
    let valgrind = ["valgrind", "--quiet", "--tool=callgrind", &file];
    let server = recipe.clone().run_by(valgrind).start("/");
    let server = server.context("valgrind is Debian's package of that name")?;
    asked(&server, path, requests)?;
    server.stop()?;
    let counts = fs::read_to_string(counts)?;
    let total = counts
        .lines()
        .find_map(|line| line.strip_prefix("totals: "));
    Ok(total.context("callgrind counts a total")?.parse()?)
}

/// A connection on which a path was asked so many times.
fn asked(server: &Server, path: &str, requests: u32) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(&server.address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {}\r\n{ADA}\r\n\r\n",
        server.address
    );
    let mut answer = [0; 4096];
    for _ in 0..requests {
        stream.write_all(request.as_bytes())?;
        // Head and body are written at once, and small.
        let length = stream.read(&mut answer)?;
        ensure!(
            answer[..length].starts_with(b"HTTP/1.1 200"),
            "{path} is refused"
        );
    }
    Ok(stream)
}

/// How long it takes to come to a service: to render one, to build it from nothing, and to see the demo of a clone.
pub fn fresh(programs: &Programs) -> Result<String> {
    let scratch = TempDir::new()?;
    let template = scratch.path().join("template");
    clone_of(programs, &template)?;
    let mut renderings = Vec::new();
    for number in 0..STARTS {
        let into = tempfile::tempdir_in(scratch.path())?;
        let rendering = seconds(|| generate(&template, into.path()))?;
        if number > 0 {
            renderings.push(rendering * 1e3);
        }
    }
    let service = programs.render("none")?;
    let debug = scratch.path().join("debug");
    let debug_build = seconds(|| {
        let build = ["build", "--locked", "--quiet"];
        run(fresh_cargo(&service, &debug).args(build))?;
        answers_once(&debug.join("debug/measured-none"))
    })?;
    let release = scratch.path().join("release");
    let release_build = seconds(|| {
        run(programs.image_build(&service, &release).arg("--quiet"))?;
        answers_once(&programs.built_in(&release).join("measured-none"))
    })?;
    let demo = |name: &str, variables: &[(&str, &str)]| {
        let clone = scratch.path().join(name);
        seconds(|| {
            clone_of(programs, &clone)?;
            let mut cargo = fresh_cargo(&clone, &clone.join("target"));
            cargo.args(["run", "--locked", "--quiet", "--", "--once"]);
            run(cargo.envs(variables.iter().copied()))
        })
    };
    let demo_bare = demo("bare", &[])?;
    let demo_with_headers = demo("with-headers", &[("OPENSSL_NO_VENDOR", "1")])?;
    Ok(format!(
        "On {} cores, with all packages downloaded: `cargo generate` takes {:.0} ms (goal 150 ms). A fresh rendering gives its first \
         200 after {debug_build:.0} s, its debug build included (goal 45 s on 2), and after {release_build:.0} s as its image builds \
         it. From `git clone` to the end of `cargo run -- --once` it takes {demo_bare:.0} s (goal 150 s on 2), and \
         {demo_with_headers:.0} s with the system's OpenSSL.\n",
        thread::available_parallelism()?,
        median(renderings),
    ))
}

/// Clones this repository, as its users fetch it: what git knows, and nothing that was built.
fn clone_of(programs: &Programs, into: &Path) -> Result<()> {
    run(Command::new("git")
        .args(["clone", "--quiet", "--depth", "1"])
        .arg(format!("file://{}", programs.repository.display()))
        .arg(into))
}

/// The seconds that something takes.
fn seconds(work: impl FnOnce() -> Result<()>) -> Result<f64> {
    let begun = Instant::now();
    work()?;
    Ok(begun.elapsed().as_secs_f64())
}

/// cargo in a folder, on a machine where nothing was built or set before.
fn fresh_cargo(folder: &Path, target: &Path) -> Command {
    let mut command = Command::new("cargo");
    command
        .current_dir(folder)
        .env("CARGO_TARGET_DIR", target)
        .stdout(Stdio::null());
    for variable in [
        "CARGO_INCREMENTAL",
        "CARGO_PROFILE_DEV_DEBUG",
        "OPENSSL_NO_VENDOR",
    ] {
        command.env_remove(variable);
    }
    command
}

fn generate(template: &Path, into: &Path) -> Result<()> {
    let output = Command::new("cargo-generate")
        .args([
            "generate",
            "--silent",
            "--vcs",
            "none",
            "--name",
            "measured-fresh",
        ])
        .args(["-d", "auth_type=none", "--path"])
        .arg(template)
        .arg("--destination")
        .arg(into)
        .output()
        .context("cargo-generate cannot be run: `cargo install cargo-generate --locked`")?;
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

/// Starts a service, which ends when it has answered.
fn answers_once(program: &Path) -> Result<()> {
    Recipe::new([program.to_owned()]).start("/").map(drop)
}
