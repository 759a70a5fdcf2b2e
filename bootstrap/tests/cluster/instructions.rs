//! What a request costs a service in instructions. They do not move with the machine's other work, as times do, so they are
//! held to a bound: a tenth above what docs/performance.md has, beside those of peers.

use std::{
    fs,
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    os::unix::fs::PermissionsExt,
    path::Path,
    thread,
};

use bootstrap::running::{Project, backend_flags};
use tempfile::TempDir;

use crate::images::{self, Image};

/// Requests whose instructions are counted, and how many go before them.
const COUNTED: u32 = 1_000;
const BEFORE: u32 = 300;

#[test]
#[ignore = "needs root, buildah and valgrind: run .ci/cluster"]
fn requests_take_no_more_instructions_than_they_did() {
    for (auth, path, bound) in [
        ("none", "/metadata", 27_000),
        ("none", "/build/time", 85_000),
        ("basic", "/build/time", 87_000),
        ("bitly-proxy", "/build/time", 98_000),
    ] {
        let image = images::of(auth);
        let few = taken(image, auth, path, BEFORE);
        let many = taken(image, auth, path, BEFORE + COUNTED);
        let each = (many - few) / u64::from(COUNTED);
        println!("{auth}: {each} instructions for one request of {path}, at most {bound}");
        assert!(each <= bound, "{auth}: {each} for {path}");
    }
}

/// The instructions of a program's whole life, with so many requests in it.
fn taken(image: &Image, auth: &str, path: &str, requests: u32) -> u64 {
    let scratch = TempDir::new().unwrap();
    let counts = scratch.path().join("counts");
    let programs = scratch.path().join("debug");
    fs::create_dir_all(programs.join("examples")).unwrap();
    fs::copy(image.rendered.backend(), programs.join("examples/backend")).unwrap();
    let program = image.program(scratch.path());
    write_counting(&programs.join(&image.name), &program, &counts);
    let project = Project {
        folder: image.rendered.folder.clone(),
        name: image.name.clone(),
        target: scratch.path().to_owned(),
    };
    let backend = project.start_backend(backend_flags(auth)).unwrap();
    let mut service = project.start("127.0.0.1:0", &backend).unwrap();
    // Somebody takes the log lines, as in a cluster.
    let mut log = service.output().unwrap();
    let log = thread::spawn(move || io::copy(&mut log, &mut io::sink()));
    ask(service.address, path, requests);
    assert_eq!(service.stop().unwrap().0, Some(0));
    log.join().unwrap().unwrap();
    let counts = fs::read_to_string(counts).unwrap();
    let mut lines = counts.lines();
    let total = lines.find_map(|line| line.strip_prefix("totals: "));
    total.expect("callgrind counts a total").parse().unwrap()
}

/// Writes a program that runs another one on one core, where nothing is left to chance, and counts its instructions.
fn write_counting(path: &Path, program: &Path, counts: &Path) {
    let script = format!(
        "#!/bin/sh\nexec taskset -c 0 valgrind --quiet --tool=callgrind --callgrind-out-file={} {}\n",
        counts.display(),
        program.display()
    );
    fs::write(path, script).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Asks so many times on one connection, as `ada:demo`.
fn ask(service: SocketAddr, path: &str, times: u32) {
    let mut stream = TcpStream::connect(service).unwrap();
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: here\r\nAuthorization: Basic YWRhOmRlbW8=\r\n\r\n");
    let mut answer = [0; 4096];
    for _ in 0..times {
        stream.write_all(request.as_bytes()).unwrap();
        // Head and body are written at once, and small.
        let length = stream.read(&mut answer).unwrap();
        let answer = String::from_utf8_lossy(&answer[..length]);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}
