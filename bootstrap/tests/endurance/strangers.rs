//! Requests that nobody should send: each is refused or cut off, and costs nobody else anything.

use std::{
    io::{BufReader, ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    time::Duration,
};

use crate::{
    backend::Backend,
    client,
    oddities::{Fate, Random, requests},
    stage::{Service, command, none},
    watch::Watch,
};

/// How many requests are broken at random.
const BROKEN: u64 = 2000;

/// How long the service may think before it is told that no more will come.
const PAUSE: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(20);

#[test]
#[ignore = "needs a release build: run .ci/endurance"]
fn what_nobody_should_send_is_refused_and_nobody_else_notices() {
    let backend = Backend::start();
    let service = Service::start(command(none(), &backend.url()));
    let health = Watch::on(service.address, "/");
    let requests = requests();
    for (fate, request) in &requests {
        let shown: String = request.chars().take(120).collect();
        let answers = exchange(service.address, request.as_bytes());
        println!("{:>12}  {shown:?}", answers.join(" "));
        assert!(
            answers.iter().all(|status| !status.starts_with('5')),
            "{shown:?}"
        );
        match fate {
            Fate::Answered => assert_eq!(answers.len(), 1, "{shown:?}"),
            Fate::Refused => {
                assert!(answers.len() <= 1, "{shown:?}");
                assert!(
                    answers.iter().all(|status| status.starts_with('4')),
                    "{shown:?}"
                );
            }
        }
    }
    pipelined_requests_are_answered_in_order(service.address);
    let mut random = Random(1);
    for _ in 0..BROKEN {
        let request = random.broken();
        let answers = exchange(service.address, &request);
        let right = answers.iter().all(|status| !status.starts_with('5'));
        assert!(
            right,
            "{answers:?} to {:?}",
            String::from_utf8_lossy(&request)
        );
    }
    health.end(&format!(
        "{} odd and {BROKEN} broken requests",
        requests.len()
    ));
}

/// Sends bytes, and returns the statuses of what is answered until the connection ends.
fn exchange(service: SocketAddr, bytes: &[u8]) -> Vec<String> {
    let mut stream = TcpStream::connect(service).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    // The service may have enough before all is sent.
    let _ = stream.write_all(bytes);
    let mut answers = Vec::new();
    stream.set_read_timeout(Some(PAUSE)).unwrap();
    if !hear(&mut stream, &mut answers) {
        // It waits for more, or for another request.
        let _ = stream.shutdown(Shutdown::Write);
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        assert!(hear(&mut stream, &mut answers), "the connection stays open");
    }
    let answers = String::from_utf8_lossy(&answers);
    // A body may speak of the version as well.
    let heads = ["HTTP/1.0 ", "HTTP/1.1 "];
    let heads = heads
        .iter()
        .flat_map(|version| answers.split(version).skip(1));
    heads.map(|head| head[..3].to_owned()).collect()
}

/// Reads until the connection ends; false when there is nothing to read for too long.
fn hear(stream: &mut TcpStream, answers: &mut Vec<u8>) -> bool {
    let end = stream.read_to_end(answers);
    !end.is_err_and(|error| matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut))
}

fn pipelined_requests_are_answered_in_order(service: SocketAddr) {
    let paths: Vec<_> = (0..100)
        .map(|number| format!("/nowhere/{number}/x"))
        .collect();
    let all: String = paths
        .iter()
        .map(|path| format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n"))
        .collect();
    let mut stream = TcpStream::connect(service).unwrap();
    stream.write_all(all.as_bytes()).unwrap();
    let mut stream = BufReader::new(stream);
    for path in paths {
        let answer = client::read(&mut stream).unwrap();
        assert!(
            answer.body.contains(&format!("served at {path}.")),
            "{}",
            answer.body
        );
    }
}
