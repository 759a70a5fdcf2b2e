//! The least that can answer over HTTP/1.1 in this stack: hyper, without a router.

use std::convert::Infallible;

use http_body_util::Full;
use hyper::{
    Response,
    body::Bytes,
    header::{CONTENT_TYPE, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;

#[tokio::main]
async fn main() {
    let listener = peers::listener().await;
    loop {
        let (stream, _) = listener.accept().await.expect("a connection can be taken");
        let _ = stream.set_nodelay(true);
        tokio::spawn(http1::Builder::new().serve_connection(
            TokioIo::new(stream),
            service_fn(async |_| {
                let mut answer =
                    Response::new(Full::new(Bytes::from_static(peers::METADATA.as_bytes())));
                let json = HeaderValue::from_static("application/json");
                answer.headers_mut().insert(CONTENT_TYPE, json);
                Ok::<_, Infallible>(answer)
            }),
        ));
    }
}
