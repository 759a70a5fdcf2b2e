//! A collector of traces, which takes OTLP as protobuf over HTTP.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use tokio::{net::TcpListener, sync::Notify};

/// A collector on a port of its own. It ends with the test.
pub struct Collector {
    /// Where it takes spans.
    pub endpoint: String,
    taken: Arc<Taken>,
}

#[derive(Default)]
struct Taken {
    spans: Mutex<Vec<Span>>,
    more: Notify,
}

/// A span, as far as the tests look at it. Ids are in hexadecimal digits.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Span {
    pub trace: String,
    pub id: String,
    pub parent: String,
    pub name: String,
    /// 1 is internal, 2 a server's, 3 a client's.
    pub kind: u64,
    pub attributes: BTreeMap<String, String>,
    /// 2 is an error.
    pub status: u64,
    /// Who exports it.
    pub resource: BTreeMap<String, String>,
    /// The `Authorization` header that it came with.
    pub authorization: String,
}

impl Collector {
    pub async fn start() -> Self {
        let taken = Arc::<Taken>::default();
        let app = Router::new()
            .route("/v1/traces", post(take))
            .with_state(taken.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self {
            endpoint: format!("http://{address}/v1/traces"),
            taken,
        }
    }

    /// The spans, as soon as there are so many of them.
    pub async fn spans(&self, count: usize) -> Vec<Span> {
        loop {
            let more = self.taken.more.notified();
            let spans = self.taken.spans.lock().unwrap().clone();
            if spans.len() >= count {
                return spans;
            }
            more.await;
        }
    }
}

async fn take(State(taken): State<Arc<Taken>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    assert_eq!(headers["content-type"], "application/x-protobuf");
    let authorization = headers.get("authorization");
    let authorization = authorization.map_or("", |value| value.to_str().unwrap());
    for resource_spans in messages(&body, 1) {
        let resource = messages(resource_spans, 1).next();
        let resource = resource.map(|resource| attributes(resource, 1)).unwrap();
        for scope_spans in messages(resource_spans, 2) {
            for span in messages(scope_spans, 2) {
                let mut span = read(span);
                span.resource = resource.clone();
                span.authorization = authorization.to_owned();
                taken.spans.lock().unwrap().push(span);
            }
        }
    }
    taken.more.notify_one();
    StatusCode::OK
}

fn read(span: &[u8]) -> Span {
    let bytes = |number| messages(span, number).next().unwrap_or_default();
    Span {
        trace: hex(bytes(1)),
        id: hex(bytes(2)),
        parent: hex(bytes(4)),
        name: text(bytes(5)),
        kind: varint(span, 6),
        attributes: attributes(span, 9),
        status: varint(bytes(15), 3),
        ..Span::default()
    }
}

/// The `KeyValue`s in the fields of this number: strings and whole numbers.
fn attributes(message: &[u8], number: u64) -> BTreeMap<String, String> {
    messages(message, number)
        .map(|pair| {
            let key = messages(pair, 1).next().unwrap();
            let value = messages(pair, 2).next().unwrap();
            let words = messages(value, 1).next().map(text);
            let value = words.unwrap_or_else(|| varint(value, 3).to_string());
            (text(key), value)
        })
        .collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A field of a protobuf message.
enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// The fields of a message in bytes, of one number.
fn messages(message: &[u8], wanted: u64) -> impl Iterator<Item = &[u8]> {
    fields(message)
        .into_iter()
        .filter_map(move |(number, field)| match field {
            Field::Bytes(bytes) if number == wanted => Some(bytes),
            _ => None,
        })
}

/// A field that is a whole number; 0, which is not sent, where there is none.
fn varint(message: &[u8], wanted: u64) -> u64 {
    let found = fields(message)
        .into_iter()
        .find_map(|(number, field)| match field {
            Field::Number(value) if number == wanted => Some(value),
            _ => None,
        });
    found.unwrap_or(0)
}

fn fields(mut message: &[u8]) -> Vec<(u64, Field<'_>)> {
    let mut fields = Vec::new();
    while !message.is_empty() {
        let key = read_varint(&mut message);
        let field = match key & 7 {
            0 => Field::Number(read_varint(&mut message)),
            1 => {
                let bytes = message.split_off(..8).unwrap();
                Field::Number(u64::from_le_bytes(bytes.try_into().unwrap()))
            }
            2 => {
                let length = read_varint(&mut message);
                let length = usize::try_from(length).unwrap();
                Field::Bytes(message.split_off(..length).unwrap())
            }
            5 => {
                let bytes = message.split_off(..4).unwrap();
                Field::Number(u32::from_le_bytes(bytes.try_into().unwrap()).into())
            }
            kind => panic!("protobuf has no wire type {kind}"),
        };
        fields.push((key >> 3, field));
    }
    fields
}

fn read_varint(message: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = *message.split_off_first().expect("the number goes on");
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            break;
        }
    }
    value
}
