//! A rendering as an archive. The same answers have the same bytes: files are in order, and of one time.

use std::io::{self, Cursor, Write};

use axum::http::HeaderValue;
use flate2::{Compression, GzBuilder};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use super::rendering::Rendering;

/// The time of every file: the first second of the year 2000, in UTC. Zip has none before 1980.
const YEAR: u16 = 2000;
const SECONDS: u64 = 946_684_800;

/// A format that a service is downloaded in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Zip,
    TarGz,
}

impl Format {
    pub const ALL: [Self; 2] = [Self::Zip, Self::TarGz];

    /// What the names of its files end in.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Zip => ".zip",
            Self::TarGz => ".tar.gz",
        }
    }

    pub fn media_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Zip => "application/zip",
            Self::TarGz => "application/gzip",
        })
    }

    /// The format of `build-times.zip`, and the name before it.
    pub fn of(file: &str) -> Option<(Self, &str)> {
        let formats = Self::ALL.into_iter();
        let mut named =
            formats.filter_map(|format| Some((format, file.strip_suffix(format.suffix())?)));
        named.next()
    }

    /// The archive, in which all is below the service's name.
    ///
    /// # Errors
    /// When a path is too long for the format.
    pub fn pack(self, rendering: &Rendering) -> io::Result<Vec<u8>> {
        match self {
            Self::Zip => zip(rendering),
            Self::TarGz => tar_gz(rendering),
        }
    }
}

fn zip(rendering: &Rendering) -> io::Result<Vec<u8>> {
    let time = zip::DateTime::from_date_and_time(YEAR, 1, 1, 0, 0, 0);
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(time.expect("it is a date"));
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (path, file) in &rendering.files {
        let options = options.unix_permissions(file.mode.permissions());
        archive.start_file(format!("{}/{path}", rendering.name), options)?;
        archive.write_all(&file.content)?;
    }
    Ok(archive.finish()?.into_inner())
}

fn tar_gz(rendering: &Rendering) -> io::Result<Vec<u8>> {
    let packed = GzBuilder::new().write(Vec::new(), Compression::default());
    let mut archive = tar::Builder::new(packed);
    for (path, file) in &rendering.files {
        let mut header = tar::Header::new_gnu();
        header.set_size(file.content.len() as u64);
        header.set_mode(file.mode.permissions());
        header.set_mtime(SECONDS);
        archive.append_data(
            &mut header,
            format!("{}/{path}", rendering.name),
            &*file.content,
        )?;
    }
    archive.into_inner()?.finish()
}
