//! The metrics at `/metrics` count what happened, in a format and with labels that Prometheus can read.

use std::{collections::BTreeMap, time::Duration};

use crate::probe::{METADATA, NAME, ROUTE};
use apikit::{Auth, Backend, Caller, Metrics, backend::BackendSettings};
use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Method, Request},
    routing::get,
};
use clap::Parser;
use prometheus_client::metrics::counter::Counter;
use tower::ServiceExt;
use utoipa_axum::router::OpenApiRouter;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers};

use crate::test_app::{TestApp, client, router};

/// Samples by name and labels, such as `http_server_requests_total{method="GET",…}`.
pub type Samples = BTreeMap<String, f64>;

/// Reads the text form of OpenMetrics strictly.
///
/// Every sample stands below the `TYPE` of its family, no sample comes twice, buckets grow up to the
/// count, and the end is marked. Types that older readers do not know are refused.
pub fn parse(text: &str) -> Samples {
    let body = text.strip_suffix("# EOF\n").expect("the end is marked");
    let mut family = ("", "");
    let mut samples = Samples::new();
    let mut bucket = 0.0;
    for line in body.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let (kind, rest) = comment.split_once(' ').unwrap();
            if kind == "TYPE" {
                family = rest.split_once(' ').unwrap();
            }
            assert!(["HELP", "TYPE", "UNIT"].contains(&kind), "{line}");
            continue;
        }
        let (series, value) = line.rsplit_once(' ').expect(line);
        let value: f64 = value.parse().expect(line);
        let name = series.split('{').next().unwrap();
        let suffix = name.strip_prefix(family.0).expect(line);
        let allowed: &[&str] = match family.1 {
            "counter" => &["_total"],
            "gauge" => &[""],
            "histogram" => &["_bucket", "_sum", "_count"],
            other => panic!("{other}"),
        };
        assert!(allowed.contains(&suffix), "{line}");
        match suffix {
            "_count" => bucket = 0.0,
            "_bucket" => {
                assert!(value >= bucket, "{line}");
                bucket = value;
                let labels = series.split_once(r#"le="+Inf""#);
                if let Some((_, labels)) = labels {
                    let labels = labels.trim_start_matches(',').trim_end_matches('}');
                    let count = samples.iter().find(|(known, _)| {
                        known.starts_with(&format!("{}_count", family.0)) && known.contains(labels)
                    });
                    assert_eq!(*count.expect(line).1, value, "{line}");
                }
            }
            _ => {}
        }
        assert!(samples.insert(series.to_owned(), value).is_none(), "{line}");
    }
    samples
}

async fn samples(app: &TestApp) -> Samples {
    let answer = app.get_anonymously("/metrics").await;
    assert_eq!(answer.status, 200);
    let content_type = answer.header("content-type").unwrap();
    assert_eq!(
        content_type,
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    );
    parse(&answer.body)
}

/// The series of that name with those labels.
pub fn series(name: &str, labels: &[(&str, &str)]) -> String {
    let pairs: Vec<_> = labels
        .iter()
        .map(|(label, value)| format!("{label}=\"{value}\""))
        .collect();
    [name, "{", &pairs.join(","), "}"].concat()
}

fn requests(method: &str, route: &str, status: u16) -> String {
    let status = status.to_string();
    let labels = [("method", method), ("route", route), ("status", &status)];
    series("http_server_requests_total", &labels)
}

#[tokio::test]
async fn requests_are_counted_by_method_route_and_status() {
    let app = TestApp::start().await;
    for path in [
        "/metadata",
        &format!("{ROUTE}/metadata"),
        "/nowhere",
        "/no/where",
        "/",
        &format!("{ROUTE}/panic"),
    ] {
        app.get(path).await;
    }
    app.request(Method::POST, "/metadata").send().await.unwrap();
    let brew = Method::from_bytes(b"BREW").unwrap();
    app.request(brew, "/metadata").send().await.unwrap();

    let samples = samples(&app).await;
    for (series, count) in [
        (requests("GET", "/metadata", 200), 2.0),
        (requests("GET", "unknown", 404), 2.0),
        (requests("GET", "/", 200), 1.0),
        (requests("GET", "/panic", 500), 1.0),
        (requests("POST", "/metadata", 405), 1.0),
        (requests("other", "/metadata", 405), 1.0),
    ] {
        assert_eq!(samples.get(&series), Some(&count), "{series}");
        let timed = series.replace("requests_total", "request_duration_seconds_count");
        assert_eq!(samples.get(&timed), Some(&count), "{timed}");
    }
    let total: f64 = samples
        .iter()
        .filter(|(series, _)| series.starts_with("http_server_requests_total"))
        .map(|(_, count)| count)
        .sum();
    assert_eq!(total, 8.0);
}

