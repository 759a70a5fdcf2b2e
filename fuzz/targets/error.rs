//! An error of a back-end, and one of a handler: the status in the first two bytes, a media type up to the end of the line, and
//! the body. Whatever it is, callers get an error in the one shape.

#![no_main]

use std::{convert::Infallible, sync::LazyLock};

use apikit::{BackendError, ErrorLayer};
use axum::{
    body::{Body, to_bytes},
    extract::Request,
    http::{HeaderValue, Response, StatusCode, header::CONTENT_TYPE},
    response::IntoResponse,
};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};
use tower::{ServiceExt, service_fn};

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("there is a runtime")
});

fuzz_target!(|input: &[u8]| {
    let Some((status, rest)) = input.split_first_chunk() else {
        return;
    };
    let Ok(status) = StatusCode::from_u16(u16::from_be_bytes(*status) % 600) else {
        return;
    };
    let mut parts = rest.splitn(2, |byte| *byte == b'\n');
    let Ok(kind) = HeaderValue::from_bytes(parts.next().unwrap_or_default()) else {
        return;
    };
    let body = parts.next().unwrap_or_default().to_vec();
    RUNTIME.block_on(async {
        let answer = |body: Vec<u8>| {
            let mut answer = Response::new(body);
            *answer.status_mut() = status;
            answer.headers_mut().insert(CONTENT_TYPE, kind.clone());
            answer
        };
        let of_backend = BackendError::from_response(answer(body.clone()).into()).await;
        is_in_shape(of_backend.into_response()).await;
        if status.as_u16() < 400 {
            return;
        }
        let of_handler = service_fn(async |_: Request| {
            Ok::<_, Infallible>(answer(body.clone()).map(Body::from))
        });
        let layered = tower::ServiceBuilder::new()
            .layer(ErrorLayer)
            .service(of_handler);
        let Ok(answer) = layered.oneshot(Request::default()).await;
        is_in_shape(answer).await;
    });
});

async fn is_in_shape(answer: Response<Body>) {
    let status = answer.status().as_u16();
    assert!(status >= 400, "{status}");
    assert_eq!(answer.headers()[CONTENT_TYPE], "application/json");
    let body = to_bytes(answer.into_body(), usize::MAX)
        .await
        .expect("it is in memory");
    let error: Value = serde_json::from_slice(&body).expect("it is JSON");
    assert_eq!(error["status_code"], status);
    assert!(error["reason"].is_string(), "{error}");
    assert!(
        error["error_content"].is_string() || error["error_content"].is_null(),
        "{error}"
    );
    assert_eq!(
        error.as_object().expect("it is an object").len(),
        3,
        "{error}"
    );
}
