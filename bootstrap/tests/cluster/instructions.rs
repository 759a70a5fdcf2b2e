//! What a request costs a service in instructions. They do not move with the machine's other work, as times do, so they are
//! held to a bound, some tenth above what they were when it was set. docs/performance.md has them beside those of peers.

use std::{
    fs,
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    os::unix::fs::PermissionsExt,
    path::Path,
    thread,
};

use bootstrap::running::{Process, Project, backend_flags};
use tempfile::TempDir;

use crate::images::{self, Image};

/// Requests whose instructions are counted, and how many go before them.
const COUNTED: u32 = 1_000;
const BEFORE: u32 = 300;

/// The file that callgrind writes when a program has ended.
const COUNTS: &str = "counts";

#[test]
#[ignore = "needs root, buildah and valgrind: run .ci/cluster"]
fn requests_take_no_more_instructions_than_they_did() {
    for (auth, bounds) in [
        (
            "none",
            &[("/metadata", 27_000), ("/build/time", 85_000)][..],
        ),
        ("basic", &[("/build/time", 87_000)]),
        ("bitly-proxy", &[("/build/time", 98_000)]),
    ] {
        let service = Counting::of(images::of(auth), auth);
        for (path, bound) in bounds {
            let few = service.taken(path, BEFORE);
            let many = service.taken(path, BEFORE + COUNTED);
            let each = (many - few) / u64::from(COUNTED);
            println!("{auth}: {each} instructions for one request of {path}, at most {bound}");
            assert!(each <= *bound, "{auth}: {each} for {path}");
        }
    }
}

/// A service whose instructions are counted, and its example back-end.
struct Counting {
    project: Project,
    backend: Process,
    scratch: TempDir,
}

impl Counting {
    fn of(image: &Image, auth: &str) -> Self {
        let scratch = TempDir::new().unwrap();
        let programs = scratch.path().join("debug");
        fs::create_dir_all(programs.join("examples")).unwrap();
        fs::copy(image.rendered.backend(), programs.join("examples/backend")).unwrap();
        let program = image.program(scratch.path());
        let counts = scratch.path().join(COUNTS);
        write_counting(&programs.join(&image.name), &program, &counts);
        let project = Project {
            folder: image.rendered.folder.clone(),
            name: image.name.clone(),
            target: scratch.path().to_owned(),
        };
        let backend = project.start_backend(backend_flags(auth)).unwrap();
        Self {
            project,
            backend,
            scratch,
        }
    }

    /// The instructions of the program's whole life, with so many requests in it.
    fn taken(&self, path: &str, requests: u32) -> u64 {
        let mut service = self.project.start("127.0.0.1:0", &self.backend).unwrap();
        // Somebody takes the log lines, as in a cluster.
        let mut log = service.output().unwrap();
        let log = thread::spawn(move || io::copy(&mut log, &mut io::sink()));
        ask(service.address, path, requests);
        assert_eq!(service.stop().unwrap().0, Some(0));
        log.join().unwrap().unwrap();
        let counts = fs::read_to_string(self.scratch.path().join(COUNTS)).unwrap();
        let mut lines = counts.lines();
        let total = lines.find_map(|line| line.strip_prefix("totals: "));
        total.expect("callgrind counts a total").parse().unwrap()
    }
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