#[tokio::test]
async fn what_the_route_itself_answers_is_not_taken_for_a_health_check() {
    let index = || OpenApiRouter::from(Router::new().route("/", get(|| async {})));
    let app = router(OpenApiRouter::new, index).await;
    for path in [ROUTE.to_owned(), format!("{ROUTE}/"), "/".to_owned()] {
        let request = Request::get(path).body(Body::empty()).unwrap();
        app.clone().oneshot(request).await.unwrap();
    }
    let samples = parse(&text(&app).await);
    assert_eq!(samples[&requests("GET", "/<route>", 200)], 2.0);
    assert_eq!(samples[&requests("GET", "/", 200)], 1.0);
}

#[tokio::test]
async fn requests_in_flight_go_up_and_down_and_clients_that_leave_are_499() {
    let app = TestApp::start().await;
    let in_flight = r#"http_server_requests_in_flight{method="GET",route="/forever"}"#;
    let url = app.url("/forever");
    let waiting = tokio::spawn(async move { client().get(url).send().await });
    while samples(&app).await.get(in_flight) != Some(&1.0) {}
    waiting.abort();
    while samples(&app).await[in_flight] != 0.0 {}
    assert_eq!(samples(&app).await[&requests("GET", "/forever", 499)], 1.0);
}

#[tokio::test]
async fn labels_stay_few_over_ten_thousand_random_paths_and_methods() {
    let routes = || OpenApiRouter::from(Router::new().route("/jobs/{job}", get(|| async {})));
    let app = router(routes, OpenApiRouter::new).await;
    let mut random = fastrand::Rng::with_seed(5);
    let ask_many = async |random: &mut fastrand::Rng| {
        for _ in 0..10_000 {
            let word: String = (0..8).map(|_| random.alphabetic()).collect();
            let path = match random.u8(0..4) {
                0 => format!("/{word}"),
                1 => format!("/jobs/{word}"),
                2 => format!("{ROUTE}/jobs/{word}"),
                _ => format!("{ROUTE}/{word}/{word}"),
            };
            let method = match random.bool() {
                true => "GET".to_owned(),
                false => word.to_uppercase(),
            };
            let request = Request::builder().uri(path).method(method.as_str());
            let request = request.body(Body::empty()).unwrap();
            app.clone().oneshot(request).await.unwrap();
        }
        let text = text(&app).await;
        assert!(text.lines().count() < 200, "labels are many");
        parse(&text)
    };
    let names = |samples: Samples| samples.into_keys().collect::<Vec<_>>();
    text(&app).await; // which counts as a request, too
    let first = names(ask_many(&mut random).await);
    let second = names(ask_many(&mut random).await);
    assert_eq!(first, second);
    let counted = |name: &str| {
        first
            .iter()
            .filter(|series| series.starts_with(name))
            .count()
    };
    assert_eq!(counted("http_server_requests_total"), 5);
}

#[tokio::test]
async fn figures_are_at_the_root_alone() {
    let app = TestApp::start().await;
    let answer = app.get_anonymously(&format!("{ROUTE}/metrics")).await;
    assert_eq!(answer.status, 404);
}

/// What a router without a port answers at `/metrics`.
async fn text(app: &Router) -> String {
    let request = Request::get("/metrics").body(Body::empty()).unwrap();
    let answer = app.clone().oneshot(request).await.unwrap();
    let body = to_bytes(answer.into_body(), 1_000_000).await.unwrap();
    String::from_utf8(body.to_vec()).unwrap()
}

#[derive(Parser)]
struct Settings {
    #[command(flatten)]
    backend: BackendSettings,
}

/// The back-end at `uri`, which callers wait for only briefly.
pub fn backend(uri: &str, auth: Auth) -> Backend {
    backend_within(Duration::from_millis(100), uri, auth)
}

