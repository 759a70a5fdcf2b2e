//! A back-end behind a proxy that cleans paths, as Go's and nginx's do.

use axum::{
    Router,
    extract::Request,
    response::{IntoResponse, Redirect, Response},
};
use tokio::net::TcpListener;

/// Serves a back-end whose proxy decodes paths, cleans them, and redirects to what it takes for the right one. It answers
/// with the path that it was asked for, and is at this URL.
pub async fn cleaning() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let app = Router::new().fallback(clean);
    tokio::spawn(async { axum::serve(listener, app).await });
    url
}

async fn clean(request: Request) -> Response {
    let decoded = decoded(request.uri().path());
    let mut parts: Vec<&str> = Vec::new();
    for part in decoded.split('/').skip(1) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let cleaned = format!("/{}", parts.join("/"));
    match decoded == cleaned {
        true => cleaned.into_response(),
        false => Redirect::permanent(&encoded(&cleaned)).into_response(),
    }
}

fn decoded(path: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = path.as_bytes();
    while let [first, after @ ..] = rest {
        let code = after
            .get(..2)
            .and_then(|code| std::str::from_utf8(code).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = &after[2..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn encoded(path: &str) -> String {
    let encode = |byte: u8| match byte.is_ascii_alphanumeric() || b"/.".contains(&byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    path.bytes().map(encode).collect()
}
