//! A history of the template in three versions, made from the real one, and projects rendered from it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use crate::support::files;
use bootstrap::{
    answers::Answers,
    history::History,
    render::{Manner, PARTS, Template},
};
use git2::{IndexAddOption, Repository, Signature};
use tempfile::TempDir;
use walkdir::WalkDir;

/// What version 0.2.0 no longer has, what 0.2.0 calls differently, and what 0.3.0 adds.
pub const GONE: &str = ".dockerignore";
pub const MOVED: (&str, &str) = ("CONTRIBUTING.md", "docs/contributing.md");
pub const NEW: &str = "region.toml";

/// A template with a tag for each of its versions.
pub struct Versions {
    pub folder: TempDir,
}

impl Versions {
    /// 0.1.0 is the template as it is. 0.2.0 changes the end of every file, moves one and removes one.
    /// 0.3.0 changes those ends again, and asks a question whose answer is in a file of its own.
    pub fn of_the_template() -> Self {
        let versions = Self {
            folder: TempDir::new().unwrap(),
        };
        let root = versions.folder.path();
        let template = Template::here();
        for (path, text) in files(&template.root) {
            if PARTS.contains(&path.split('/').next().unwrap()) {
                write(&root.join(path), &text);
            }
        }
        let url = format!("template_url = \"{}\";", versions.url());
        change(&root.join("hooks/house.rhai"), |text| {
            let upstream = text
                .lines()
                .find_map(|line| line.split_once("template_url"));
            text.replace(&format!("template_url{}", upstream.unwrap().1), &url)
        });
        let repository = Repository::init(root).unwrap();
        versions.set_version("0.1.0");
        commit(&repository, "v0.1.0");

        for path in files(&root.join("template")).into_keys() {
            change(&root.join("template").join(path), |text| {
                format!("{text}# Of version 0.2.0\n")
            });
        }
        fs::rename(
            root.join("template").join(MOVED.0),
            root.join("template").join(MOVED.1),
        )
        .unwrap();
        fs::remove_file(root.join("template").join(GONE)).unwrap();
        versions.set_version("0.2.0");
        commit(&repository, "v0.2.0");

        for path in files(&root.join("template")).into_keys() {
            change(&root.join("template").join(path), |text| {
                text.replace("# Of version 0.2.0", "# Of version 0.3.0")
            });
        }
        write(
            &root.join("template").join(format!("{NEW}.liquid")),
            b"region = \"{{region}}\"\n",
        );
        change(&root.join("cargo-generate.toml"), |text| {
            text.replacen("include = [", &format!("include = [\"/{NEW}\","), 1)
                + "\n[placeholders.region]\ntype = \"string\"\nprompt = \"Region\"\ndefault = \"eu\"\n"
        });
        change(&root.join("hooks/pre.rhai"), |text| {
            text.replacen("\"auth_type\"] {", "\"auth_type\", \"region\"] {", 1)
        });
        versions.set_version("0.3.0");
        commit(&repository, "v0.3.0");
        versions
    }

    fn set_version(&self, version: &str) {
        let root = self.folder.path();
        let module = format!("export const version = \"{version}\";\n");
        write(&root.join("hooks/version.rhai"), module.as_bytes());
        let changelog = root.join("CHANGELOG.md");
        let older = fs::read_to_string(&changelog).unwrap_or_default();
        let newest = format!("## {version}\n\n- What is new in {version}.\n\n{older}");
        write(&changelog, newest.as_bytes());
    }

    /// Where `--template` finds it.
    pub fn place(&self) -> &str {
        self.folder.path().to_str().unwrap()
    }

    /// The same as a URL.
    pub fn url(&self) -> String {
        format!("file://{}", self.place())
    }

    /// A version in a folder of its own, as the image has it.
    pub fn without_history(&self, version: &str) -> TempDir {
        let folder = TempDir::new().unwrap();
        let history = History::at(self.folder.path()).unwrap();
        let into = folder.path().join("template");
        history.export(version.parse().unwrap(), &into).unwrap();
        folder
    }

    /// Renders a version, with nothing of git about it.
    pub fn render(&self, version: &str, answers: &Answers) -> Rendering {
        let scratch = TempDir::new().unwrap();
        let history = History::at(self.folder.path()).unwrap();
        let source = scratch.path().join("source");
        let template = history.export(version.parse().unwrap(), &source).unwrap();
        Rendering::of(&template.unwrap(), answers)
    }
}

