//! House: picks single files out of a ZIP archive while the program is compiled.
//!
//! A file in a ZIP archive is a deflated stream with a checksum and a length, and so is a gzip file. So
//! what browsers take is copied over as it is, and the rest of the archive never gets into the program.

use super::super::asset::{GZIP_HEAD, GZIP_TAIL};

/// What a gzip file begins with: its mark, "deflated", no flags, no time, nothing else to say.
const HEAD: [u8; GZIP_HEAD] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// The mark of the record at the end of an archive, its length without a comment, and what it says of
/// the directory.
const END: usize = 0x0605_4b50;
const END_LENGTH: usize = 22;
const END_COUNT: usize = 10;
const END_DIRECTORY: usize = 16;

/// What the directory says of a file, in bytes from the beginning of the file's record.
const METHOD: usize = 10;
const CHECKSUM: usize = 16;
const DEFLATED_LENGTH: usize = 20;
const LENGTH: usize = 24;
const NAME_LENGTH: usize = 28;
const EXTRA_LENGTH: usize = 30;
const COMMENT_LENGTH: usize = 32;
const PLACE: usize = 42;
const NAME: usize = 46;

/// What stands before a file: again its name and extras, behind other things.
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

/// Where the record at the end of an archive is: as far from the end as its comment is long.
const fn end(archive: &[u8]) -> usize {
    let mut at = archive.len() - END_LENGTH;
    while u32_at(archive, at) != END {
        at -= 1;
    }
    at
}

/// Whether `expected` stands right before `end`.
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
