//! Content codings: decodes bodies that are compressed, though requests ask for plain ones.

use std::io::Read;

use axum::http::{HeaderMap, header::CONTENT_ENCODING};
use flate2::bufread::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

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

/// The codings of a body as a header names them, the outermost last.
pub fn named(headers: &HeaderMap) -> String {
    let mut codings = codings(headers);
    codings.reverse();
    codings.join(", ")
}

/// Whether a body with these headers must be decoded.
pub fn is_coded(headers: &HeaderMap) -> bool {
    headers.contains_key(CONTENT_ENCODING) && !codings(headers).is_empty()
}

/// A whole body, decoded, with at most `limit` bytes.
///
/// # Errors
/// As [`decoded_while`].
#[cfg(any(test, feature = "bitly-proxy"))]
pub fn decoded(headers: &HeaderMap, body: &[u8], limit: usize) -> Result<Vec<u8>, CodingError> {
    decoded_while(headers, body, |length| length <= limit)
}

/// A whole body, decoded: from gzip or from deflate, with or without zlib's header. It `may_have` as many bytes as there come
/// to be: those of the decoded body, and of what is between two codings.
///
/// # Errors
/// When it is in another coding, broken, or larger.
pub fn decoded_while(
    headers: &HeaderMap,
    body: &[u8],
    mut may_have: impl FnMut(usize) -> bool,
) -> Result<Vec<u8>, CodingError> {
    let codings = codings(headers);
    if codings.len() > MAX_CODINGS {
        return Err(CodingError::Unknown(named(headers)));
    }
    let mut between: Option<Vec<u8>> = None;
    for coding in codings {
        let held = between.as_ref().map_or(0, Vec::len);
        let body = between.as_deref().unwrap_or(body);
        between = Some(read(&coding, body, |length| may_have(held + length))?);
    }
    Ok(between.unwrap_or_else(|| body.to_vec()))
}

fn read(
    coding: &str,
    body: &[u8],
    mut may_have: impl FnMut(usize) -> bool,
) -> Result<Vec<u8>, CodingError> {
    let mut decoder = decoder(coding, body)?;
    let (mut decoded, mut piece) = (Vec::new(), [0; 8 * 1024]);
    loop {
        match decoder.read(&mut piece) {
            Ok(0) => return Ok(decoded),
            Ok(length) if may_have(decoded.len() + length) => {
                decoded.extend_from_slice(&piece[..length]);
            }
            Ok(_) => return Err(CodingError::TooLarge),
            Err(_) => return Err(CodingError::Broken(coding.to_owned())),
        }
    }
}

/// The beginning of a body, decoded, with at most `limit` bytes: what comes before its end, or before the place from
/// which it cannot be decoded.
pub fn beginning(headers: &HeaderMap, body: Vec<u8>, limit: usize) -> Vec<u8> {
    let codings = codings(headers).into_iter().take(MAX_CODINGS);
    codings.fold(body, |body, coding| {
        let mut beginning = Vec::new();
        if let Ok(decoder) = decoder(&coding, &body) {
            // What was read before an error stays.
            let _ = decoder.take(limit as u64).read_to_end(&mut beginning);
        }
        beginning
    })
}

fn decoder<'a>(coding: &str, body: &'a [u8]) -> Result<Box<dyn Read + 'a>, CodingError> {
    Ok(match coding {
        // An empty body, as of a HEAD or a 304, is no stream of its coding.
        _ if body.is_empty() => Box::new(body),
        "gzip" | "x-gzip" => Box::new(MultiGzDecoder::new(body)),
        "deflate" if is_zlib(body) => Box::new(ZlibDecoder::new(body)),
        "deflate" => Box::new(DeflateDecoder::new(body)),
        _ => return Err(CodingError::Unknown(coding.to_owned())),
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

#[cfg(test)]
mod tests {
    use std::io::Write;

    use axum::http::HeaderValue;
    use flate2::{
        Compression,
        write::{DeflateEncoder, GzEncoder, ZlibEncoder},
    };

    use super::*;

    const TEXT: &[u8] = b"2m 41s";

    fn coded(codings: &str) -> HeaderMap {
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
            let found = decoded(&coded(codings), &body, 100);
            assert_eq!(found.as_deref(), Ok(TEXT), "{codings}");
        }
        assert_eq!(decoded(&coded("gzip"), b"", 100), Ok(vec![]));
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
            (
                "deflate",
                gzip(TEXT)[10..14].to_vec(),
                CodingError::Broken("deflate".to_owned()),
            ),
            ("gzip", gzip(&[0; 101]), CodingError::TooLarge),
        ] {
            assert_eq!(
                decoded(&coded(codings), &body, 100),
                Err(error),
                "{codings}"
            );
        }
    }

    /// What is between two codings is held, too.
    #[test]
    fn all_that_is_held_is_counted() {
        let text: Vec<u8> = (0..100_000).map(|_| fastrand::u8(..)).collect();
        for (codings, body, held) in [
            ("gzip", gzip(&text), 100_000..100_001),
            ("gzip, gzip", gzip(&gzip(&text)), 200_000..201_000),
            (
                "gzip, gzip, gzip",
                gzip(&gzip(&gzip(&text))),
                200_000..201_000,
            ),
        ] {
            let mut most = 0;
            let read = decoded_while(&coded(codings), &body, |length| {
                most = most.max(length);
                true
            });
            assert_eq!(read.as_deref(), Ok(&text[..]), "{codings}");
            assert!(held.contains(&most), "{codings}: {most}");
        }
    }

    /// 50 MB of zeros, packed twice into a few hundred bytes.
    #[test]
    fn a_bomb_takes_no_more_than_the_limit() {
        let bomb = gzip(&gzip(&vec![0; 50_000_000]));
        let body = decoded(&coded("gzip, gzip"), &bomb, 100_000);
        assert_eq!(body, Err(CodingError::TooLarge));
    }
}
