//! An OAuth2 proxy that is killed and comes back: its sessions are renewed, and nobody has to ask twice.

use std::{
    io::{BufRead, BufReader},
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
};

use crate::{
    client::{Client, is_in_shape},
    stage::{METADATA, SAMPLE, Service, bitly_proxy, command, eventually},
    watch::Watch,
};

/// How many people have a session.
const PEOPLE: usize = 50;

#[test]
#[ignore = "needs a release build: run .ci/endurance"]
fn sessions_are_renewed_when_the_proxy_comes_back() {
    let (program, example) = bitly_proxy();
    let listen = format!("127.0.0.1:{}", free_pair());
    let mut proxy = Proxy::start(&example, &listen);
    let mut command = command(&program, &proxy.url);
    command
        .env("AUTH_LOGIN_HOSTS", &proxy.login_host)
        .env("BACKEND_TIMEOUT", "1s")
        .env("REQUEST_TIMEOUT", "2s");
    let service = Service::start(command);
    let logins = || service.figure(r#"backend_logins_total{outcome="success"}"#);
    let mut client = Client::of(service.address);
    let mut ask = |person: usize| {
        let answer = client.get(SAMPLE, &credentials(person)).unwrap();
        assert!(is_in_shape(&answer), "{answer:?}");
        answer.status
    };
    let all = 0..PEOPLE;
    assert!(all.clone().all(|person| ask(person) == 200));
    assert!(all.clone().all(|person| ask(person) == 200));
    assert_eq!(logins(), PEOPLE as f64, "one login for each person");

    let watch = Watch::on(service.address, METADATA);
    drop(proxy);
    let without: Vec<_> = [0, 1, PEOPLE].map(&mut ask).into();
    assert!(
        without.iter().all(|status| matches!(status, 502 | 504)),
        "{without:?}"
    );

    proxy = Proxy::start(&example, &listen);
    let recovery = eventually("a person is served again", || ask(0) == 200);
    let again = all
        .clone()
        .map(&mut ask)
        .filter(|status| *status == 200)
        .count();
    println!(
        "the proxy was away: {without:?} meanwhile; well again after {recovery:.1?}; {again} of {PEOPLE} \
         people served at once, by {} logins in all",
        logins()
    );
    assert_eq!(again, PEOPLE, "everybody is served at the first try");
    assert_eq!(
        logins(),
        2.0 * PEOPLE as f64,
        "one more login for each person"
    );
    watch.end("the proxy was away");
    drop(proxy);
}

/// The first of two ports that are free and stay so: no connection is given one of them unasked, and the page where
/// people log in is on the second one.
fn free_pair() -> u16 {
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    let mut pairs = (20_000..30_000).step_by(2);
    let pair = pairs.find(|port| is_free(port) && is_free(&(port + 1)));
    pair.expect("two ports are free")
}

/// The header of one person, whose password is `demo`.
fn credentials(person: usize) -> String {
    use base64::{Engine, prelude::BASE64_STANDARD};
    let encoded = BASE64_STANDARD.encode(format!("person-{person}:demo"));
    format!("Authorization: Basic {encoded}\r\n")
}

/// The example back-end behind its OAuth2 proxy. It is killed when this is dropped.
struct Proxy {
    url: String,
    login_host: String,
    child: Child,
}

impl Proxy {
    fn start(program: &Path, listen: &str) -> Self {
        let mut child = Command::new(program)
            .arg("--proxy")
            .env("LISTEN", listen)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        said.read_line(&mut line).unwrap();
        let url = line
            .split([' ', ','])
            .find(|word| word.starts_with("http://"));
        let (_, login_host) = line.split_once("AUTH_LOGIN_HOSTS=").unwrap();
        Self {
            url: url.unwrap().to_owned(),
            login_host: login_host.trim().to_owned(),
            child,
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
