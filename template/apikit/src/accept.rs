//! What a client accepts: headers whose values have weights (RFC 9110, 12.4.2), and answers that depend on them.

use axum::{
    http::{HeaderMap, HeaderName, HeaderValue, header},
    response::Response,
};

/// The values of a header with whatever parameters they have, and their weights in thousandths: 1000 where a value has
/// none, and 0 where it is refused or its weight is no weight.
pub(super) fn weighted(request: &HeaderMap, name: HeaderName) -> impl Iterator<Item = (&str, u16)> {
    let values = request.get_all(name).into_iter();
    let values = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    values.map(|value| {
        let mut ends = value.match_indices(';').map(|(end, _)| end);
        match ends.find(|end| is_weight(&value[end + 1..])) {
            None => (value.trim(), 1000),
            Some(end) => {
                let weight = thousandths(value[end + 1..].trim());
                (value[..end].trim(), weight.unwrap_or(0))
            }
        }
    })
}

/// The media types in `Accept`, without their parameters, and their weights.
pub(super) fn media_types(request: &HeaderMap) -> impl Iterator<Item = (&str, u16)> {
    weighted(request, header::ACCEPT).map(|(media_type, weight)| {
        let name = media_type.split(';').next().unwrap_or_default();
        (name.trim(), weight)
    })
}

/// An answer that depends on `Accept`.
pub(super) fn varying(mut answer: Response) -> Response {
    let accept = HeaderValue::from_static("accept");
    answer.headers_mut().append(header::VARY, accept);
    answer
}

/// Whether this, which stands behind a semicolon, begins with a weight.
fn is_weight(parameter: &str) -> bool {
    let name = parameter.split(['=', ';']).next().unwrap_or_default();
    name.trim().eq_ignore_ascii_case("q")
}

/// `q=0.5` as 500.
fn thousandths(weight: &str) -> Option<u16> {
    let value = weight.strip_prefix(['q', 'Q'])?.strip_prefix('=')?;
    let (whole, decimals) = value.split_once('.').unwrap_or((value, ""));
    let is_number = decimals.len() <= 3 && decimals.bytes().all(|byte| byte.is_ascii_digit());
    let thousandths = format!("{decimals:0<3}")
        .parse()
        .ok()
        .filter(|_| is_number)?;
    match whole {
        "0" => Some(thousandths),
        "1" if thousandths == 0 => Some(1000),
        _ => None,
    }
}
