//! The image of a service of each auth type.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
    thread,
    time::{Duration, Instant},
};

use bootstrap::{answers::Answers, render::Template};

use super::{BASE, BASE_IMAGE, buildah};
use crate::{manifests::Rendered, support::HOSTILE};

/// The image of a service that was rendered for `auth`, built once.
pub fn of(auth: &str) -> &'static Image {
    match auth {
        "none" => &OTHERS[0],
        "basic" => &OTHERS[1],
        "bitly-proxy" => &BITLY_PROXY,
        _ => panic!("there is no auth type {auth}"),
    }
}

/// Built as its author builds it, in layers.
static BITLY_PROXY: LazyLock<Image> = LazyLock::new(|| Image::build_in_layers("bitly-proxy"));

/// Built together, since most of it keeps one core alone: `none` and `basic`.
static OTHERS: LazyLock<[Image; 2]> = LazyLock::new(|| {
    let built = &BITLY_PROXY.build_stage("example");
    thread::scope(|scope| {
        let build = |auth| scope.spawn(move || Image::build_with_libraries_of(built, auth));
        ["none", "basic"]
            .map(build)
            .map(|thread| thread.join().unwrap())
    })
});

/// An image, and what it was built from.
pub struct Image {
    pub name: String,
    pub rendered: Rendered,
    /// How long its build took in layers, if nothing of it was there already.
    pub cold: Option<Duration>,
    /// What cargo builds into, where that is no layer.
    target: Option<PathBuf>,
}

impl Image {
    fn build_in_layers(auth: &str) -> Self {
        let mut image = Self::rendered(auth);
        let start = Instant::now();
        let said = image.build_again();
        image.cold = (!has_dependencies(&said)).then(|| start.elapsed());
        image
    }

    /// Built with the libraries that another image was built with: one lock file serves all auth types.
    fn build_with_libraries_of(built: &str, auth: &str) -> Self {
        let mut image = Self::rendered(auth);
        let target = Template::here().root.join("target/images").join(auth);
        let _ = fs::remove_dir_all(&target);
        fs::create_dir_all(&target).unwrap();
        image.target = Some(buildah::copy(built, "target", &target));
        image.build_again();
        image
    }

    fn rendered(auth: &str) -> Self {
        let name = format!("tested-{auth}");
        let answers = Answers::named(&name)
            .with("description", HOSTILE)
            .with("auth_type", auth);
        // Routes of which one is the beginning of the other.
        let answers = match auth {
            "none" => answers.with("route", "/app"),
            "basic" => answers.with("route", "/apples"),
            _ => answers,
        };
        Self {
            name,
            rendered: Rendered::of(answers),
            cold: None,
            target: None,
        }
    }

    /// Builds it with all that is there already, and returns what was said of each step.
    pub fn build_again(&self) -> String {
        self.build(&self.name, &[])
    }

    /// Builds the image of one of its stages, and returns its name.
    pub fn build_stage(&self, stage: &str) -> String {
        let name = format!("{}-{stage}", self.name);
        self.build(&name, &["--target", stage]);
        name
    }

    fn build(&self, name: &str, options: &[&str]) -> String {
        let folder = &self.rendered.folder;
        let mut command = buildah::command(name, folder);
        if let Some(target) = &self.target {
            command.args(["--volume", &format!("{}:/target", target.display())]);
        }
        command.args(options);
        buildah::build(command, folder)
    }

    /// Its size in bytes, on the published base.
    pub fn size(&self) -> u64 {
        buildah::size(&self.name) - buildah::size(BASE_IMAGE) + BASE
    }

    /// Its program, copied into `folder`.
    pub fn program(&self, folder: &Path) -> PathBuf {
        self.file(&format!("usr/local/bin/{}", self.name), folder)
    }

    /// A file of it, copied into `folder`.
    pub fn file(&self, path: &str, folder: &Path) -> PathBuf {
        buildah::copy(&self.name, path, folder)
    }
}

/// Whether a build found its dependencies built already, by what it said of its steps.
pub fn has_dependencies(said: &str) -> bool {
    let (_, after) = said
        .split_once("cargo auditable build")
        .expect("a step builds the dependencies");
    after.lines().nth(1).unwrap().starts_with("--> Using cache")
}
