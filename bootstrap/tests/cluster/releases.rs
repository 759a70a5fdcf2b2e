//! The release of a service: its scripts, run here with stand-ins for the registry and for GitHub.

use std::{fs, path::Path};

use serde_json::Value;
use tempfile::TempDir;

use crate::{
    manifests::Rendered,
    script::{Script, read},
    support::ordinary,
};

#[test]
#[ignore = "needs jq and yq: run .ci/cluster"]
fn a_release_is_of_the_version_in_cargo_toml_and_says_what_changed() {
    let answers = ordinary("none").with("version", "1.20.3");
    let service = Rendered::of(answers.with("registry", "registry.example.org/team"));
    let script = Script::named("release", "Hold the tag against Cargo.toml");
    let said = script.succeeds(&service.folder, "v1.20.3");
    assert_eq!(
        said,
        "version=1.20.3\nimage=registry.example.org/team/job-metrics-none\n"
    );
    for wrong in ["v1.20.4", "1.20.3", "v1.20.30"] {
        let said = script.fails(&service.folder, wrong);
        assert!(
            said.contains("the version in Cargo.toml is 1.20.3"),
            "{said}"
        );
    }

    let changes = service.folder.join("CHANGELOG.md");
    let older = fs::read_to_string(&changes).unwrap() + "\n## 1.2\n\n- Older.\n\n## 0.1\n";
    fs::write(&changes, older).unwrap();
    let script = Script::named("release", "Take what CHANGELOG.md says of it");
    script.succeeds(&service.folder, "v1.20.3");
    let taken = fs::read_to_string(service.folder.join("changes.md")).unwrap();
    let lines: Vec<_> = taken.lines().filter(|line| !line.is_empty()).collect();
    assert_eq!(lines.len(), 1, "{taken}");
    assert!(lines[0].starts_with("- The service as the template made it"));
    for wrong in ["v1.20", "v0.1"] {
        let said = script.fails(&service.folder, wrong);
        assert!(said.contains("CHANGELOG.md says nothing"), "{said}");
    }
}

/// A workflow that is called sees no secret of its caller but those that it is handed.
#[test]
#[ignore = "goes with the others: run .ci/cluster"]
fn the_login_at_another_registry_reaches_the_release() {
    let service = Rendered::of(ordinary("none"));
    let release = service.folder.join(".github/workflows/release.yaml");
    let calling: Value = serde_saphyr::from_str(&fs::read_to_string(release).unwrap()).unwrap();
    let secret = "REGISTRY_PASSWORD";
    assert_eq!(
        calling["jobs"]["release"]["secrets"][secret],
        "${{ secrets.REGISTRY_PASSWORD }}"
    );
    let called = read("release");
    assert_eq!(
        called["on"]["workflow_call"]["secrets"][secret]["required"],
        false
    );
}

/// The script of a step in a folder of its own.
fn script(workflow: &str, step: &str) -> (Script, TempDir) {
    let script = Script::named(workflow, step)
        .with("IMAGE", "registry.example.org/team/asked")
        .with("VERSION", "1.2.4");
    (script, TempDir::new().unwrap())
}

#[test]
#[ignore = "needs nothing but bash, and goes with the others: run .ci/cluster"]
fn a_version_that_is_in_the_registry_is_refused() {
    let (script, folder) = script("release", "Refuse a version that is in the registry");
    let there = script.with_program("docker", "echo Name: $4");
    let said = there.fails(folder.path(), "v1.2.4");
    let sentence = "registry.example.org/team/asked:1.2.4 is there already";
    assert!(said.contains(sentence), "{said}");

    for unknown in [
        "ERROR: asked:1.2.4: not found",
        "manifest unknown",
        "NAME_UNKNOWN: no such repository",
    ] {
        let absent = format!("echo '{unknown}' >&2; exit 1");
        there_or_not("docker", &absent).succeeds(folder.path(), "v1.2.4");
    }
    // What fails otherwise says nothing of the version.
    let away = "echo 'connection refused' >&2; exit 1";
    let said = there_or_not("docker", away).fails(folder.path(), "v1.2.4");
    assert!(
        said.contains("cannot be told: connection refused"),
        "{said}"
    );
}

fn there_or_not(program: &str, answer: &str) -> Script {
    script("release", "Refuse a version that is in the registry")
        .0
        .with_program(program, answer)
}

#[test]
#[ignore = "needs nothing but bash, and goes with the others: run .ci/cluster"]
fn only_the_newest_release_becomes_latest() {
    for (version, released, newest) in [
        ("0.1.0", "", true),
        ("1.2.4", "v1.2.3", true),
        ("1.2.4", "v1.3.0 v1.2.3", false),
        ("1.10.0", "v1.9.0", true),
        ("1.9.1", "v1.10.0 v1.9.0", false),
        ("1.3.0-rc.1", "v1.2.0", false),
        ("1.3.0", "v1.3.0-rc.1 v1.4.0-rc.1 v1.2.0", true),
    ] {
        let (script, folder) = script("release", "Tell whether it is the newest release");
        let gh = format!("printf '%s\\n' {released}");
        let said = script
            .with("VERSION", version)
            .with_program("gh", &gh)
            .succeeds(folder.path(), &format!("v{version}"));
        assert_eq!(
            said,
            format!("newest={newest}\n"),
            "{version} after {released}"
        );
    }
}

