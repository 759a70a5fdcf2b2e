//! The services that were made with the template, in `examples/` and `services/`: where each is, what was answered for
//! it, and the whole of it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use bootstrap::{
    answers::Answers,
    render::{Manner, Template},
};
use walkdir::WalkDir;

/// Where services are that were made with the template: to learn from, and for the front end itself.
pub const FOLDERS: [&str; 2] = ["examples", "services"];

/// The folder of a service that was made with the template. In `files/` is what its author wrote over the rendering.
pub fn folder(name: &str) -> PathBuf {
    let folders = FOLDERS.map(|folder| Template::here().root.join(folder).join(name));
    let found = folders.into_iter().find(|folder| folder.exists());
    found.unwrap_or_else(|| panic!("there is no service {name}"))
}

/// The answers in its `answers.toml`.
pub fn answers(name: &str) -> Answers {
    let text = fs::read_to_string(folder(name).join("answers.toml")).unwrap();
    let answers: toml::Table = text.parse().unwrap();
    let values = answers["values"].as_table().unwrap().iter();
    values.fold(Answers::named(name), |answers, (placeholder, answer)| {
        answers.with(placeholder, answer.as_str().unwrap())
    })
}

/// The whole service in a folder below `into`: the rendering, with what its author wrote over it.
pub fn rendered(name: &str, into: &Path) -> PathBuf {
    let template = Template::here();
    let whole = template
        .render(&answers(name), into, Manner::SILENT)
        .unwrap();
    let own = folder(name).join("files");
    for entry in WalkDir::new(&own).into_iter().map(Result::unwrap) {
        let to = whole.join(entry.path().strip_prefix(&own).unwrap());
        if entry.file_type().is_dir() {
            fs::create_dir_all(to).unwrap();
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
    whole
}
