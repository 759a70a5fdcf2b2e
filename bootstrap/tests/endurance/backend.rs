//! A back-end that does what a test says.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

/// What it answers when it is well.
pub const VALUE: &str = "2m 41s";

/// What it does with a request.
#[derive(Clone, Copy, Debug)]
pub enum Manner {
    /// Answers after this time.
    Answers(Duration),
    /// Answers a text of this many bytes.
    AnswersAtLength(usize),
    /// Says nothing, and keeps the connection.
    Hangs,
    /// Answers a byte in each second.
    Trickles,
    /// Sends the head and half of the body, and closes.
    BreaksOff,
    /// Sends these bytes, and closes.
    Babbles(&'static [u8]),
}

impl Manner {
    pub const WELL: Self = Self::Answers(Duration::ZERO);
}

/// A back-end. Dropped, it is gone with all its connections, as one that was killed.
pub struct Backend {
    pub address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

struct Shared {
    manner: Mutex<Manner>,
    connections: Mutex<Vec<TcpStream>>,
    gone: AtomicBool,
}

impl Backend {
    /// A back-end that is well, on a port of its own.
    pub fn start() -> Self {
        Self::at(([127, 0, 0, 1], 0).into())
    }

    /// A back-end that is well, at an address where another one may have been.
    pub fn at(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            manner: Mutex::new(Manner::WELL),
            connections: Mutex::default(),
            gone: AtomicBool::new(false),
        });
        let accepting = thread::spawn({
            let shared = shared.clone();
            move || shared.accept(&listener)
        });
        Self {
            address,
            shared,
            accepting: Some(accepting),
        }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it does from the next request on.
    pub fn turn(&self, manner: Manner) {
        *self.shared.manner.lock().unwrap() = manner;
    }

    /// Ends the connections that are open.
    pub fn hang_up(&self) {
        for connection in self.shared.connections.lock().unwrap().drain(..) {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.shared.gone.store(true, Ordering::Relaxed);
        // It waits for a connection, and looks up at the next one.
        let _ = TcpStream::connect(self.address);
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
        self.hang_up();
    }
}

impl Shared {
    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        for stream in listener.incoming().flatten() {
            if self.gone.load(Ordering::Relaxed) {
                return;
            }
            let _ = stream.set_nodelay(true);
            self.connections.lock().unwrap().extend(stream.try_clone());
            let shared = self.clone();
            // The other side may leave at any time.
            thread::spawn(move || shared.serve(BufReader::new(stream)));
        }
    }

    fn serve(&self, mut connection: BufReader<TcpStream>) -> Option<()> {
        loop {
            request(&mut connection)?;
            let manner = *self.manner.lock().unwrap();
            let answer = answer(VALUE.len());
            let stream = connection.get_mut();
            match manner {
                Manner::Answers(after) => {
                    thread::sleep(after);
                    stream.write_all(answer.as_bytes()).ok()?;
                }
                Manner::AnswersAtLength(length) => {
                    stream.write_all(self::answer(length).as_bytes()).ok()?;
                    let mut rest = io::repeat(b'x').take((length - VALUE.len()) as u64);
                    io::copy(&mut rest, stream).ok()?;
                }
                Manner::Hangs => {
                    stream.read_to_end(&mut Vec::new()).ok()?;
                }
                Manner::Trickles => {
                    for byte in answer.bytes() {
                        stream.write_all(&[byte]).ok()?;
                        thread::sleep(Duration::from_secs(1));
                    }
                }
                Manner::BreaksOff => return end(stream, self::answer(2 * VALUE.len()).as_bytes()),
                Manner::Babbles(bytes) => return end(stream, bytes),
            }
        }
    }
}

/// Reads a request, which has no body.
fn request(connection: &mut impl BufRead) -> Option<()> {
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        if connection.read_line(&mut line).ok()? == 0 {
            return None;
        }
    }
    Some(())
}

/// An answer that says that its body has this many bytes.
fn answer(length: usize) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {length}\r\n\r\n{VALUE}"
    )
}

fn end(stream: &mut TcpStream, bytes: &[u8]) -> Option<()> {
    stream.write_all(bytes).ok()?;
    stream.shutdown(Shutdown::Both).ok()
}