#[test]
#[ignore = "needs jq: run .ci/cluster"]
fn an_image_is_pushed_without_a_tag_and_tagged_when_it_is_signed() {
    let log = "echo \"docker $*\" >>log";
    let (build, folder) = script(
        "release",
        "Push it by its digest, and keep what Debian says of what is in it",
    );
    let docker = format!(
        "{log}; case $2 in build) echo '{{\"containerimage.digest\": \"sha256:abc\"}}' >build.json ;; esac"
    );
    build
        .with("PLATFORM", "arm64")
        .with_program("docker", &docker)
        .succeeds(folder.path(), "v1.2.4");
    let built = fs::read_to_string(folder.path().join("built/arm64/digest")).unwrap();
    assert_eq!(built, "sha256:abc\n");
    let ran = take(&folder.path().join("log"));
    assert!(
        ran.contains("push-by-digest=true") && !ran.contains("tag"),
        "{ran}"
    );

    let step = "Give it its version, now that it is signed";
    for (newest, tags) in [
        ("false", "--tag registry.example.org/team/asked:1.2.4"),
        (
            "true",
            "--tag registry.example.org/team/asked:1.2.4 --tag registry.example.org/team/asked:latest",
        ),
    ] {
        let (tag, folder) = script("release", step);
        tag.with("NEWEST", newest)
            .with("DIGEST", "sha256:def")
            .with_program("docker", log)
            .succeeds(folder.path(), "v1.2.4");
        let ran = take(&folder.path().join("log"));
        let expected = format!(
            "docker buildx imagetools create {tags} registry.example.org/team/asked@sha256:def\n"
        );
        assert_eq!(ran, expected);
    }

    // In this order, and with nothing tagged by a version anywhere else.
    let workflow = read("release");
    let steps = workflow["jobs"]["publish"]["steps"].as_array().unwrap();
    let at = |name: &str| {
        steps
            .iter()
            .position(|found| found["name"] == name)
            .unwrap()
    };
    assert!(
        at("Join the images of all platforms, under the tag of the commit")
            < at("Sign how it was built")
    );
    assert!(at("Sign how it was built") < at(step) && at("Sign what is in it") < at(step));
}

fn take(log: &Path) -> String {
    fs::read_to_string(log).unwrap()
}

#[test]
#[ignore = "needs jq: run .ci/cluster"]
fn the_images_of_all_platforms_are_joined_by_their_digests() {
    let (join, folder) = script(
        "release",
        "Join the images of all platforms, under the tag of the commit",
    );
    for (platform, digest) in [("amd64", "sha256:a"), ("arm64", "sha256:b")] {
        let folder = folder.path().join(platform);
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("digest"), format!("{digest}\n")).unwrap();
    }
    let docker = "echo \"$*\" >>log; case $3 in inspect) echo '{\"digest\": \"sha256:c\"}' ;; esac";
    let said = join
        .with("GITHUB_SHA", "0123abc")
        .with_program("docker", docker)
        .succeeds(folder.path(), "v1.2.4");
    assert_eq!(said, "digest=sha256:c\n");
    let image = "registry.example.org/team/asked";
    let created = format!(
        "buildx imagetools create --tag {image}:sha-0123abc {image}@sha256:a {image}@sha256:b\n"
    );
    let ran = take(&folder.path().join("log"));
    assert!(ran.starts_with(&created), "{ran}");
}

/// As distroless and the Dockerfile have it.
const PACKAGES: [(&str, &str); 3] = [
    (
        "libc6-dev",
        "Package: libc6-dev\nArchitecture: amd64\nSource: glibc\nVersion: 2.41-12+deb13u5\n",
    ),
    (
        "tzdata",
        "Package: tzdata\nVersion: 2026a-0+deb13u1\nArchitecture: all\n",
    ),
    ("tzdata.md5sums", "0123 usr/share/zoneinfo/UTC\n"),
];

