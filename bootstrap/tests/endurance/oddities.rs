//! Requests that nobody should send, from the odd to the malicious, and some that are broken at random.

/// What becomes of a request.
#[derive(Clone, Copy, PartialEq)]
pub enum Fate {
    /// It is odd and right: it is answered.
    Answered,
    /// It is refused or cut off, and nothing behind it is read as another request.
    Refused,
}

use Fate::{Answered, Refused};

/// Requests, from the odd to the malicious.
pub fn requests() -> Vec<(Fate, String)> {
    let smuggled = "GET /metadata HTTP/1.1\r\nhost: a\r\n\r\n";
    let post = "POST /build/time HTTP/1.1\r\nhost: a\r\n";
    let mut requests = vec![
        (Answered, "GET / HTTP/1.0\r\n\r\n".to_owned()),
        (
            Answered,
            "GET http://other.example/metadata HTTP/1.1\r\nhost: a\r\n\r\n".to_owned(),
        ),
        (
            Answered,
            "HEAD /metadata HTTP/1.1\r\nhost: a\r\n\r\n".to_owned(),
        ),
        (Answered, "OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n".to_owned()),
    ];
    let mut refuse = |request: String| requests.push((Refused, request));
    for line in [
        "GET * HTTP/1.1",
        "GET / HTTP/1.1\r\nhost: b",
        "CONNECT other.example:443 HTTP/1.1",
        "GET /%zz/%ff HTTP/1.1",
        "GET /../../etc/passwd HTTP/1.1",
        "GET / HTTP/3.0",
        "GET / HTTP/0.9",
        "GET",
        "get\u{0} / HTTP/1.1",
    ] {
        refuse(format!("{line}\r\nhost: a\r\n\r\n"));
    }
    refuse("\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}".to_owned()); // TLS
    refuse("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned());

    // Floods.
    let flood = "a".repeat(1024 * 1024);
    refuse(format!("GET /{flood} HTTP/1.1\r\nhost: a\r\n\r\n"));
    refuse(format!("GET /?{flood} HTTP/1.1\r\nhost: a\r\n\r\n"));
    refuse(format!("GET / HTTP/1.1\r\nhost: a\r\nx: {flood}\r\n\r\n"));
    refuse(format!(
        "GET / HTTP/1.1\r\nhost: a\r\n{}\r\n",
        "x: a\r\n".repeat(10_000)
    ));
    refuse(format!("GET / HTTP/1.1\r\n{flood}: a\r\n\r\n"));
    refuse(flood.clone());

    // Heads that are none.
    for header in [
        "no colon",
        ": no name",
        "a b: c",
        "x: \u{0}",
        " folded: a",
        "x: a\r\n\tfolded",
    ] {
        refuse(format!(
            "GET /nowhere HTTP/1.1\r\nhost: a\r\n{header}\r\n\r\n"
        ));
    }

    // Bodies whose length is a matter of opinion.
    for headers in [
        "content-length: 44\r\ntransfer-encoding: chunked",
        "transfer-encoding: chunked\r\ncontent-length: 44",
        "content-length: 5\r\ncontent-length: 6",
        "content-length: 5, 6",
        "content-length: +5",
        "content-length: -1",
        "content-length: 0x5",
        "content-length: 5 5",
        "content-length: 99999999999999999999",
        "transfer-encoding: identity",
        "transfer-encoding: chunked, identity",
        "transfer-encoding: xchunked",
        "transfer-encoding: chunked\r\ntransfer-encoding: identity",
        "transfer-encoding : chunked",
        "transfer-encoding:\u{b}chunked",
    ] {
        refuse(format!("{post}{headers}\r\n\r\n0\r\n\r\n{smuggled}"));
    }
    refuse(format!(
        "POST /build/time HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}"
    ));
    for chunks in [
        "FFFFFFFFFFFFFFFFF\r\n".to_owned(),
        "-1\r\n".to_owned(),
        "zz\r\n".to_owned(),
        "5\r\nhello world\r\n".to_owned(),
        format!("1;{flood}\r\na\r\n"),
        format!("{}\r\na\r\n", "0".repeat(100_000)),
        format!("0\r\n{}\r\n", "x: a\r\n".repeat(100_000)),
    ] {
        refuse(format!(
            "{post}transfer-encoding: chunked\r\n\r\n{chunks}{smuggled}"
        ));
    }
    requests
}

/// What a broken request is before.
const REQUEST: &[u8] = b"GET /build/time?a=%20b HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\
    authorization: Basic YTpi\r\nx-request-id: a\r\n\r\n";

/// What looks like chance, and is the same in each run.
pub struct Random(pub u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        // xorshift64
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }

    /// A request with some of its bytes changed, left out or put between.
    pub fn broken(&mut self) -> Vec<u8> {
        let mut bytes = REQUEST.to_vec();
        for _ in 0..=self.below(4) {
            let place = self.below(bytes.len());
            match self.below(3) {
                0 => bytes[place] = self.below(256) as u8,
                1 => drop(bytes.remove(place)),
                _ => bytes.insert(place, b"\r\n \0:/%\xff"[self.below(8)]),
            }
        }
        bytes
    }
}