/// A rendered project, in a folder that lasts as long as this.
pub struct Rendering {
    pub folder: PathBuf,
    _scratch: TempDir,
}

impl Rendering {
    /// What a template renders, with nothing of git about it.
    pub fn of(template: &Template, answers: &Answers) -> Self {
        let scratch = TempDir::new().unwrap();
        let rendered = template.render(answers, scratch.path(), Manner::SILENT);
        Self {
            folder: rendered.unwrap(),
            _scratch: scratch,
        }
    }

    /// The same files in another folder.
    pub fn copy(&self) -> Self {
        let scratch = TempDir::new().unwrap();
        let folder = scratch.path().join("copy");
        for (path, text) in self.files() {
            write(&folder.join(path), &text);
        }
        Self {
            folder,
            _scratch: scratch,
        }
    }

    /// With Windows' ends of line, and nothing that has git take them away.
    pub fn with_windows_line_ends(self) -> Self {
        let _ = fs::remove_file(self.folder.join(".gitattributes"));
        for path in self.files().into_keys() {
            self.change(&path, |text| text.replace('\n', "\r\n"));
        }
        self
    }

    /// Makes it a git repository with one commit.
    pub fn committed(self) -> Self {
        commit(&Repository::init(&self.folder).unwrap(), "one");
        self
    }

    /// Commits whatever has changed since.
    pub fn commit(&self) {
        let repository = self.repository();
        let tag = format!("at-{}", repository.tag_names(None).unwrap().len());
        commit(&repository, &tag);
    }

    pub fn repository(&self) -> Repository {
        Repository::open(&self.folder).unwrap()
    }

    /// Its files, but for git's own.
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        files(&self.folder)
    }

    /// Its folders, and git's own but for what is in that.
    pub fn folders(&self) -> BTreeSet<PathBuf> {
        let walk = WalkDir::new(&self.folder).into_iter();
        let walk = walk.filter_entry(|entry| {
            entry
                .path()
                .parent()
                .is_none_or(|parent| !parent.ends_with(".git"))
        });
        let folders = walk
            .map(Result::unwrap)
            .filter(|entry| entry.file_type().is_dir());
        folders.map(|entry| entry.into_path()).collect()
    }

    pub fn text(&self, path: &str) -> String {
        fs::read_to_string(self.folder.join(path)).unwrap()
    }

    pub fn change(&self, path: &str, change: impl Fn(String) -> String) {
        self::change(&self.folder.join(path), change);
    }

    /// Runs the tool on it.
    pub fn run(&self, command: &str, arguments: &[&str]) -> Ran {
        run(command, &self.folder, arguments)
    }
}

/// Runs the tool on a folder, where nobody can be asked.
pub fn run(command: &str, folder: &Path, arguments: &[&str]) -> Ran {
    let output = Command::new(env!("CARGO_BIN_EXE_bootstrap"))
        .arg(command)
        .arg(folder)
        .args(arguments)
        .stdin(Stdio::null())
        .output();
    Ran::from(output.unwrap())
}

/// How the tool ended, and what it said.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub said: String,
    pub complained: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            said: String::from_utf8(output.stdout).unwrap(),
            complained: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

pub fn write(path: &Path, text: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn change(path: &Path, change: impl Fn(String) -> String) {
    let text = fs::read_to_string(path).unwrap();
    fs::write(path, change(text)).unwrap();
}

/// Commits the work tree as it is, with a tag, and knows the author from nobody's configuration.
pub fn commit(repository: &Repository, tag: &str) {
    let mut index = repository.index().unwrap();
    index.add_all(["*"], IndexAddOption::DEFAULT, None).unwrap();
    index.update_all(["*"], None).unwrap();
    index.write().unwrap();
    let tree = repository.find_tree(index.write_tree().unwrap()).unwrap();
    let parent = repository
        .head()
        .ok()
        .map(|head| head.peel_to_commit().unwrap());
    let parents: Vec<_> = parent.iter().collect();
    let author = Signature::now("nobody", "nobody@example.org").unwrap();
    let commit = repository.commit(Some("HEAD"), &author, &author, tag, &tree, &parents);
    let commit = repository.find_object(commit.unwrap(), None).unwrap();
    repository.tag_lightweight(tag, &commit, false).unwrap();
}
