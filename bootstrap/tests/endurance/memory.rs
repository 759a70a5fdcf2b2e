//! A memory limit as a container has it, callers whose answers are far more than it, and connections that idle.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{self, Command},
    thread,
};

use bootstrap::render::Template;
use serde_json::Value;

use crate::{
    backend::{Backend, Manner},
    client::{Client, is_in_shape},
    stage::{SAMPLE, Service, command_in_shell, none},
};

/// The largest text that fits into what a service reads of an answer, about.
const TEXT: usize = 16_000_000;

const CALLERS: usize = 200;
const ROUNDS: usize = 6;

/// More connections than the memory holds, at 12 kB each.
const IDLE: usize = 15_000;

#[test]
#[ignore = "needs root, for a control group: run .ci/endurance"]
fn two_hundred_callers_of_16_megabytes_kill_nobody() {
    let backend = Backend::start();
    backend.turn(Manner::AnswersAtLength(TEXT));
    let limit = limit();
    let group = Group::limited_to(limit);
    let mut command = group.command(&backend);
    // A machine that is busy moves 16 MB slowly.
    command.envs([("BACKEND_TIMEOUT", "60s"), ("REQUEST_TIMEOUT", "60s")]);
    let service = Service::start(command);

    for round in 1..=ROUNDS {
        let callers: Vec<_> = (0..CALLERS)
            .map(|_| {
                let mut caller = Client::of(service.address);
                thread::spawn(move || caller.get(SAMPLE, ""))
            })
            .collect();
        let (mut served, mut refused) = (0, 0);
        for caller in callers {
            let answer = caller.join().unwrap().expect("each caller is answered");
            match answer.status {
                200 => {
                    let body: Value = serde_json::from_str(&answer.body).unwrap();
                    assert_eq!(body["value"].as_str().unwrap().len(), TEXT);
                    served += 1;
                }
                503 => {
                    assert!(is_in_shape(&answer), "{}", answer.body);
                    assert_eq!(answer.header("retry-after"), Some("1"));
                    refused += 1;
                }
                other => panic!("{other}: {}", answer.body),
            }
        }
        println!(
            "round {round}: {served} callers got 16 MB, {refused} were told to come again; \
             {:.0} of {} MiB at most",
            group.most() as f64 / 1048576.0,
            limit / 1048576
        );
        assert!(served > 0);
    }
    assert_eq!(group.kills(), 0);
    service.terminate();
    assert_eq!(service.ended(), Some(0));
}

#[test]
#[ignore = "needs root, for a control group: run .ci/endurance"]
fn fifteen_thousand_connections_that_idle_kill_nobody() {
    let backend = Backend::start();
    let limit = limit();
    let group = Group::limited_to(limit);
    let service = Service::start(group.command(&backend));
    let mut callers: Vec<_> = (0..IDLE).map(|_| Client::of(service.address)).collect();
    for caller in &mut callers {
        assert_eq!(caller.get("/healthz", "").unwrap().status, 200);
    }
    let newest = callers.last_mut().unwrap().get("/healthz", "");
    assert_eq!(newest.expect("the newest is kept").status, 200);
    let oldest = callers[0].get("/healthz", "");
    assert!(oldest.is_err(), "the oldest makes room");
    println!(
        "{IDLE} connections in turn: {:.0} of {} MiB at most",
        group.most() as f64 / 1048576.0,
        limit / 1048576
    );
    assert_eq!(group.kills(), 0);
    service.terminate();
    assert_eq!(service.ended(), Some(0));
}

/// The memory that a pod may have, in bytes, as its manifest says.
fn limit() -> usize {
    let manifest = Template::here()
        .root
        .join("template/kubernetes/base/deployment.yaml.liquid");
    let manifest = fs::read_to_string(manifest).unwrap();
    let (_, limits) = manifest.split_once("limits:").unwrap();
    let mut lines = limits.lines();
    let memory = lines.find_map(|line| line.trim().strip_prefix("memory: ")?.strip_suffix("Mi"));
    memory.unwrap().parse::<usize>().unwrap() * 1048576
}

/// How the image has glibc deal with memory.
fn tunables() -> String {
    let dockerfile = Template::here().root.join("template/Dockerfile.liquid");
    let dockerfile = fs::read_to_string(dockerfile).unwrap();
    let mut lines = dockerfile.lines();
    let tunables = lines.find_map(|line| line.strip_prefix("ENV GLIBC_TUNABLES="));
    tunables.expect("the image sets them").to_owned()
}

/// A control group with the limit. It is gone when this is dropped, and its processes are.
struct Group(PathBuf);

impl Group {
    fn limited_to(bytes: usize) -> Self {
        let name = format!("uservice-{}", process::id());
        let root = Path::new("/sys/fs/cgroup");
        let controllers = fs::read_to_string(root.join("cgroup.controllers"));
        let is_second =
            controllers.is_ok_and(|all| all.split_whitespace().any(|one| one == "memory"));
        let (group, limit) = match is_second {
            true => (root.join(name), "memory.max"),
            false => (root.join("memory").join(name), "memory.limit_in_bytes"),
        };
        if is_second {
            let _ = fs::write(root.join("cgroup.subtree_control"), "+memory");
        }
        fs::create_dir(&group).expect("root can make a control group");
        fs::write(group.join(limit), bytes.to_string()).expect("it can be limited");
        Self(group)
    }

    /// A service that starts within it, as its image does.
    fn command(&self, backend: &Backend) -> Command {
        let enter = format!(
            "echo $$ >{}; exec \"$0\"",
            self.0.join("cgroup.procs").display()
        );
        let mut command = command_in_shell(&enter, none(), &backend.url());
        command.env("GLIBC_TUNABLES", tunables());
        command
    }

    /// The most memory that it held, caches of files included.
    fn most(&self) -> usize {
        let files = ["memory.peak", "memory.max_usage_in_bytes"];
        let read = |file| fs::read_to_string(self.0.join(file)).ok();
        let most = files.into_iter().find_map(read).unwrap();
        most.trim().parse().unwrap()
    }

    /// How many of its processes were killed for want of memory.
    fn kills(&self) -> usize {
        let files = ["memory.events", "memory.oom_control"];
        let read = |file| fs::read_to_string(self.0.join(file)).ok();
        let events = files.into_iter().find_map(read).unwrap();
        let kills = events
            .lines()
            .find_map(|line| line.strip_prefix("oom_kill "));
        kills.expect("kills are counted").parse().unwrap()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}
