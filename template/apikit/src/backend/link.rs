//! `Link` headers (RFC 8288).

use axum::http::{HeaderMap, header::LINK};
use reqwest::Url;

use super::redirect::text;

/// The target of the first link of `relation` in the answer from `page`.
pub(super) fn target(headers: &HeaderMap, relation: &str, page: &Url) -> Option<Url> {
    let values: Vec<_> = headers.get_all(LINK).iter().map(text).collect();
    let mut links = values.iter().flat_map(|value| links(value));
    let link = links.find(|link| link.has(relation) && link.is_of(page))?;
    page.join(link.target).ok()
}

/// One link of a header: `<target>; name=value; …`.
struct Link<'a> {
    target: &'a str,
    parameters: Vec<(&'a str, String)>,
}

impl Link<'_> {
    /// The first parameter of that name: later ones do not count.
    fn parameter(&self, wanted: &str) -> Option<&str> {
        let mut parameters = self.parameters.iter();
        let (_, value) = parameters.find(|(name, _)| name.eq_ignore_ascii_case(wanted))?;
        Some(value)
    }

    fn has(&self, relation: &str) -> bool {
        let relations = self.parameter("rel").unwrap_or_default();
        let mut relations = relations.split_ascii_whitespace();
        relations.any(|one| one.eq_ignore_ascii_case(relation))
    }

    /// Whether its context is `page`, and not another URL that its `anchor` names.
    fn is_of(&self, page: &Url) -> bool {
        let Some(anchor) = self.parameter("anchor") else {
            return true;
        };
        page.join(anchor).is_ok_and(|anchor| anchor == *page)
    }
}

/// The links of one header. Anything else in it is skipped.
fn links(value: &str) -> impl Iterator<Item = Link<'_>> {
    split(value, ',').into_iter().filter_map(|text| {
        let (target, rest) = text.trim().strip_prefix('<')?.split_once('>')?;
        let parameters = split(rest, ';').into_iter().filter_map(parameter);
        Some(Link {
            target: target.trim(),
            parameters: parameters.collect(),
        })
    })
}

fn parameter(text: &str) -> Option<(&str, String)> {
    let (name, value) = text.split_once('=')?;
    let value = value.trim();
    let value = match value.strip_prefix('"') {
        Some(quoted) => unquoted(quoted),
        None => value.to_owned(),
    };
    Some((name.trim(), value))
}

/// The text before the closing quote, without the backslashes of escapes.
fn unquoted(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            '"' => break,
            '\\' => plain.extend(rest.next()),
            c => plain.push(c),
        }
    }
    plain
}

/// The parts of `text` between separators that are neither within `<>` nor within quotes.
fn split(text: &str, separator: char) -> Vec<&str> {
    let (mut parts, mut start) = (Vec::new(), 0);
    let mut within = None;
    let mut protected = false;
    for (at, c) in text.char_indices() {
        match (within, c) {
            _ if protected => protected = false,
            (Some('"'), '\\') => protected = true,
            (Some(end), c) if c == end => within = None,
            (Some(_), _) => {}
            (None, '<') => within = Some('>'),
            (None, '"') => within = Some('"'),
            (None, c) if c == separator => {
                parts.push(&text[start..at]);
                start = at + c.len_utf8();
            }
            (None, _) => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn the_next_page_is_found_however_it_is_written() {
        let page: Url = "https://example.org/a/list?page=1".parse().unwrap();
        let found = |headers: &[&str]| {
            let values = headers.iter().map(|text| HeaderValue::from_str(text));
            let headers = values.map(|value| (LINK, value.unwrap())).collect();
            target(&headers, "next", &page).map(String::from)
        };
        let next = Some("https://example.org/a/list?page=2".to_owned());
        for headers in [
            &[r#"<https://example.org/a/list?page=2>; rel="next""#][..],
            &[
                r#"<https://example.org/a/list?page=9>; rel="last", <https://example.org/a/list?page=2>; rel="next""#,
            ],
            &[
                "<https://example.org/a/list?page=9>; rel=last",
                "<https://example.org/a/list?page=2>; rel=next",
            ],
            &["<?page=2>;rel=next"],
            &["<list?page=2>; rel=next"],
            &["</a/list?page=2> ; REL = \"Next\""],
            &[r#"<?page=2>; rel="last next""#],
            &[r#"<?page=2>; title="a \"b\"; rel=prev, <c>"; rel="next""#],
            &["<?page=2>; rel=next; rel=prev"],
            &["nonsense, <?page=2>; rel=next"],
            &[r#"<?page=5>; rel=next; anchor="/other", <?page=2>; rel=next"#],
            &[r#"<?page=2>; rel=next; anchor="?page=1""#],
            &["<?page=2>; flag; rel=next"],
        ] {
            assert_eq!(found(headers), next, "{headers:?}");
        }
        let with_comma = Some("https://example.org/a/list?at=1,2;3".to_owned());
        assert_eq!(found(&["<?at=1,2;3>; rel=next"]), with_comma);
        for headers in [
            &[][..],
            &[""],
            &["<?page=2>"],
            &["<?page=2>; rel=prev"],
            &["<?page=2>; rel=prev; rel=next"],
            &["<?page=2; rel=next"],
            &["?page=2; rel=next"],
            &[r#"<?page=2>; title="rel=next"#],
            &["<http://[>; rel=next"],
            &[r#"<?page=2>; rel="nextish""#],
        ] {
            assert_eq!(found(headers), None, "{headers:?}");
        }
    }
}
