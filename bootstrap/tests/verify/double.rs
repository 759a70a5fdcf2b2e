//! A service on loopback that keeps the contract, but for what a test has it answer otherwise.

use std::{
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
    time::Duration,
};

use serde_json::{Value, json};

/// Where the service is, below the root of its host.
pub const ROUTE: &str = "/build-times";

/// What a request is answered.
#[derive(Clone)]
pub enum Reply {
    /// Nothing, for longer than anybody waits.
    Silence,
    /// A body without an end, as fast as it is taken.
    Endless,
    /// A byte now and then.
    Trickle,
    /// This, whatever it is.
    Raw(String),
    /// A status, headers and a body; `HEAD` goes without the body.
    Full(u16, Vec<(String, String)>, String),
}

/// A departure: the method, the path, and the reply in the place of the right one.
pub type Departure = (&'static str, String, Reply);

/// A running double, until the tests end.
pub struct Double {
    pub address: SocketAddr,
}

impl Double {
    pub fn start(departures: Vec<Departure>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let departures = departures.clone();
                thread::spawn(move || answer(stream, &departures));
            }
        });
        Self { address }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

/// JSON with a status.
pub fn json_reply(status: u16, body: &Value) -> Reply {
    reply(status, "application/json", &body.to_string())
}

/// A body with a status and a type.
pub fn reply(status: u16, kind: &str, body: &str) -> Reply {
    let kind = ("Content-Type".to_owned(), kind.to_owned());
    Reply::Full(status, vec![kind], body.to_owned())
}

/// A reply with one more header.
pub fn with(reply: Reply, name: &str, value: &str) -> Reply {
    let Reply::Full(status, mut headers, body) = reply else {
        panic!("only a full reply has headers")
    };
    headers.push((name.to_owned(), value.to_owned()));
    Reply::Full(status, headers, body)
}

/// An error in the shape.
pub fn error(status: u16, reason: &str) -> Reply {
    json_reply(
        status,
        &json!({"reason": reason, "status_code": status, "error_content": null}),
    )
}

pub fn metadata() -> Value {
    json!({
        "name": "build-times",
        "description": "How long builds take",
        "repository": "https://example.org/build-times",
        "version": "0.1.0",
        "api_version": "1.0",
        "auth": "basic",
    })
}

pub fn document() -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {"title": "build-times", "version": "0.1.0"},
        "servers": [{"url": ROUTE}],
        "paths": {
            "/": {"servers": [{"url": "/"}], "get": {}},
            "/metadata": {"get": {}},
            "/{job}/{metric}": {
                "get": {"security": [{"basic": []}]},
                "delete": {"security": [{"basic": []}]},
            },
        },
    })
}

/// What the contract has for a request.
fn right(method: &str, path: &str) -> Reply {
    let below = path.strip_prefix(ROUTE).unwrap_or(path);
    let method = if method == "HEAD" { "GET" } else { method };
    let is_metadata = ["/metadata", "/v1.0/metadata", "/1.0/metadata"]
        .iter()
        .any(|spelling| below.trim_end_matches(".json") == *spelling);
    match (method, below) {
        ("GET", "/" | "/healthz" | "/readyz") => reply(200, "text/plain; charset=utf-8", "OK"),
        ("GET", _) if is_metadata => with(
            json_reply(200, &metadata()),
            "Link",
            "</build-times/openapi.json>; rel=\"service-desc\", </build-times/docs>; rel=\"service-doc\", \
             </build-times/metadata>; rel=\"service-meta\"",
        ),
        (_, _) if is_metadata => with(error(405, "Method Not Allowed"), "Allow", "GET,HEAD"),
        ("GET", "/openapi.json") => json_reply(200, &document()),
        ("GET", "/docs") => reply(200, "text/html; charset=utf-8", "<title>API</title>"),
        ("GET", "/x/x") => with(
            error(401, "Unauthorized"),
            "WWW-Authenticate",
            "Basic realm=\"build-times\", charset=\"UTF-8\"",
        ),
        _ => error(404, "Not Found"),
    }
}

fn answer(mut stream: TcpStream, departures: &[Departure]) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let Some(Ok(request)) = lines.next() else {
        return;
    };
    let headers: Vec<_> = lines
        .map_while(Result::ok)
        .take_while(|line| !line.is_empty())
        .collect();
    for header in &headers {
        let name = header.to_ascii_lowercase();
        let secret = ["authorization:", "cookie:", "proxy-authorization:"];
        assert!(!secret.iter().any(|secret| name.starts_with(secret)));
    }
    let mut words = request.split(' ');
    let (method, path) = (words.next().unwrap(), words.next().unwrap());
    let fits = |of: &str| of == method || of == "*" || (of == "GET" && method == "HEAD");
    let mut departures = departures.iter();
    let departure = departures.find(|(of, at, _)| fits(of) && (at == path || at == "*"));
    let reply = departure.map_or_else(|| right(method, path), |(_, _, reply)| reply.clone());
    // Whoever has seen enough of an answer leaves.
    let _ = send(&mut stream, method, reply, &headers);
}

fn send(
    stream: &mut TcpStream,
    method: &str,
    reply: Reply,
    headers: &[String],
) -> std::io::Result<()> {
    match reply {
        Reply::Silence => thread::sleep(Duration::from_secs(60)),
        Reply::Endless => {
            write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
            )?;
            loop {
                stream.write_all(&[b' '; 65_536])?;
            }
        }
        Reply::Trickle => {
            write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
            )?;
            loop {
                stream.write_all(b" ")?;
                thread::sleep(Duration::from_millis(100));
            }
        }
        Reply::Raw(text) => stream.write_all(text.as_bytes())?,
        Reply::Full(status, mut own, body) => {
            // Given back, unless a test has another one.
            let id = headers.iter().filter_map(|line| line.split_once(": "));
            let mut id = id.filter(|(name, _)| name.eq_ignore_ascii_case("x-request-id"));
            if let Some((_, id)) = id.next()
                && !own.iter().any(|(name, _)| name == "X-Request-Id")
            {
                own.push(("X-Request-Id".to_owned(), id.to_owned()));
            }
            write!(stream, "HTTP/1.1 {status} Status\r\nConnection: close\r\n")?;
            for (name, value) in own {
                write!(stream, "{name}: {value}\r\n")?;
            }
            write!(stream, "Content-Length: {}\r\n\r\n", body.len())?;
            if method != "HEAD" {
                stream.write_all(body.as_bytes())?;
            }
        }
    }
    Ok(())
}
