//! Reads headers whose values have weights, such as `Accept` and `Accept-Encoding` (RFC 9110, 12.4.2).

use axum::http::{HeaderMap, HeaderName};

/// The values of a header, with their weights in thousandths: 1000 where a value has none, and 0 where it is refused or
/// its weight is no weight. Other parameters are left out.
pub(super) fn weighted(request: &HeaderMap, name: HeaderName) -> impl Iterator<Item = (&str, u16)> {
    let values = request.get_all(name).into_iter();
    let values = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    values.map(|value| {
        let mut parameters = value.split(';').map(str::trim);
        let value = parameters.next().unwrap_or_default();
        let weight = parameters.find(|parameter| {
            let name = parameter.split('=').next().unwrap_or_default();
            name.eq_ignore_ascii_case("q")
        });
        let weight = weight.map_or(Some(1000), thousandths);
        (value, weight.unwrap_or(0))
    })
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
