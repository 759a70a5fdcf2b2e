//! A service that is told to stop loses no request.

use std::time::Duration;

use tokio::time::timeout;
use wiremock::ResponseTemplate;

use crate::test_app::{TestApp, client};

fn slow() -> ResponseTemplate {
    ResponseTemplate::new(200).set_delay(Duration::from_millis(300))
}

/// Waits until the back-end has been asked, so that a request is known to be in flight.
async fn in_flight(app: &TestApp) {
    let asked = async {
        while app.backend.received_requests().await.unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    let asked = timeout(Duration::from_secs(10), asked).await;
    asked.expect("the back-end is asked");
}

#[tokio::test]
async fn requests_in_flight_finish_and_idle_connections_close() {
    let app = TestApp::start().await;
    app.backend_answers("GET", "/api", slow()).await;
    let _idle = app.connect().await;
    let asked = async {
        in_flight(&app).await;
        app.stop();
    };
    let (answer, ()) = tokio::join!(app.get("/probe"), asked);
    assert_eq!(answer.status, 200);

    let url = app.url("/");
    timeout(Duration::from_secs(5), app.stopped())
        .await
        .unwrap()
        .unwrap();
    assert!(client().get(url).send().await.is_err());
}

#[tokio::test]
async fn new_requests_are_taken_during_the_drain_delay() {
    let app = TestApp::with(&["--drain-delay", "1s"]).await;
    app.stop();
    while !app.shutdown.is_draining() {
        tokio::task::yield_now().await;
    }
    assert_eq!(app.get("/readyz").await.status, 503);
    let answer = app.get("/metadata").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("connection"), Some("close"));
    app.stopped().await.unwrap();
}

#[tokio::test]
async fn a_request_that_outlives_the_grace_is_cut_off_and_reported() {
    let app = TestApp::with(&["--shutdown-grace", "50ms"]).await;
    app.backend_answers(
        "GET",
        "/api",
        ResponseTemplate::new(200).set_delay(Duration::from_secs(30)),
    )
    .await;
    let request = client().get(app.url("/probe")).basic_auth("ada", Some("x"));
    let pending = tokio::spawn(request.send());
    in_flight(&app).await;
    let metrics = app.metrics.clone();
    app.stop();
    let lost = app.stopped().await.unwrap_err();
    assert_eq!(
        lost,
        "Requests were still in flight 50ms after the last connection was taken."
    );
    // It is counted before the process ends, and its client is not left waiting.
    let counted = r#"http_server_requests_total{method="GET",route="/probe",status="499"} 1"#;
    assert!(metrics.to_text().contains(counted), "{}", metrics.to_text());
    assert!(pending.await.unwrap().is_err());
}
