//! The bytes of a connection: each answer is one of HTTP, and each error has the one shape, but for the few that hyper itself
//! gives to what it cannot read.

#![no_main]

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr},
    sync::LazyLock,
    time::Duration,
};

use apikit::{App, Auth, Identity, Metadata, testing::TestApp};
use axum::{Router, routing::any};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use socket2::{Domain, Socket, Type};
use tokio::runtime::Runtime;
use utoipa_axum::router::OpenApiRouter;

const IDENTITY: Identity = Identity {
    metadata: Metadata {
        name: "fuzzed",
        description: "A service for fuzzing.",
        repository: "https://example.org/fuzzed",
        version: "1.2.3",
        api_version: "1.0",
        auth: Auth::Basic,
    },
    route: "/fuzzed",
    listen: "127.0.0.1:0",
    header: ("", ""),
};

/// A service, for as long as the process lives.
struct Served {
    address: SocketAddr,
    _app: TestApp,
    _runtime: Runtime,
}

static SERVED: LazyLock<Served> = LazyLock::new(|| {
    let runtime = Runtime::new().expect("there is a runtime");
    let routes = || {
        let echo = any(async |body: String| body);
        OpenApiRouter::from(Router::new().route("/{job}/{metric}", echo))
    };
    let app = App::new(IDENTITY, routes, async |_: &NoSettings, _: &mut _| Ok(()));
    let app = runtime.block_on(TestApp::start(app, &["--request-timeout", "1s"]));
    let app = app.expect("it starts");
    Served {
        address: app.address,
        _app: app,
        _runtime: runtime,
    }
});

#[derive(clap::Args)]
struct NoSettings {}

fuzz_target!(|input: &[u8]| {
    let Ok(answer) = exchanged(input) else {
        return;
    };
    let mut rest = &answer[..];
    while !rest.is_empty() {
        assert!(rest.starts_with(b"HTTP/1."), "{}", rest.escape_ascii());
        let head = rest.windows(4).position(|bytes| bytes == b"\r\n\r\n");
        let (head, body) = rest.split_at(head.expect("a head ends") + 4);
        let head = str::from_utf8(head).expect("a head is text").to_lowercase();
        let status: u16 = head[9..12].parse().expect("it has a status");
        let length = head.split("\r\ncontent-length: ").nth(1);
        let length = length.and_then(|rest| rest.split("\r\n").next());
        let length: usize =
            length.map_or(0, |length| length.parse().expect("a length is a number"));
        // An answer to `HEAD` has no body, whatever its length: the next answer follows.
        let has_none = length > 0 && body.starts_with(b"HTTP/1.");
        if has_none || head.contains("transfer-encoding") {
            return;
        }
        let (body, next) = body.split_at(length.min(body.len()));
        if status >= 400 && !body.is_empty() {
            let error: Value = serde_json::from_slice(body).expect("an error is JSON");
            assert_eq!(error["status_code"], status);
        }
        rest = next;
    }
});

/// What the service answers to these bytes until it closes the connection.
fn exchanged(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.connect(&SERVED.address.into())?;
    socket.set_linger(Some(Duration::ZERO))?;
    socket.set_read_timeout(Some(Duration::from_secs(5)))?;
    socket.write_all(bytes)?;
    socket.shutdown(Shutdown::Write)?;
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer)?;
    Ok(answer)
}
