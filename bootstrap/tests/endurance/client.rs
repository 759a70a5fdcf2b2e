//! A client that keeps its connection for as long as the service does.

use std::{
    io::{self, BufRead, BufReader, ErrorKind, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use bootstrap::http::Answer;
use serde_json::Value;

/// Longer than any service here may take to say the next thing.
const PATIENCE: Duration = Duration::from_secs(20);

/// A client with one connection at most.
pub struct Client {
    address: SocketAddr,
    connection: Option<BufReader<TcpStream>>,
}

impl Client {
    pub fn of(address: SocketAddr) -> Self {
        Self {
            address,
            connection: None,
        }
    }

    /// Whether the next request goes on in a connection that is open.
    pub fn is_connected(&self) -> bool {
        self.connection.is_some()
    }

    /// Sends a request; `headers` are whole lines, each with its end.
    ///
    /// # Errors
    /// When there is no connection, no whole answer, or a connection that ends without a word.
    pub fn get(&mut self, path: &str, headers: &str) -> io::Result<Answer> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => {
                let stream = TcpStream::connect(self.address)?;
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                BufReader::new(stream)
            }
        };
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\n{headers}\r\n",
            self.address
        );
        connection.get_mut().write_all(request.as_bytes())?;
        let answer = read(&mut connection)?;
        if answer.header("connection") != Some("close") {
            self.connection = Some(connection);
        }
        Ok(answer)
    }
}

/// Reads one answer, whose head says how long its body is.
pub fn read(connection: &mut impl BufRead) -> io::Result<Answer> {
    let broken = |what: &str| io::Error::new(ErrorKind::InvalidData, what.to_owned());
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if connection.read_line(&mut head)? == 0 {
            let what = format!("the connection ended after {head:?}");
            return Err(io::Error::new(ErrorKind::UnexpectedEof, what));
        }
    }
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    let mut answer = Answer {
        status: status.ok_or_else(|| broken("an answer without a status"))?,
        head,
        body: String::new(),
    };
    let length = answer
        .header("content-length")
        .and_then(|length| length.parse().ok());
    let mut body = vec![0; length.ok_or_else(|| broken("an answer without a length"))?];
    connection.read_exact(&mut body)?;
    answer.body = String::from_utf8(body).map_err(|_| broken("an answer that is no text"))?;
    Ok(answer)
}

/// Whether an answer is none of an error, or has the one shape of errors.
pub fn is_in_shape(answer: &Answer) -> bool {
    if answer.status < 400 {
        return true;
    }
    let Ok(Value::Object(body)) = serde_json::from_str(&answer.body) else {
        return false;
    };
    let content = body.get("error_content");
    body.len() == 3
        && body.get("reason").is_some_and(Value::is_string)
        && body.get("status_code") == Some(&answer.status.into())
        && content.is_some_and(|content| content.is_string() || content.is_null())
}
