//! `HEAD` answers as `GET` does, and sends no body.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use ureq::http::StatusCode;

use super::{
    client::{Client, USUAL},
    finding::{Checked, Objection},
    target::Target,
};

/// What a body would come within, once the head is there.
const LINGER: Duration = Duration::from_millis(300);

/// More than this is read of no head.
const LONGEST_HEAD: usize = 64 << 10;

/// `HEAD P/metadata` has the status, the type and the length of `GET`.
pub fn check(client: &Client, target: &Target, prefix: &str) -> Checked {
    let path = format!("{prefix}/metadata");
    let get = client.get(target, &path)?;
    if get.status != StatusCode::OK {
        let why = format!("{}: there is nothing to compare with", get.in_short());
        return Err(Objection::NotApplicable(why));
    }
    let head = client.ask(target, "HEAD", &path, USUAL)?;
    let expected = format!("as {}, without a body", get.in_short());
    let departs = |seen: String| Err(Objection::departs(seen, expected.clone()));
    if (head.status, head.media_type()) != (get.status, get.media_type()) {
        return departs(head.in_short());
    }
    // RFC 9110 lets HEAD go without a length, but not with another one.
    let length = head.header("content-length");
    if let Some(length) = length.filter(|length| *length != get.body.len().to_string()) {
        let seen = format!("{}, Content-Length {length}", head.in_short());
        return departs(format!("{seen} where GET sends {} bytes", get.body.len()));
    }
    if sends_a_body(target, &path, client.timeout).unwrap_or(false) {
        return departs(format!("{}, and a body", head.in_short()));
    }
    Ok(head.in_short())
}

/// Whether something follows the head. HTTP clients do not look, so the bytes are read here; behind TLS nobody does.
fn sends_a_body(target: &Target, path: &str, timeout: Duration) -> io::Result<bool> {
    let url = target.origin();
    if url.scheme() != "http" {
        return Ok(false);
    }
    let addresses = url.socket_addrs(|| None)?;
    let mut deadline = Instant::now() + timeout;
    let mut stream = connect(&addresses, timeout)?;
    stream.set_write_timeout(Some(timeout))?;
    let host = url.authority();
    write!(
        stream,
        "HEAD {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    )?;
    let mut read = Vec::new();
    let mut piece = [0; 4096];
    let mut head_has_ended = false;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() || read.len() > LONGEST_HEAD {
            return Ok(false);
        }
        stream.set_read_timeout(Some(left))?;
        let count = match stream.read(&mut piece) {
            Ok(0) => return Ok(false),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        read.extend_from_slice(&piece[..count]);
        let end = read.windows(4).position(|bytes| bytes == b"\r\n\r\n");
        if let Some(end) = end {
            if read.len() > end + 4 {
                return Ok(true);
            }
            if !head_has_ended {
                head_has_ended = true;
                deadline = deadline.min(Instant::now() + LINGER);
            }
        }
    }
}

fn connect(addresses: &[std::net::SocketAddr], timeout: Duration) -> io::Result<TcpStream> {
    let mut tried = addresses
        .iter()
        .map(|address| TcpStream::connect_timeout(address, timeout));
    let first = tried.next().unwrap_or(Err(ErrorKind::NotFound.into()));
    first.or_else(|error| tried.find_map(Result::ok).ok_or(error))
}
