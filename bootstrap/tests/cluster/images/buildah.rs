//! Images as buildah makes them of a folder with a Dockerfile.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::commands::run;

/// The command that builds the image of a folder, as far as all builds agree: on the stand-ins for its bases, which have
/// the tags that its Dockerfile names, and none of the digests.
pub fn command(name: &str, folder: &Path) -> Command {
    let mut command = Command::new("buildah");
    command.args(["bud", "--isolation", "chroot", "--pull-never", "--layers"]);
    command.args(["--format", "docker", "--tag", name]);
    let dockerfile = fs::read_to_string(folder.join("Dockerfile")).unwrap();
    for (stage, image) in bases(&dockerfile) {
        command.args(["--build-arg", &format!("{}={image}", stage.to_uppercase())]);
    }
    command
}

/// Builds the image of a folder by such a command, and returns what was said of each step.
pub fn build(mut command: Command, folder: &Path) -> String {
    // What was fetched once is not fetched again.
    let home = std::env::var("CARGO_HOME").unwrap_or(std::env::var("HOME").unwrap() + "/.cargo");
    let registry = format!("{home}/registry:/usr/local/cargo/registry");
    run(command.args(["--volume", &registry]).arg(folder))
}

/// The stages of a Dockerfile that are a published image, by name, each with that image without its digest.
pub fn bases(dockerfile: &str) -> Vec<(&str, &str)> {
    let lines = dockerfile
        .lines()
        .filter_map(|line| line.strip_prefix("FROM "));
    let pinned = lines.filter_map(|line| line.split_once("@sha256:"));
    pinned
        .map(|(image, rest)| {
            (
                rest.split_once(" AS ").expect("the base has a name").1,
                image,
            )
        })
        .collect()
}

/// The size of an image in bytes.
pub fn size(image: &str) -> u64 {
    let mut command = Command::new("podman");
    command.args(["image", "inspect", image, "--format", "{{.Size}}"]);
    run(&mut command).trim().parse().unwrap()
}

/// Copies a file or a folder of an image into a folder that there is, and returns where it is now.
pub fn copy(image: &str, path: &str, folder: &Path) -> PathBuf {
    let container = run(Command::new("buildah").args(["from", "--pull-never", image]));
    let container = container.trim();
    let root = run(Command::new("buildah").args(["mount", container]));
    let found = Path::new(root.trim()).join(path);
    // With the times of files: cargo goes by them.
    run(Command::new("cp").arg("-a").arg(&found).arg(folder));
    run(Command::new("buildah").args(["rm", container]));
    folder.join(found.file_name().unwrap())
}
