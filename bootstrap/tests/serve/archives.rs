//! What is downloaded is what `cargo generate` renders, byte for byte, and the same each time.

use std::{collections::BTreeMap, fs, io::Read, path::Path};

use axum::http::header;
use bootstrap::{
    answers::Answers,
    render::{Manner, Template},
};
use flate2::read::GzDecoder;
use git2::{ApplyLocation, Diff, Repository};
use serde_json::Value;
use tempfile::TempDir;
use zip::ZipArchive;

use crate::{
    app::{Served, query},
    support::{auth_types, files, hostile, ordinary},
};

/// Each file by its path, with its permissions.
type Unpacked = BTreeMap<String, (Vec<u8>, u32)>;

fn services() -> Vec<Answers> {
    let kinds = auth_types(&Template::here());
    let hostile = kinds.iter().map(|kind| hostile(kind));
    hostile
        .chain(kinds.iter().map(|kind| ordinary(kind)))
        .collect()
}

/// What the template renders from these answers.
fn rendered(answers: &Answers) -> Unpacked {
    let scratch = TempDir::new().unwrap();
    let folder = Template::here().render(answers, scratch.path(), Manner::SILENT);
    let folder = folder.unwrap();
    let files = files(&folder).into_iter();
    files
        .map(|(path, content)| {
            let mode = permissions(&folder.join(&path));
            (format!("{}/{path}", answers.name), (content, mode))
        })
        .collect()
}

#[cfg(unix)]
fn permissions(file: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;

    let mode = fs::metadata(file).unwrap().permissions().mode();
    if mode & 0o100 == 0 { 0o644 } else { 0o755 }
}

fn unzipped(archive: &[u8]) -> Unpacked {
    let mut archive = ZipArchive::new(std::io::Cursor::new(archive)).unwrap();
    let mut unpacked = Unpacked::new();
    for at in 0..archive.len() {
        let mut file = archive.by_index(at).unwrap();
        let mut content = Vec::new();
        file.read_to_end(&mut content).unwrap();
        let mode = file.unix_mode().unwrap() & 0o777;
        assert_eq!(file.last_modified().unwrap().year(), 2000);
        let path = file.name().unwrap().into_owned();
        unpacked.insert(path, (content, mode));
    }
    unpacked
}

fn untarred(archive: &[u8]) -> Unpacked {
    let mut unpacked = Unpacked::new();
    for file in tar::Archive::new(GzDecoder::new(archive))
        .entries()
        .unwrap()
    {
        let mut file = file.unwrap();
        let mut content = Vec::new();
        file.read_to_end(&mut content).unwrap();
        let path = file.path().unwrap().to_str().unwrap().to_owned();
        assert_eq!(file.header().mtime().unwrap(), 946_684_800, "{path}");
        unpacked.insert(path, (content, file.header().mode().unwrap()));
    }
    unpacked
}

#[tokio::test]
async fn an_archive_holds_what_is_rendered_below_the_name() {
    let served = Served::start().await;
    for answers in services() {
        let (name, expected) = (&answers.name, rendered(&answers));
        for (suffix, media_type, unpack) in [
            ("zip", "application/zip", unzipped as fn(&[u8]) -> Unpacked),
            ("tar.gz", "application/gzip", untarred),
        ] {
            let path = format!("/bootstrap/{name}.{suffix}?{}", query(&answers));
            let answer = served.get(&path).await;
            assert_eq!(answer.status(), 200, "{path}");
            let headers = answer.headers().clone();
            assert_eq!(headers[header::CONTENT_TYPE], media_type);
            assert_eq!(
                headers[header::CONTENT_DISPOSITION],
                format!("attachment; filename=\"{name}.{suffix}\"")
            );
            let archive = answer.bytes().await.unwrap();
            assert!(unpack(&archive) == expected, "{path}");
        }
    }
}

#[tokio::test]
async fn an_archive_has_the_same_bytes_wherever_it_comes_from() {
    let (first, second) = (Served::start().await, Served::start().await);
    for path in ["/build-times.zip?auth_type=basic", "/build-times.tar.gz"] {
        let one = first.get(path).await.bytes().await.unwrap();
        let other = second.get(path).await.bytes().await.unwrap();
        assert!(one == other, "{path}");
    }
}

#[tokio::test]
async fn a_preview_holds_the_text_of_all_files() {
    let served = Served::start().await;
    for answers in services() {
        let named = format!("name={}&{}", answers.name, query(&answers));
        let (headers, text) = served.body(&format!("/preview?{named}")).await;
        assert_eq!(headers[header::CONTENT_TYPE], "application/json");
        let preview: Value = serde_json::from_str(&text).unwrap();
        let preview = preview.as_object().unwrap();
        let expected = rendered(&answers).into_iter().map(|(path, (content, _))| {
            let (_, path) = path.split_once('/').unwrap();
            (
                path.to_owned(),
                Value::from(String::from_utf8(content).unwrap()),
            )
        });
        let expected: serde_json::Map<_, _> = expected.collect();
        assert!(
            preview["files"] == Value::from(expected),
            "{}",
            answers.name
        );
        assert_eq!(preview["binary"], Value::Array(Vec::new()));
    }
}

#[tokio::test]
async fn a_diff_makes_one_service_of_the_other() {
    let served = Served::start().await;
    let kinds = auth_types(&Template::here());
    for (from, to) in [(0, 1), (1, 2), (2, 0)].map(|(from, to)| (&kinds[from], &kinds[to])) {
        let answers = hostile(from);
        let other = answers.clone().with("auth_type", to);
        let query = format!(
            "name={}&{}&to.auth_type={to}",
            answers.name,
            query(&answers)
        );
        let (headers, diff) = served.body(&format!("/diff?{query}")).await;
        assert_eq!(headers[header::CONTENT_TYPE], "text/x-diff; charset=utf-8");

        let scratch = TempDir::new().unwrap();
        let folder = Template::here().render(&answers, scratch.path(), Manner::SILENT);
        let folder = folder.unwrap();
        let repository = Repository::init(&folder).unwrap();
        let diff = Diff::from_buffer(diff.as_bytes()).unwrap();
        repository
            .apply(&diff, ApplyLocation::WorkDir, None)
            .unwrap();
        let applied = files(&folder).into_iter();
        let applied = applied.map(|(path, content)| (format!("{}/{path}", answers.name), content));
        let expected = rendered(&other).into_iter();
        let expected = expected.map(|(path, (content, _))| (path, content));
        assert!(applied.eq(expected), "{from} to {to}");
    }
}

#[tokio::test]
async fn a_diff_of_equal_services_is_empty() {
    let served = Served::start().await;
    assert_eq!(
        served
            .text("/diff?name=a&auth_type=basic&to.auth_type=basic")
            .await,
        ""
    );
}
