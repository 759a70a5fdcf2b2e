//! `Refresh`, as a header or in a `meta`: where a page leads by itself, as the HTML standard reads it.

use reqwest::Url;

/// The target of `0; url='/next'` in any of its spellings, such as `0;/next`, `0,URL=/next` and `0 url = "/next"`; `None` where
/// it names none, or is none at all.
pub fn target(content: &str, base: &Url) -> Option<Url> {
    let is_blank = |c: char| matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0c');
    let rest = content.trim_start_matches(is_blank);
    if !rest.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    if !rest.starts_with(|c: char| is_blank(c) || c == ';' || c == ',') {
        return None;
    }
    let rest = rest.trim_start_matches(is_blank);
    let rest = rest.strip_prefix([';', ',']).unwrap_or(rest);
    let rest = rest.trim_start_matches(is_blank);
    if rest.is_empty() {
        return None;
    }
    let target = match named(rest, is_blank) {
        Some(target) => target,
        None => rest,
    };
    let target = match target.chars().next() {
        Some(quote @ ('"' | '\'')) => target[1..].split(quote).next().unwrap_or_default(),
        _ => target,
    };
    base.join(target).ok()
}

/// The text behind `url=`.
fn named(rest: &str, is_blank: impl Fn(char) -> bool + Copy) -> Option<&str> {
    let (name, rest) = rest.split_at_checked("url".len())?;
    let rest = rest.trim_start_matches(is_blank).strip_prefix('=')?;
    name.eq_ignore_ascii_case("url")
        .then(|| rest.trim_start_matches(is_blank))
}
