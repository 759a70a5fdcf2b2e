//! A proxy, a provider with a login page and a back-end in one, which records the forms that it is sent.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
    time::Duration,
};

use crate::random_page::RandomPage;

/// The path of the login page.
pub const LOGIN: &str = "/login";

/// How long a form may take to arrive.
const PATIENCE: Duration = Duration::from_secs(5);

/// The recorder, which runs until the process ends.
pub struct Recorder {
    pub address: SocketAddr,
    page: Arc<Mutex<RandomPage>>,
    forms: Receiver<Sent>,
}

/// A form, as it was sent.
#[derive(Debug, PartialEq, Eq)]
pub struct Sent {
    /// The method and the target.
    pub line: String,
    /// What frameworks look at: `content-type`, `origin` and `referer`.
    pub headers: Vec<String>,
    /// The body, each byte a letter. The boundary of its parts is `boundary`.
    pub body: String,
}

impl Recorder {
    /// A recorder that shows this page, on a port of its own.
    pub fn start(page: RandomPage) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let page = Arc::new(Mutex::new(page));
        let (sender, forms) = channel();
        let shown = page.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (page, sender) = (shown.clone(), sender.clone());
                // A browser opens connections ahead, and leaves at any time.
                thread::spawn(move || serve(stream, &page, &sender));
            }
        });
        Self {
            address,
            page,
            forms,
        }
    }

    /// Shows another page from now on.
    pub fn show(&self, page: RandomPage) {
        *self.page.lock().unwrap() = page;
    }

    /// Waits for the next form.
    pub fn wait(&self) -> Option<Sent> {
        self.forms.recv_timeout(PATIENCE).ok()
    }

    /// The next form, if one has come.
    pub fn taken(&self) -> Option<Sent> {
        self.forms.try_recv().ok()
    }
}

fn serve(stream: TcpStream, page: &Mutex<RandomPage>, forms: &Sender<Sent>) -> Option<()> {
    let mut connection = BufReader::new(stream);
    let (line, headers) = head(&mut connection)?;
    let value = |name: &str| headers.iter().find_map(|header| header.strip_prefix(name));
    let length = value("content-length: ").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    connection.read_exact(&mut body).ok()?;

    let is_form = line.starts_with("POST ")
        || line.starts_with("GET /session")
        || line.starts_with("GET /login?");
    let path = line.split(' ').nth(1)?;
    let (head, content) = match path {
        // A session, and back to the proxy.
        _ if is_form => (
            "302 Found\r\nlocation: /oauth2/auth\r\nset-cookie: _oauth2_proxy=a; path=/".to_owned(),
            vec![],
        ),
        _ if path.starts_with("/oauth2/start") => {
            (format!("302 Found\r\nlocation: {LOGIN}"), vec![])
        }
        LOGIN => {
            let page = page.lock().unwrap();
            (
                format!("200 OK\r\ncontent-type: {}", page.content_type),
                page.body.clone(),
            )
        }
        _ => ("200 OK\r\ncontent-type: text/plain".to_owned(), vec![]),
    };
    if is_form {
        forms.send(Sent::new(&line, &headers, &body)).ok()?;
    }
    let length = content.len();
    let head = format!("HTTP/1.1 {head}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    connection.get_mut().write_all(head.as_bytes()).ok()?;
    connection.get_mut().write_all(&content).ok()
}

/// The request line, and the headers with their names in lower case.
fn head(connection: &mut impl BufRead) -> Option<(String, Vec<String>)> {
    let mut lines = connection.lines().map_while(Result::ok);
    let line = lines.next()?;
    let headers =
        lines
            .take_while(|line| !line.is_empty())
            .map(|line| match line.split_once(": ") {
                Some((name, value)) => format!("{}: {value}", name.to_ascii_lowercase()),
                None => line,
            });
    Some((line, headers.collect()))
}

impl Sent {
    fn new(line: &str, headers: &[String], body: &[u8]) -> Self {
        let told = ["content-type: ", "origin: ", "referer: "];
        let told = told.iter().flat_map(|name| {
            headers
                .iter()
                .filter(move |header| header.starts_with(name))
        });
        let boundary = headers
            .iter()
            .find_map(|header| Some(header.split_once("boundary=")?.1));
        let same = |text: &str| match boundary {
            Some(boundary) => text.replace(boundary, "boundary"),
            None => text.to_owned(),
        };
        let body: String = body.iter().map(|byte| char::from(*byte)).collect();
        Self {
            line: line.to_owned(),
            headers: told.map(|header| same(header)).collect(),
            body: same(&body),
        }
    }
}
