//! Picks single files out of a ZIP archive, at compile time.
//!
//! A file in a ZIP archive is a deflated stream with a checksum and a length, and so is a gzip file. So
//! the stream is copied as it is, and the rest of the archive stays out of the program.

use crate::static_file::{GZIP_HEAD, GZIP_TAIL};

/// The header of a gzip file: its magic number, "deflated", no flags, no time, no system.
const HEAD: [u8; GZIP_HEAD] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// The record at the end of an archive: its signature, its length without a comment, and the offsets of its
/// fields about the directory.
const END: usize = 0x0605_4b50;
const END_LENGTH: usize = 22;
const END_COUNT: usize = 10;
const END_DIRECTORY: usize = 16;

/// The offsets of fields in a file's record in the directory.
const METHOD: usize = 10;
const CHECKSUM: usize = 16;
const DEFLATED_LENGTH: usize = 20;
const LENGTH: usize = 24;
const NAME_LENGTH: usize = 28;
const EXTRA_LENGTH: usize = 30;
const COMMENT_LENGTH: usize = 32;
const PLACE: usize = 42;
const NAME: usize = 46;

/// The offsets of fields in the local header before a file, which repeats its name and extras.
const LOCAL_NAME_LENGTH: usize = 26;
const LOCAL_EXTRA_LENGTH: usize = 28;
const LOCAL_NAME: usize = 30;

const DEFLATED: usize = 8;

/// A file of an archive.
pub(super) struct Entry {
    deflated: &'static [u8],
    checksum: &'static [u8],
    length: &'static [u8],
}

impl Entry {
    /// The first file of `archive` whose path ends with `path`.
    ///
    /// # Panics
    /// At compile time, in a constant, when there is none or it is not deflated.
    pub const fn of(archive: &'static [u8], path: &str) -> Self {
        let end = end(archive);
        let mut record = u32_at(archive, end + END_DIRECTORY);
        let mut left = u16_at(archive, end + END_COUNT);
        while left > 0 {
            let after_name = record + NAME + u16_at(archive, record + NAME_LENGTH);
            if ends_with(archive, after_name, path.as_bytes()) {
                return Self::at(archive, record);
            }
            record = after_name
                + u16_at(archive, record + EXTRA_LENGTH)
                + u16_at(archive, record + COMMENT_LENGTH);
            left -= 1;
        }
        panic!("the archive has no such file")
    }

    const fn at(archive: &'static [u8], record: usize) -> Self {
        let method = u16_at(archive, record + METHOD);
        assert!(method == DEFLATED, "the file is not deflated");
        let local = u32_at(archive, record + PLACE);
        let start = local
            + LOCAL_NAME
            + u16_at(archive, local + LOCAL_NAME_LENGTH)
            + u16_at(archive, local + LOCAL_EXTRA_LENGTH);
        Self {
            deflated: part(archive, start, u32_at(archive, record + DEFLATED_LENGTH)),
            checksum: part(archive, record + CHECKSUM, 4),
            length: part(archive, record + LENGTH, 4),
        }
    }

    /// How long [`gzip`](Self::gzip) is.
    pub const fn gzip_length(&self) -> usize {
        GZIP_HEAD + self.deflated.len() + GZIP_TAIL
    }

    /// The file as a gzip file.
    pub const fn gzip<const LENGTH: usize>(&self) -> [u8; LENGTH] {
        let mut gzip = [0; LENGTH];
        let (head, rest) = gzip.split_at_mut(GZIP_HEAD);
        let (deflated, rest) = rest.split_at_mut(self.deflated.len());
        let (checksum, length) = rest.split_at_mut(4);
        head.copy_from_slice(&HEAD);
        deflated.copy_from_slice(self.deflated);
        checksum.copy_from_slice(self.checksum);
        length.copy_from_slice(self.length);
        gzip
    }
}

/// The offset of the record at the end of an archive, before the comment if there is one.
const fn end(archive: &[u8]) -> usize {
    let mut at = archive.len() - END_LENGTH;
    while u32_at(archive, at) != END {
        at -= 1;
    }
    at
}

/// Whether `bytes` have `expected` just before `end`.
const fn ends_with(bytes: &[u8], end: usize, expected: &[u8]) -> bool {
    let mut left = expected.len();
    while left > 0 {
        left -= 1;
        if bytes[end - expected.len() + left] != expected[left] {
            return false;
        }
    }
    true
}

const fn part(bytes: &[u8], at: usize, length: usize) -> &[u8] {
    bytes.split_at(at).1.split_at(length).0
}

const fn u16_at(bytes: &[u8], at: usize) -> usize {
    u16::from_le_bytes([bytes[at], bytes[at + 1]]) as usize
}

const fn u32_at(bytes: &[u8], at: usize) -> usize {
    u16_at(bytes, at) | u16_at(bytes, at + 2) << 16
}
