//! Refuses requests whose target or `Host` names no place on this server (RFC 9112, 3.2).

use std::net::Ipv6Addr;

use axum::{
    extract::MatchedPath,
    http::{HeaderValue, Method, Request, Version, header::HOST},
};

use crate::{
    error::{BackendError, Result},
    requested_uri::requested,
};

/// How much of a value is named in a refusal: more than any name of a host has.
const MAX_NAMED: usize = 300;

/// Why a request is refused, among its extensions until [`limits::Head`](crate::limits::Head) answers so: within the
/// layers that log and count it. Only what came over a connection is checked, so that tests may call a router with a
/// request that has no `Host`.
#[derive(Clone, Debug)]
struct Refusal(String);

/// Checks the target and the `Host` of a request, and leaves the authority of a target such as `http://host/path` as
/// its `Host`: it wins (RFC 9112, 3.2.2).
pub(crate) fn check<B>(request: &mut Request<B>) {
    match refusal(request) {
        Some(refusal) => {
            request.extensions_mut().insert(refusal);
        }
        None => prefer_authority(request),
    }
}

/// What [`check`] found, as an error.
pub(crate) fn checked<B>(request: &Request<B>) -> Result<()> {
    match request.extensions().get::<Refusal>() {
        None => Ok(()),
        Some(Refusal(why)) => Err(BackendError::bad_request(why)),
    }
}

/// Whether [`check`] refused the request.
pub(crate) fn is_refused<B>(request: &Request<B>) -> bool {
    request.extensions().get::<Refusal>().is_some()
}

/// Refuses a path such as `//x` with 404, where a parameter of its route would be empty. A wildcard may have empty
/// segments within.
pub(crate) fn without_empty_parameters<B>(request: &Request<B>) -> Result<()> {
    let path = request.uri().path();
    // Pairs of bytes, as the search for a string costs ten times as much.
    let mut pairs = path.as_bytes().windows(2);
    if !pairs.any(|pair| pair[0] == b'/' && pair[1] == b'/') {
        return Ok(());
    }
    let route = request.extensions().get::<MatchedPath>();
    // A nested service finds its parameters by itself.
    let has_empty = route.is_none_or(|route| {
        let segments = route.as_str().split('/').zip(path.split('/')).skip(1);
        segments
            .take_while(|(pattern, _)| !pattern.starts_with("{*"))
            .any(|(_, segment)| segment.is_empty())
    });
    match has_empty {
        true => Err(BackendError::not_found(nothing_at(
            requested(request).path(),
        ))),
        false => Ok(()),
    }
}

/// What an unknown path is told.
pub(crate) fn nothing_at(path: &str) -> String {
    format!("Nothing is served at {path}.")
}

fn refusal<B>(request: &Request<B>) -> Option<Refusal> {
    of_target(request).or_else(|| of_host(request))
}

fn of_target<B>(request: &Request<B>) -> Option<Refusal> {
    let (method, path) = (request.method(), request.uri().path());
    if path.starts_with('/') && *method != Method::CONNECT {
        return None;
    }
    let why = match (method.as_str(), path) {
        ("OPTIONS", "*") => return None,
        // The preface of HTTP/2, as `connection` lets it through.
        ("PRI", "*") => "HTTP/2 is not spoken here, but HTTP/1.1.".to_owned(),
        ("CONNECT", _) => "CONNECT is for proxies, and this is none (RFC 9112, 3.2.3).".to_owned(),
        _ => {
            let target = named(request.uri().to_string().as_bytes());
            format!("The target {target} is neither a path nor a URL (RFC 9112, 3.2).")
        }
    };
    Some(Refusal(why))
}