/// The back-end at `uri`, which callers wait for as long as `limit` for each try.
fn backend_within(limit: Duration, uri: &str, auth: Auth) -> Backend {
    let mut settings = Settings::parse_from(["test", "--backend-url", uri]).backend;
    settings.backend_timeout = limit;
    Backend::new(&settings, auth, "test", 3 * limit).unwrap()
}

/// The samples on calls after one call to a back-end, by a caller without credentials.
async fn calls(backend: Backend) -> Samples {
    let metrics = Metrics::default();
    let backend = backend.counted_in(&metrics);
    let _ = backend.get("/api").send_as(&Caller::anonymous()).await;
    let mut samples = parse(&metrics.to_text());
    samples.retain(|series, _| series.starts_with("backend_calls_total"));
    samples
}

#[tokio::test]
async fn calls_to_the_back_end_are_counted_by_outcome() {
    let answer = ResponseTemplate::new;
    for (answer, outcome) in [
        (answer(200), "success"),
        (answer(404), "refused"),
        (answer(500), "failed"),
        (answer(302), "failed"),
        (answer(200).set_delay(Duration::from_secs(30)), "timeout"),
    ] {
        let server = MockServer::start().await;
        Mock::given(matchers::any())
            .respond_with(answer)
            .mount(&server)
            .await;
        // A busy machine may take its time with all others.
        let limit = match outcome {
            "timeout" => Duration::from_millis(100),
            _ => Duration::from_secs(20),
        };
        let expected = series(
            "backend_calls_total",
            &[("backend", "default"), ("outcome", outcome)],
        );
        assert_eq!(
            calls(backend_within(limit, &server.uri(), Auth::None)).await,
            [(expected, 1.0)].into()
        );
    }
    let expected = r#"backend_calls_total{backend="default",outcome="unreachable"}"#.to_owned();
    let calls = calls(backend("http://127.0.0.1:9", Auth::None)).await;
    assert_eq!(calls, [(expected, 1.0)].into());
}

#[tokio::test]
async fn a_call_that_is_not_made_for_want_of_credentials_is_not_counted() {
    for auth in [
        Auth::Basic,
        #[cfg(feature = "bitly-proxy")]
        Auth::BitlyProxy,
    ] {
        let calls = calls(backend("http://127.0.0.1:9", auth)).await;
        assert_eq!(calls, Samples::new(), "{auth:?}");
    }
}

#[tokio::test]
async fn a_call_whose_caller_left_is_abandoned() {
    let app = TestApp::start().await;
    let slow = ResponseTemplate::new(200).set_delay(Duration::from_secs(30));
    app.backend_answers("GET", "/api", slow).await;
    let asked = app.request(Method::GET, "/probe").send();
    let asking = tokio::spawn(asked);
    while app.backend.received_requests().await.unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    asking.abort();
    let abandoned = r#"backend_calls_total{backend="default",outcome="abandoned"}"#;
    while !samples(&app).await.contains_key(abandoned) {}
}

#[tokio::test]
async fn the_metrics_have_the_service_and_its_use_of_the_machine() {
    let app = TestApp::start().await;
    let samples = samples(&app).await;
    let version = METADATA.version;
    let build = series(
        "uservice_build_info",
        &[("name", NAME), ("version", version)],
    );
    assert_eq!(samples[&build], 1.0);
    assert_eq!(samples["log_lines_dropped_total"], 0.0);
    assert!(samples["process_start_time_seconds"] > 1.7e9);
    if cfg!(target_os = "linux") {
        assert!(samples["process_cpu_seconds_total"] >= 0.0);
        assert!(samples["process_resident_memory_bytes"] > 1e6);
        assert!(samples["process_open_fds"] > 3.0);
        assert!(samples["process_max_fds"] > samples["process_open_fds"]);
    }
}

#[tokio::test]
async fn a_metric_of_the_authors_is_beside_apikits() {
    let metrics = Metrics::default();
    let jobs = Counter::<u64>::default();
    metrics.register("jobs_asked", "Jobs that callers asked for", jobs.clone());
    jobs.inc();
    assert_eq!(parse(&metrics.to_text())["jobs_asked_total"], 1.0);
}
