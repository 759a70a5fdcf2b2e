//! The encoding of a page, which its forms send their data in as well.

use axum::http::HeaderMap;
use encoding_rs::{Encoding, REPLACEMENT, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252, X_USER_DEFINED};

use super::{
    dom::{Dom, Id},
    is_blank,
};
use crate::backend::response::charset;

/// How many bytes of a page are searched for its own `meta` with an encoding.
const PRESCAN: usize = 1024;

/// Reads a page: by its byte-order mark, its `Content-Type`, its own `meta`, or else as UTF-8 if it is that, and as
/// windows-1252 if not.
pub fn decoded(body: &[u8], headers: &HeaderMap) -> (String, &'static Encoding) {
    let declared = charset(headers).or_else(|| declared_within(&body[..body.len().min(PRESCAN)]));
    let encoding = declared.unwrap_or_else(|| match std::str::from_utf8(body) {
        Ok(_) => UTF_8,
        Err(_) => WINDOWS_1252,
    });
    let (text, encoding, _) = encoding.decode(body);
    (text.into_owned(), encoding)
}

/// The encoding that a form is sent in: what it accepts, else the page's. Text in UTF-16 is sent as UTF-8.
pub fn of_form(accepted: Option<&str>, page: &'static Encoding) -> &'static Encoding {
    // Browsers take commas as well, which HTML 4 had here.
    let labels = accepted
        .unwrap_or_default()
        .split(|c| is_blank(c) || c == ',');
    let mut known = labels.filter_map(|label| Encoding::for_label(label.as_bytes()));
    match known.next().unwrap_or(page) {
        encoding if [UTF_16BE, UTF_16LE, REPLACEMENT].contains(&encoding) => UTF_8,
        encoding => encoding,
    }
}

/// The query of a URL on a page, to be percent-encoded. What the encoding cannot spell becomes `&#1234;`, so encoded.
pub fn in_query(text: &str, page: &'static Encoding) -> Vec<u8> {
    let bytes =
        text.chars().flat_map(
            |letter| match page.encode(letter.encode_utf8(&mut [0; 4])) {
                (_, _, true) => format!("%26%23{}%3B", u32::from(letter)).into_bytes(),
                (bytes, ..) => bytes.into_owned(),
            },
        );
    bytes.collect()
}

/// The encoding that a page's own `<meta charset=…>` or `<meta http-equiv=content-type content="…; charset=…">` names.
fn declared_within(start: &[u8]) -> Option<&'static Encoding> {
    // Each byte a letter, as markup is the same in all encodings that can be declared within a page.
    let dom = Dom::parse(&WINDOWS_1252.decode_without_bom_handling(start).0);
    let mut metas = dom.elements().filter(|id| dom.is(*id, "meta"));
    let encoding = metas.find_map(|meta| Encoding::for_label(label(&dom, meta)?.as_bytes()))?;
    Some(match encoding {
        // A page that could be parsed as ASCII so far is not in UTF-16.
        _ if [UTF_16BE, UTF_16LE].contains(&encoding) => UTF_8,
        _ if encoding == X_USER_DEFINED => WINDOWS_1252,
        _ => encoding,
    })
}

fn label(dom: &Dom, meta: Id) -> Option<&str> {
    if let Some(label) = dom.attribute(meta, "charset") {
        return Some(label);
    }
    let kind = dom.attribute(meta, "http-equiv")?;
    if !kind.eq_ignore_ascii_case("content-type") {
        return None;
    }
    let content = dom.attribute(meta, "content")?;
    let begin = content.to_ascii_lowercase().find("charset")? + "charset".len();
    let rest = content[begin..]
        .trim_start_matches(is_blank)
        .strip_prefix('=')?;
    let rest = rest
        .trim_start_matches(is_blank)
        .trim_start_matches(['"', '\'']);
    rest.split(|c| is_blank(c) || "\"';".contains(c)).next()
}