fn of_host<B>(request: &Request<B>) -> Option<Refusal> {
    // A look at each of a few headers costs less than a search by name.
    let headers = request.headers().iter();
    let mut hosts = headers.filter_map(|(name, value)| (*name == HOST).then_some(value));
    let why = match (hosts.next(), hosts.next()) {
        (Some(first), Some(second)) => format!(
            "The request has more than one Host, {} and {}, where one is allowed (RFC 9112, 3.2).",
            named(first.as_bytes()),
            named(second.as_bytes()),
        ),
        (Some(host), None) if !is_host(host.as_bytes()) => invalid("Host", host.as_bytes()),
        (None, _) if request.version() >= Version::HTTP_11 => {
            "The request has no Host, which HTTP/1.1 requires (RFC 9112, 3.2).".to_owned()
        }
        _ => {
            let authority = request.uri().authority()?.as_str();
            let is_valid = !authority.starts_with(':') && is_host(authority.as_bytes());
            if is_valid {
                return None;
            }
            invalid("host of the target", authority.as_bytes())
        }
    };
    Some(Refusal(why))
}

fn invalid(what: &str, value: &[u8]) -> String {
    let value = named(value);
    format!("The {what} {value} is no host with an optional port (RFC 9112, 3.2).")
}

/// A value as a refusal names it: in quotes, on one line, and not too long.
fn named(value: &[u8]) -> String {
    let text = String::from_utf8_lossy(value);
    format!("{:?}", text.chars().take(MAX_NAMED).collect::<String>())
}

fn prefer_authority<B>(request: &mut Request<B>) {
    let Some(authority) = request.uri().authority() else {
        return;
    };
    if let Ok(host) = HeaderValue::from_str(authority.as_str()) {
        request.headers_mut().insert(HOST, host);
    }
}

/// Whether `value` is `uri-host [ ":" port ]` (RFC 9110, 7.2). It may be empty.
fn is_host(value: &[u8]) -> bool {
    if let [b'[', rest @ ..] = value {
        let Some(end) = rest.iter().position(|byte| *byte == b']') else {
            return false;
        };
        return is_address(&rest[..end]) && is_end(&rest[end + 1..]);
    }
    is_end(after_name(value))
}

/// What stands after a host: nothing, or a colon and a port, which may be empty.
fn is_end(bytes: &[u8]) -> bool {
    match bytes {
        [] => true,
        [b':', port @ ..] => is_port(port),
        _ => false,
    }
}

fn is_port(digits: &[u8]) -> bool {
    let mut number = 0;
    for digit in digits {
        number = number * 10 + u32::from(digit.wrapping_sub(b'0'));
        if !digit.is_ascii_digit() || number > u32::from(u16::MAX) {
            return false;
        }
    }
    true
}

/// What follows a registered name or an IPv4 address (RFC 3986, 3.2.2). A comma is refused though it is legal there: two
/// `Host` lines that somebody has joined would have it.
fn after_name(value: &[u8]) -> &[u8] {
    let mut rest = value;
    loop {
        let end = rest.iter().position(|byte| !is_name_byte(*byte));
        rest = match &rest[end.unwrap_or(rest.len())..] {
            [b'%', high, low, rest @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                rest
            }
            rest => return rest,
        };
    }
}

/// RFC 3986 calls these unreserved, or delimiters within a component.
const fn is_name_byte(byte: u8) -> bool {
    NAME_BYTES[byte as usize]
}

/// A table, since each request has a host.
const NAME_BYTES: [bool; 256] = {
    let mut table = [false; 256];
    let mut bytes: &[u8] =
        b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-._~!$&'()*+;=";
    while let [byte, rest @ ..] = bytes {
        table[*byte as usize] = true;
        bytes = rest;
    }
    table
};

/// What stands between brackets: an IPv6 address, or one of a later version, such as `v7.host` (RFC 3986, 3.2.2).
fn is_address(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return false;
    };
    let Some((version, address)) = text
        .strip_prefix(['v', 'V'])
        .and_then(|rest| rest.split_once('.'))
    else {
        return text.parse::<Ipv6Addr>().is_ok();
    };
    let is_version = !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_address = |byte: u8| is_name_byte(byte) || byte == b':' || byte == b',';
    is_version && !address.is_empty() && address.bytes().all(is_address)
}
