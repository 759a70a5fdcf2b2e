//! Log lines as messages to a syslog server, by UDP (RFC 5424).

use std::{
    io::{self, Write},
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket},
    str::FromStr,
};

use tracing::Level;

/// The port of syslog servers.
const PORT: u16 = 514;

/// The facility `user`.
const USER: u8 = 1;

/// The longest program name in a message.
const MAX_NAME: usize = 48;

/// A syslog server: a host and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogHost(String);

impl FromStr for LogHost {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const RULE: &str = "it must be HOST or HOST:PORT, such as loghost:514";
        if let Ok(ip) = text.parse::<Ipv6Addr>() {
            return Ok(Self(SocketAddr::from((ip, PORT)).to_string()));
        }
        let url = format!("udp://{text}").parse::<reqwest::Url>();
        let url = url.map_err(|_| RULE)?;
        let host = url.host_str().ok_or(RULE)?;
        let port = url.port().unwrap_or(PORT);
        match text == host || text == format!("{host}:{port}") {
            true => Ok(Self(format!("{host}:{port}"))),
            false => Err(RULE),
        }
    }
}

/// A connection to a syslog server, whose name is looked up again when it refuses.
pub(super) struct Syslog {
    host: LogHost,
    socket: Option<UdpSocket>,
}

impl Syslog {
    pub fn new(host: &LogHost) -> Self {
        Self {
            host: host.clone(),
            socket: None,
        }
    }

    /// Sends one line as one message.
    ///
    /// # Errors
    /// When the server's name is unknown, or the network refuses the message. A message that the network
    /// loses is no error: UDP does not report it.
    pub fn send(&mut self, line: &[u8]) -> io::Result<()> {
        let socket = match &self.socket {
            Some(socket) => socket,
            None => self.socket.insert(connect(&self.host)?),
        };
        let sent = socket.send(line.trim_ascii_end());
        if sent.is_err() {
            self.socket = None;
        }
        sent.map(|_| ())
    }
}

fn connect(host: &LogHost) -> io::Result<UdpSocket> {
    let mut failure = io::ErrorKind::NotFound.into();
    for server in host.0.to_socket_addrs()? {
        let any: SocketAddr = match server {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        match UdpSocket::bind(any).and_then(|socket| socket.connect(server).map(|()| socket)) {
            Ok(socket) => return Ok(socket),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

/// The parts that the headers of all messages share: host, program and process.
pub(super) struct Header {
    origin: String,
}

impl Header {
    /// The header for the program of this name.
    pub fn new(name: &str) -> Self {
        let host = std::env::var("HOSTNAME").unwrap_or_default();
        let plain = !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_graphic());
        let host = if plain { host.as_str() } else { "-" };
        let name = &name[..name.len().min(MAX_NAME)];
        let process = std::process::id();
        Self {
            origin: format!("{host} {name} {process}"),
        }
    }

    /// Writes the header of a message: `<14>1 TIME HOST PROGRAM PROCESS - - `.
    pub fn write(&self, line: &mut Vec<u8>, level: Level, time: &str) {
        let severity = match level {
            Level::ERROR => 3,
            Level::WARN => 4,
            Level::INFO => 6,
            _ => 7,
        };
        let priority = USER * 8 + severity;
        write!(line, "<{priority}>1 {time} {} - - ", self.origin)
            .expect("a vector takes whatever is written");
    }
}
