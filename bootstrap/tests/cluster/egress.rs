//! The way out to a back-end that has a certificate of a company's own authority, and is behind a proxy.

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::Command,
    sync::{Arc, Mutex},
    thread,
};

use bootstrap::{http, running::Project};
use tempfile::TempDir;

use crate::{commands::run, images, nginx::Nginx};

/// `ada:demo`, which no proxy must see.
const CREDENTIALS: &str = "Authorization: Basic YWRhOmRlbW8=";

/// Of the proxy's own.
const FOR_THE_PROXY: &str = "proxy-authorization: Basic cm9ib3Q6ZGVtbw==\r\n";

#[test]
#[ignore = "needs root, buildah, nginx and openssl: run .ci/cluster"]
fn back_ends_are_trusted_by_an_authority_of_ones_own_and_reached_through_a_proxy() {
    let folder = TempDir::new().unwrap();
    let backend = backend(folder.path());
    let authority = folder.path().join("ca.crt").display().to_string();
    let url = format!("https://localhost:{}", backend.address.port());
    let service = Service::new("basic", folder.path());

    let (status, body) = service.answers(&[("BACKEND_URL", &url)]);
    assert_eq!(status, 502, "{body}");
    for variable in ["BACKEND_CA_FILE", "SSL_CERT_FILE"] {
        let answered = service.answers(&[("BACKEND_URL", &url), (variable, &authority)]);
        assert_eq!(answered.0, 200, "{variable}: {}", answered.1);
        assert!(answered.1.contains("Basic YWRhOmRlbW8="), "{}", answered.1);
    }

    let proxy = Proxy::start();
    let way = format!("http://robot:demo@{}", proxy.address);
    let settings = [
        ("BACKEND_URL", url.as_str()),
        ("BACKEND_CA_FILE", &authority),
        ("BACKEND_PROXY", &way),
    ];
    let (status, body) = service.answers(&settings);
    assert_eq!(status, 200, "{body}");
    let head = format!("CONNECT localhost:{} HTTP/1.1\r\n", backend.address.port());
    let seen = proxy.seen();
    assert!(seen.starts_with(&head), "{seen}");
    assert!(
        seen.to_lowercase().contains(&FOR_THE_PROXY.to_lowercase()),
        "{seen}"
    );
    assert!(!seen.contains("YWRhOmRlbW8="), "{seen}");

    // Neither what is excepted nor what is not encrypted goes through it.
    let before = proxy.seen();
    let excepted = [&settings[..], &[("BACKEND_NO_PROXY", "localhost")]].concat();
    assert_eq!(service.answers(&excepted).0, 200);
    let plain = format!("http://localhost:{}", backend.address.port());
    let (status, body) = service.answers(&[("BACKEND_URL", &plain), settings[2]]);
    // nginx speaks TLS there, and says so.
    assert_eq!(status, 400, "{body}");
    assert_eq!(proxy.seen(), before);
}

/// nginx behind TLS, which answers what it was sent to authorize the request.
fn backend(folder: &Path) -> Nginx {
    let at = |file: &str| folder.join(file).display().to_string();
    let openssl = |arguments: &[&str]| run(Command::new("openssl").args(arguments));
    let (key, crt) = (at("ca.key"), at("ca.crt"));
    let new = [
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
    ];
    openssl(
        &[
            &new[..],
            &["-subj", "/CN=an authority", "-keyout", &key, "-out", &crt],
        ]
        .concat(),
    );
    let own = [
        "-subj",
        "/CN=localhost",
        "-addext",
        "subjectAltName=DNS:localhost",
    ];
    let signed = [
        "-CA",
        &crt,
        "-CAkey",
        &key,
        "-addext",
        "basicConstraints=CA:FALSE",
    ];
    let (key, crt) = (at("tls.key"), at("tls.crt"));
    let written = ["-keyout", &key, "-out", &crt];
    openssl(&[&new[..], &own, &signed, &written].concat());
    Nginx::start(folder, |address| {
        format!(
            "server {{ listen {address} ssl; ssl_certificate tls.crt; ssl_certificate_key tls.key; \
             location / {{ default_type text/plain; return 200 \"$http_authorization\"; }} }}"
        )
    })
}

/// The program of an image, started anew with each settings.
struct Service {
    project: Project,
    route: String,
}

impl Service {
    fn new(auth: &str, folder: &Path) -> Self {
        let image = images::of(auth);
        let programs = folder.join("debug");
        fs::create_dir(&programs).unwrap();
        image.program(&programs);
        let project = Project {
            folder: programs,
            name: image.name.clone(),
            target: folder.to_owned(),
        };
        let route = image.rendered.given("route", &format!("/{}", image.name));
        Self { project, route }
    }

    /// The status and the body of its sample, with these settings.
    fn answers(&self, settings: &[(&str, &str)]) -> (u16, String) {
        let nobody = "127.0.0.1:9".parse().unwrap();
        let started = self.project.start_with("127.0.0.1:0", nobody, settings);
        let service = started.unwrap();
        let path = format!("{}/build/time", self.route);
        let answer = http::request(service.address, "GET", &path, &[CREDENTIALS]).unwrap();
        (answer.status, answer.body)
    }
}

/// A proxy that tunnels, and remembers all that it could read.
struct Proxy {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<u8>>>,
}

impl Proxy {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::<Mutex<Vec<u8>>>::default();
        let memory = seen.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let memory = memory.clone();
                thread::spawn(move || tunnel(client, &memory));
            }
        });
        Self { address, seen }
    }

    fn seen(&self) -> String {
        String::from_utf8_lossy(&self.seen.lock().unwrap()).into_owned()
    }
}

fn tunnel(mut client: TcpStream, seen: &Mutex<Vec<u8>>) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    seen.lock().unwrap().extend(&head);
    let head = String::from_utf8(head).ok()?;
    let mut server = TcpStream::connect(head.split(' ').nth(1)?).ok()?;
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").ok()?;
    let (mut to_client, mut from_server) = (client.try_clone().ok()?, server.try_clone().ok()?);
    thread::spawn(move || std::io::copy(&mut from_server, &mut to_client));
    let mut piece = [0; 4096];
    loop {
        let read = client.read(&mut piece).ok().filter(|read| *read > 0)?;
        seen.lock().unwrap().extend(&piece[..read]);
        server.write_all(&piece[..read]).ok()?;
    }
}
