//! The images of services, built as their Dockerfiles say, and that of the tool.

pub mod buildah;
mod image;
mod tool;

use std::{
    fs,
    process::Command,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use bootstrap::{http, render::Template, running::Project};
use tempfile::TempDir;

use self::image::has_dependencies;
pub use self::image::{Image, of};
use crate::{
    commands::run,
    mirror::Mirror,
    support::{HOSTILE, house},
};

/// What the published base has in bytes, at most; the stand-in for it in the tests has more.
const BASE: u64 = 3_000_000;

/// The base of all images of services, as template/Dockerfile.liquid names it, without its digest.
const BASE_IMAGE: &str = "gcr.io/distroless/static-debian13:nonroot";

#[test]
#[ignore = "needs root, buildah and podman: run .ci/cluster"]
fn labels_say_what_was_answered() {
    let image = of("none");
    let label = |name: &str| {
        let format = format!("{{{{index .Labels \"org.opencontainers.image.{name}\"}}}}");
        let mut command = Command::new("podman");
        let printed = run(command.args(["image", "inspect", &image.name, "--format", &format]));
        printed.strip_suffix('\n').unwrap().to_owned()
    };
    assert_eq!(label("title"), image.name);
    assert_eq!(label("description"), HOSTILE);
    assert!(label("source").ends_with(&format!("/{}", image.name)));
    assert_eq!(label("licenses"), house("license"));
}

#[test]
#[ignore = "needs root, buildah and podman: run .ci/cluster"]
fn a_change_of_the_source_builds_no_dependency_again() {
    let image = of("bitly-proxy");
    let source = image.rendered.folder.join("src/service.rs");
    let text = fs::read_to_string(&source).unwrap();
    // A change that no earlier run has made: layers outlive the test.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    fs::write(&source, format!("{text}// {}\n", now.as_nanos())).unwrap();
    let start = Instant::now();
    let said = image.build_again();
    let taken = start.elapsed();
    println!(
        "rebuilt after a change of the source in {taken:.1?}, cold in {:.1?}",
        image.cold
    );
    fs::write(&source, text).unwrap();

    assert!(has_dependencies(&said), "{said}");
    let apikit = "COPY apikit/src apikit/src\n--> Using cache";
    assert!(said.contains(apikit), "{said}");
    assert!(said.contains("COPY src src\n-->"), "{said}");
    assert!(!said.contains("COPY src src\n--> Using cache"), "{said}");
}

/// What a static program may have in bytes, so that a library which nobody meant to add shows.
const PROGRAM: u64 = 11_000_000;

#[test]
#[ignore = "needs root, buildah and podman: run .ci/cluster"]
fn images_are_small_and_their_programs_start() {
    for auth in ["none", "basic", "bitly-proxy"] {
        let image = of(auth);
        let size = image.size();
        assert!(size < 15_000_000, "{size} bytes");

        let scratch = TempDir::new().unwrap();
        let folder = scratch.path().join("debug");
        fs::create_dir(&folder).unwrap();
        let program = fs::metadata(image.program(&folder)).unwrap().len();
        assert!(program < PROGRAM, "{program} bytes");

        let project = Project {
            folder,
            name: image.name.clone(),
            target: scratch.path().to_owned(),
        };
        // The best of ten: the machine has other work as well.
        let start = (0..10).map(|_| first_answer(&project)).min().unwrap();
        println!(
            "{}: {:.1} MB, its program {:.1} MB, first answer after {start:.1?}",
            image.name,
            size as f64 / 1e6,
            program as f64 / 1e6
        );
    }
}

/// How long a program takes from its start to its first answer.
fn first_answer(project: &Project) -> Duration {
    let start = Instant::now();
    let nobody = "127.0.0.1:9".parse().unwrap();
    let service = project.start_before("127.0.0.1:0", nobody).unwrap();
    let answer = http::request(service.address, "GET", "/readyz", &[]).unwrap();
    assert_eq!(answer.status, 200);
    start.elapsed()
}

#[test]
#[ignore = "needs the repository alone, and goes with the others: run .ci/cluster"]
fn the_base_is_the_one_that_is_measured_with() {
    let dockerfile = Template::here().root.join("template/Dockerfile.liquid");
    let dockerfile = fs::read_to_string(dockerfile).unwrap();
    assert!(buildah::bases(&dockerfile).contains(&("base", BASE_IMAGE)));
}

/// What cargo-auditable wrote, unpacked.
const UNPACK: &str =
    "import sys, zlib; print(zlib.decompress(open(sys.argv[1], 'rb').read()).decode())";

/// Scanners of images read both: the crates from the program, the C library from Debian's word on it.
#[test]
#[ignore = "needs root, buildah and objcopy: run .ci/cluster"]
fn images_say_which_libraries_are_in_them() {
    let image = of("none");
    let scratch = TempDir::new().unwrap();
    let program = image.program(scratch.path());
    let section = scratch.path().join("section");
    let dump = format!(".dep-v0={}", section.display());
    run(Command::new("objcopy")
        .args(["--dump-section", &dump])
        .arg(program));
    let text = run(Command::new("python3").args(["-c", UNPACK]).arg(&section));
    let named: serde_json::Value = serde_json::from_str(&text).unwrap();
    let named = named["packages"].as_array().unwrap();
    let lock = fs::read_to_string(image.rendered.folder.join("Cargo.lock")).unwrap();
    let lock: toml::Table = lock.parse().unwrap();
    let version = |name: &str| {
        let mut locked = lock["package"].as_array().unwrap().iter();
        locked
            .find(|package| package["name"].as_str() == Some(name))
            .unwrap()["version"]
            .as_str()
            .unwrap()
    };
    for library in ["apikit", "hyper", "ring", "rustls"] {
        let found = named.iter().find(|package| package["name"] == library);
        assert_eq!(
            found.expect(library)["version"],
            version(library),
            "{library}"
        );
    }
    let libc =
        fs::read_to_string(image.file("var/lib/dpkg/status.d/libc6-dev", scratch.path())).unwrap();
    assert!(
        libc.contains("\nSource: glibc\n") && libc.contains("\nVersion: 2."),
        "{libc}"
    );
}

#[test]
#[ignore = "needs root, buildah and openssl: run .ci/cluster"]
fn a_program_is_built_from_the_mirror_by_the_ca_that_is_given() {
    // What the stage installs first is in a layer of its own by now.
    of("none");
    let mirror = Mirror::start();
    let said = mirror
        .build_with(&mirror.folder().join("other.pem"))
        .unwrap_err();
    assert!(said.contains("certificate"), "{said}");
    mirror.build_with(&mirror.folder().join("ca.pem")).unwrap();
}
