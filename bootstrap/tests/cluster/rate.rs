//! What a pod needs at 1,000 requests per second: the figures behind the resources in its manifest.

use std::{fs, ops::RangeInclusive};

use tempfile::TempDir;

use crate::{
    commands::run, front_end::start_backend, images, manifests::Build, namespace::Namespace,
    pods::own_container,
};

/// Connections rest for 48 ms between a request's answer and the next request: fifty make close to 1,000 requests
/// per second on a machine that has nothing else to do.
const CONNECTIONS: f64 = 50.0;
const REST: &str = "function delay() return 48 end\n";

/// Rates from which one can tell what 1,000 requests per second take.
const RATES: RangeInclusive<f64> = 900.0..=1200.0;

#[test]
#[ignore = "needs root, podman and wrk: run .ci/cluster"]
fn resources_suffice_for_a_thousand_requests_per_second() {
    for auth in ["none", "basic", "bitly-proxy"] {
        let image = images::of(auth);
        let mut namespace = Namespace::new();
        start_backend(&mut namespace, &image.rendered, "127.0.0.1:9101");
        let container = format!("{auth}-at-rate");
        let variables = [
            ("LISTEN", "127.0.0.1:9001"),
            ("BACKEND_URL", "http://127.0.0.1:9101"),
            ("AUTH_LOGIN_HOSTS", "localhost:9102"),
        ];
        namespace.start_container(&container, &image.name, &variables);
        namespace.wait_for("http://127.0.0.1:9001/readyz");

        let process = namespace.inspect(&container, "{{.State.Pid}}");
        let route = image.rendered.given("route", &format!("/{}", image.name));
        let url = format!("http://127.0.0.1:9001{route}/build/time");
        let Some((rate, used)) = at_the_rate(&namespace, &process, &url) else {
            println!("{auth}: NOT MEASURED, as the machine is too busy for 1,000 requests/s");
            continue;
        };
        let cpu = used * 1000.0 * 1000.0 / rate;
        let memory = peak_megabytes(&process);
        let base = Build::of(auth, &image.rendered.folder.join("kubernetes/base"));
        let requests = &own_container(base.get("Deployment", &image.name))["resources"]["requests"];
        let requested = |resource: &str, unit: &str| -> f64 {
            let amount = requests[resource].as_str().unwrap();
            amount.strip_suffix(unit).unwrap().parse().unwrap()
        };
        // For people to judge: a neighbour on the same core makes each instruction cost more.
        let planned = requested("cpu", "m");
        println!(
            "{auth}: {cpu:.0} m CPU of the {planned:.0} m requested for 1,000 sample requests/s, as measured at {rate:.0}; \
             {memory:.0} MB at most"
        );
        assert!(memory <= requested("memory", "Mi"), "{memory} MB");
    }
}

/// The rate of ten seconds of load, and the CPU time that a process used for each of them. Where answers take
/// longer, since others are at work on the machine, more connections make up for it; where not, fewer. `None` where no number
/// of them makes the rate.
fn at_the_rate(namespace: &Namespace, process: &str, url: &str) -> Option<(f64, f64)> {
    let mut connections = CONNECTIONS;
    for _ in 0..6 {
        let before = cpu_seconds(process);
        let said = load(namespace, connections, url);
        let used = (cpu_seconds(process) - before) / 10.0;
        let failed = said.contains("Non-2xx") || said.contains("Socket errors");
        assert!(!failed, "{said}");
        let mut lines = said.lines();
        let rate = lines.find_map(|line| line.strip_prefix("Requests/sec:"));
        let rate: f64 = rate.expect("wrk says the rate").trim().parse().unwrap();
        if RATES.contains(&rate) {
            return Some((rate, used));
        }
        connections *= 1000.0 / rate;
    }
    None
}

fn load(namespace: &Namespace, connections: f64, url: &str) -> String {
    let scratch = TempDir::new().unwrap();
    let script = scratch.path().join("rest.lua");
    fs::write(&script, REST).unwrap();
    let mut wrk = namespace.command("wrk");
    // `ada:demo`
    let ada = "Authorization: Basic YWRhOmRlbW8=";
    let connections = format!("-c{connections:.0}");
    let flags = ["-t1", "-d10s", &connections, "-H", ada, "-s"];
    run(wrk.args(flags).arg(script).arg(url))
}

/// The CPU time that a process has used, to a hundredth of a second.
fn cpu_seconds(process: &str) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let (_, after_name) = stat.rsplit_once(')').unwrap();
    let fields: Vec<_> = after_name.split_whitespace().collect();
    let ticks: u32 = fields[11..13]
        .iter()
        .map(|field| field.parse::<u32>().unwrap())
        .sum();
    f64::from(ticks) / 100.0
}

/// The most memory that a process has held.
fn peak_megabytes(process: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    let kilobytes: f64 = line.split_whitespace().next().unwrap().parse().unwrap();
    kilobytes / 1024.0
}