#[test]
#[ignore = "needs jq: run .ci/cluster"]
fn the_bill_of_materials_names_the_c_library() {
    let (bill, folder) = script(
        "release",
        "Name the packages of Debian in the bill of materials",
    );
    let packages = folder.path().join("amd64/packages");
    fs::create_dir_all(&packages).unwrap();
    for (name, text) in PACKAGES {
        fs::write(packages.join(name), text).unwrap();
    }
    let sbom = folder.path().join("sbom.json");
    fs::write(&sbom, r#"{"components": [{"name": "tokio"}]}"#).unwrap();
    bill.succeeds(folder.path(), "v1.2.4");
    let bill: Value = serde_json::from_str(&take(&sbom)).unwrap();
    let named = bill["components"].as_array().unwrap().iter();
    let named: Vec<_> = named
        .map(|part| (part["name"].as_str().unwrap(), part["purl"].as_str()))
        .collect();
    let libc =
        "pkg:deb/debian/libc6-dev@2.41-12%2Bdeb13u5?arch=amd64&distro=debian-13&upstream=glibc";
    let tzdata =
        "pkg:deb/debian/tzdata@2026a-0%2Bdeb13u1?arch=all&distro=debian-13&upstream=tzdata";
    assert_eq!(
        named,
        [
            ("tokio", None),
            ("libc6-dev", Some(libc)),
            ("tzdata", Some(tzdata))
        ]
    );
}

/// As cargo-deny says it, of a fault with an id and of a version that was taken back.
const FAULTS: &str = r#"cat >&2 <<'END'
{"type":"diagnostic","fields":{"severity":"error","code":"vulnerability","message":"m","advisory":{"id":"RUSTSEC-2026-0001"}}}
{"type":"diagnostic","fields":{"severity":"warning","code":"advisory-not-detected","message":"m"}}
{"type":"diagnostic","fields":{"severity":"error","code":"yanked","message":"detected yanked crate"}}
{"type":"summary","fields":{"advisories":{"errors":2}}}
END
exit 1"#;

#[test]
#[ignore = "needs jq: run .ci/cluster"]
fn known_faults_hold_a_release_up_unless_each_is_accepted() {
    let step = "Look for known faults that nobody has accepted";
    for (accepted, left) in [
        ("", Some("")),
        ("RUSTSEC-2026-0001", Some("yanked")),
        ("RUSTSEC-2026-000 yanked", Some("RUSTSEC-2026-0001")),
        ("RUSTSEC-2026-0001, yanked", None),
        ("yanked RUSTSEC-2026-0001 RUSTSEC-2026-0002", None),
    ] {
        let (check, folder) = script("ci", step);
        let check = check
            .with("ACCEPTED", accepted)
            .with_program("cargo", FAULTS);
        match left {
            Some(left) => assert!(
                check
                    .fails(folder.path(), "v1.2.4")
                    .trim_end()
                    .ends_with(left)
            ),
            None => drop(check.succeeds(folder.path(), "v1.2.4")),
        }
    }
    // That it fails for another reason is no fault that could be accepted.
    let (check, folder) = script("ci", step);
    let check = check
        .with("ACCEPTED", "yanked")
        .with_program("cargo", "echo gone >&2; exit 1");
    check.fails(folder.path(), "v1.2.4");
    let workflow = read("release");
    let passed = &workflow["jobs"]["checks"]["with"]["accepted-advisories"];
    assert_eq!(passed, "${{ vars.RELEASE_DESPITE_ADVISORIES }}");
}

/// What the registry has, as `gh api` prints it: a release and what it consists of, `latest`, its signature, and what is left
/// of a release that failed, of one that is under way, and a signature of nothing.
const VERSIONS: &str = "1\tsha256:index\t2026-01-01T00:00:00Z\tsha-0123,1.2.3,latest
2\tsha256:amd64\t2026-01-01T00:00:00Z\t
3\tsha256:arm64\t2026-01-01T00:00:00Z\t
4\tsha256:signatures\t2026-01-01T00:00:00Z\tsha256-index
5\tsha256:signature\t2026-01-01T00:00:00Z\t
6\tsha256:failed\t2026-01-01T00:00:00Z\tsha-4567
7\tsha256:part-of-failed\t2026-01-01T00:00:00Z\t
8\tsha256:new\t2999-01-01T00:00:00Z\t
9\tsha256:signatures-of-nothing\t2026-01-01T00:00:00Z\tsha256-gone";

#[test]
#[ignore = "needs jq and yq: run .ci/cluster"]
fn images_that_no_release_refers_to_are_deleted_and_no_others() {
    let gh = format!(
        "case \"$*\" in *DELETE*) echo \"${{@: -1}}\" >>log ;; *versions*) cat <<'END'\n{VERSIONS}\nEND\n;; *) echo orgs ;; esac"
    );
    let docker = r#"case $5 in
*@sha256:index) echo '{"manifests": [{"digest": "sha256:amd64"}, {"digest": "sha256:arm64"}]}' ;;
*@sha256:signatures) echo '{"manifests": [{"digest": "sha256:signature"}]}' ;;
*) echo "$5" >&2; exit 1 ;;
esac"#;
    let images = |docker: &str| {
        let service = Rendered::of(ordinary("none").with("registry", "ghcr.io/team"));
        let script = Script::named("images", "Delete what no release refers to")
            .with("GITHUB_REPOSITORY_OWNER", "team")
            .with_program("gh", &gh)
            .with_program("docker", docker);
        (script, service)
    };
    let (script, service) = images(docker);
    script.succeeds(&service.folder, "main");
    let deleted = take(&service.folder.join("log"));
    let deleted: Vec<_> = deleted
        .lines()
        .map(|path| path.rsplit('/').next().unwrap())
        .collect();
    assert_eq!(deleted, ["6", "7", "9"]);

    // Where the registry does not answer, nothing is known to be old.
    let (script, service) = images("exit 1");
    script.fails(&service.folder, "main");
    assert!(!service.folder.join("log").exists());
}
