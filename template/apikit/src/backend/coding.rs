//! Content codings: decodes bodies that are compressed, though the request did not ask for it.

use std::io::{self, Read, Write};

use axum::http::{HeaderMap, header::CONTENT_ENCODING};
use flate2::write::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

/// How many codings one body may have on top of each other. More serve no purpose.
const MAX_CODINGS: usize = 4;

/// Why a body cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CodingError {
    /// Its coding is unknown.
    Unknown(String),
    /// It is not what its coding says.
    Broken(String),
    /// It has more bytes than the limit, once decoded.
    TooLarge,
}

/// The codings of a body, the outermost first. Nearly all bodies have none.
fn codings(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(CONTENT_ENCODING).iter();
    let names = values.filter_map(|value| value.to_str().ok());
    let names = names.flat_map(|value| value.split(','));
    let names = names.map(|name| name.trim().to_ascii_lowercase());
    let mut names: Vec<_> = names
        .filter(|name| !name.is_empty() && name != "identity")
        .collect();
    names.reverse();
    names
}

/// Whether a body with these headers must be [`decoded`].
pub fn is_coded(headers: &HeaderMap) -> bool {
    headers.contains_key(CONTENT_ENCODING) && !codings(headers).is_empty()
}

/// A whole body, decoded: from gzip or from deflate, with or without zlib's header. It may have at most `limit` bytes
/// then.
///
/// # Errors
/// When it is in another coding, broken, or larger.
pub fn decoded(headers: &HeaderMap, body: &[u8], limit: usize) -> Result<Vec<u8>, CodingError> {
    decoded_while(headers, body, |length| length <= limit)
}

/// As [`decoded`], as long as the decoded body may have the length that it grows to.
///
/// # Errors
/// As there.
pub fn decoded_while(
    headers: &HeaderMap,
    body: &[u8],
    mut may_have: impl FnMut(usize) -> bool,
) -> Result<Vec<u8>, CodingError> {
    let codings = codings(headers);
    if codings.len() > MAX_CODINGS {
        return Err(CodingError::Unknown(codings.join(", ")));
    }
    codings.into_iter().try_fold(body.to_vec(), |body, coding| {
        // An empty body, as of a HEAD or a 304, is no stream of its coding.
        match (body.is_empty(), coding.as_str()) {
            (true, _) => Ok(body),
            (_, "gzip" | "x-gzip") => {
                let decoder = MultiGzDecoder::new(Bounded::new(&mut may_have));
                through(decoder, &body, MultiGzDecoder::finish, coding)
            }
            (_, "deflate") if is_zlib(&body) => {
                let decoder = ZlibDecoder::new(Bounded::new(&mut may_have));
                through(decoder, &body, ZlibDecoder::finish, coding)
            }
            (_, "deflate") => {
                let decoder = DeflateDecoder::new(Bounded::new(&mut may_have));
                through(decoder, &body, DeflateDecoder::finish, coding)
            }
            _ => Err(CodingError::Unknown(coding)),
        }
    })
}

/// Whether a body begins as zlib's do. Some servers mean the bare stream by `deflate`.
fn is_zlib(body: &[u8]) -> bool {
    match body {
        [method, flags, ..] => {
            method & 0x0f == 8 && (u16::from(*method) << 8 | u16::from(*flags)).is_multiple_of(31)
        }
        _ => false,
    }
}

fn through<'a, D: Write>(
    mut decoder: D,
    mut body: &[u8],
    finish: impl FnOnce(D) -> io::Result<Bounded<'a>>,
    coding: String,
) -> Result<Vec<u8>, CodingError> {
    let mut piece = [0; 8 * 1024];
    loop {
        let read = body.read(&mut piece).unwrap_or_default();
        if read == 0 {
            break;
        }
        decoder
            .write_all(&piece[..read])
            .map_err(|error| fault(&error, &coding))?;
    }
    let bounded = finish(decoder).map_err(|error| fault(&error, &coding))?;
    Ok(bounded.body)
}

fn fault(error: &io::Error, coding: &str) -> CodingError {
    match error.kind() {
        io::ErrorKind::FileTooLarge => CodingError::TooLarge,
        _ => CodingError::Broken(coding.to_owned()),
    }
}

/// Bytes with a limit on their number.
struct Bounded<'a> {
    body: Vec<u8>,
    may_have: &'a mut dyn FnMut(usize) -> bool,
}

impl<'a> Bounded<'a> {
    fn new(may_have: &'a mut dyn FnMut(usize) -> bool) -> Self {
        Self {
            body: Vec::new(),
            may_have,
        }
    }
}

impl Write for Bounded<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !(self.may_have)(self.body.len() + bytes.len()) {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.body.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use flate2::{
        Compression,
        write::{DeflateEncoder, GzEncoder, ZlibEncoder},
    };

    use super::*;

    const TEXT: &[u8] = b"2m 41s";

    fn named(codings: &str) -> HeaderMap {
        let value = HeaderValue::from_str(codings).expect("it is a header");
        HeaderMap::from_iter([(CONTENT_ENCODING, value)])
    }

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).expect("memory takes it");
        encoder.finish().expect("memory takes it")
    }

    #[test]
    fn a_body_is_decoded_as_its_header_says() {
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
        zlib.write_all(TEXT).expect("memory takes it");
        let mut bare = DeflateEncoder::new(Vec::new(), Compression::default());
        bare.write_all(TEXT).expect("memory takes it");
        let members = [gzip(b"2m "), gzip(b"41s")].concat();
        for (codings, body) in [
            ("gzip", gzip(TEXT)),
            ("X-GZIP", gzip(TEXT)),
            ("gzip, identity", gzip(TEXT)),
            ("gzip, gzip", gzip(&gzip(TEXT))),
            ("gzip", members),
            ("deflate", zlib.finish().expect("memory takes it")),
            ("deflate", bare.finish().expect("memory takes it")),
            ("identity", TEXT.to_vec()),
        ] {
            let found = decoded(&named(codings), &body, 100);
            assert_eq!(found.as_deref(), Ok(TEXT), "{codings}");
        }
        assert_eq!(decoded(&named("gzip"), b"", 100), Ok(vec![]));
    }

    #[test]
    fn what_cannot_be_decoded_is_named() {
        for (codings, body, error) in [
            ("br", TEXT.to_vec(), CodingError::Unknown("br".to_owned())),
            (
                "gzip",
                TEXT.to_vec(),
                CodingError::Broken("gzip".to_owned()),
            ),
            (
                "gzip",
                gzip(TEXT)[..10].to_vec(),
                CodingError::Broken("gzip".to_owned()),
            ),
            ("gzip", gzip(&[0; 101]), CodingError::TooLarge),
        ] {
            assert_eq!(
                decoded(&named(codings), &body, 100),
                Err(error),
                "{codings}"
            );
        }
    }

    /// A gigabyte of zeros in a megabyte, twice over in a kilobyte.
    #[test]
    fn a_bomb_takes_no_more_than_the_limit() {
        let bomb = gzip(&gzip(&vec![0; 50_000_000]));
        let body = decoded(&named("gzip, gzip"), &bomb, 100_000);
        assert_eq!(body, Err(CodingError::TooLarge));
    }
}
