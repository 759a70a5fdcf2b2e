//! A back-end's name stands in errors, metrics and traces.

use std::net::TcpListener;

use apikit::{Metrics, Result, backend::BackendResponse};
use axum::{Router, http::StatusCode};
use futures_util::StreamExt;

use crate::keeper::{ada, counted, keeper, served};

async fn told(answer: Result<BackendResponse>) -> String {
    match answer {
        Ok(answer) => answer.json::<u64>().await.unwrap_err().to_string(),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn an_error_names_the_back_end() {
    let unused = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let text = served(Router::new().fallback(async || "no JSON")).await;
    let redirect = async || (StatusCode::FOUND, [("location", "https://example.org")]);
    let redirect = served(Router::new().fallback(redirect)).await;
    for (url, expected) in [
        (
            format!("http://{unused}"),
            "The back-end keeper cannot be reached.",
        ),
        (
            text,
            "The back-end keeper's answer is not the JSON it should be.",
        ),
        (
            redirect,
            "The back-end keeper redirects to https://example.org, which is another origin than its own (302 Found).",
        ),
    ] {
        let answer = keeper(&url, &[]).get("/thing").send_for(&ada()).await;
        assert_eq!(told(answer).await, format!("502 Bad Gateway: {expected}"));
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_or_is_too_large_names_the_back_end() {
    let large = served(Router::new().fallback(async || vec![0; 17 * 1024 * 1024])).await;
    let broken = async || {
        let end = futures_util::stream::once(async {
            // The head goes out meanwhile.
            tokio::task::yield_now().await;
            Err(std::io::Error::other("gone"))
        });
        let pieces = futures_util::stream::iter([Ok("x")]).chain(end);
        axum::body::Body::from_stream(pieces)
    };
    let broken = served(Router::new().fallback(broken)).await;
    for (url, expected) in [
        (
            large,
            "The back-end keeper's answer is larger than 16777216 bytes.",
        ),
        (broken, "The back-end keeper's answer broke off."),
    ] {
        let error = match keeper(&url, &[]).get("/thing").send().await {
            Ok(answer) => answer.bytes().await.unwrap_err(),
            Err(error) => error,
        };
        assert_eq!(error.to_string(), format!("502 Bad Gateway: {expected}"));
    }
}

#[tokio::test]
async fn calls_are_counted_by_back_end() {
    let metrics = Metrics::default();
    let url = served(Router::new().fallback(async || "here")).await;
    let backend = counted(&url, &[], &metrics).unwrap();
    for _ in 0..2 {
        backend.get("/thing").send().await.unwrap();
    }
    let away = counted("http://127.0.0.1:9", &[], &metrics).unwrap();
    let waiting = away
        .get("/thing")
        .timeout(std::time::Duration::from_secs(5));
    waiting.send().await.unwrap_err();
    let text = metrics.to_text();
    for line in [
        r#"backend_calls_total{backend="keeper",outcome="success"} 2"#,
        r#"backend_calls_total{backend="keeper",outcome="unreachable"} 1"#,
        r#"backend_call_duration_seconds_count{backend="keeper",outcome="success"} 2"#,
    ] {
        assert!(
            text.lines().any(|known| known == line),
            "{line} is not in {text}"
        );
    }
    assert!(!text.contains(r#"backend="default""#), "{text}");
}

#[cfg(feature = "otlp")]
mod traces {
    use apikit::Traces;
    use tracing::{Dispatch, subscriber::set_default};
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;
    use crate::{collector::Collector, keeper::IDENTITY};

    #[tokio::test]
    async fn a_span_has_the_name_of_its_back_end() {
        let collector = Collector::start().await;
        let traces = Traces::to(&collector.endpoint, &IDENTITY.metadata).unwrap();
        let subscriber = tracing_subscriber::registry().with(traces.layer());
        let _hearing = set_default(subscriber);
        // Where there is only one, a span that another thread is the first to meet is switched off for all.
        let _second = Dispatch::new(tracing_subscriber::registry());

        let url = served(Router::new().fallback(async || "here")).await;
        keeper(&url, &[])
            .get("/thing")
            .send_for(&ada())
            .await
            .unwrap();
        traces.end().await;
        let spans = collector.spans(1).await;
        assert_eq!(spans[0].attributes["peer.service"], "keeper");
        assert_eq!(spans[0].attributes["url.path"], "/thing");
    }
}
