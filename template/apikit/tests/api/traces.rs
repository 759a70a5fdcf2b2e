//! Spans have the right parents, and leave the process where somebody asks for them.

use crate::running::Running;

#[cfg(not(feature = "otlp"))]
#[test]
fn a_program_without_the_feature_says_that_it_exports_nothing() {
    let variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")];
    let service = Running::start(&variables);
    let (_, log) = service.end("-TERM");
    let said = &log[0];
    assert_eq!(said["level"], "WARN");
    assert_eq!(said["variable"], "OTEL_EXPORTER_OTLP_ENDPOINT");
    let sentence = "no traces are exported: the program was built without the cargo feature otlp";
    assert_eq!(said["message"], sentence);
}

#[cfg(feature = "otlp")]
mod with_otlp {
    use std::time::{Duration, Instant};

    use apikit::{Auth, Caller, Traces};
    use reqwest::Method;
    use tokio::task::spawn_blocking;
    use tracing::{Dispatch, subscriber::DefaultGuard};
    use tracing_subscriber::layer::SubscriberExt;
    use wiremock::{Mock, MockServer, ResponseTemplate, matchers};

    use super::Running;
    use crate::{
        collector::{Collector, Span},
        metrics::backend,
        probe::{METADATA, NAME},
        request_context::PARENT,
        test_app::{Answer, TestApp, heard_by},
    };

    fn named<'a>(spans: &'a [Span], name: &str) -> &'a Span {
        let found = spans.iter().find(|span| span.name == name);
        found.unwrap_or_else(|| panic!("{name} is not among {spans:#?}"))
    }

    /// A collector, and spans of this thread on their way to it until the last is dropped.
    async fn exporting() -> (Collector, Traces, (DefaultGuard, Dispatch)) {
        let collector = Collector::start().await;
        let traces = Traces::to(&collector.endpoint, &METADATA).unwrap();
        let subscriber = tracing_subscriber::registry().with(traces.layer());
        (collector, traces, heard_by(subscriber))
    }

    /// The spans of one request for `path` with these headers, and what the back-end was told.
    async fn probed(
        path: &str,
        headers: &[(&'static str, &str)],
        status: u16,
    ) -> (Vec<Span>, String, Answer) {
        let (collector, traces, _hearing) = exporting().await;

        let app = TestApp::start().await;
        app.backend_answers("GET", "/api", ResponseTemplate::new(status))
            .await;
        let mut request = app.request(Method::GET, &format!("{path}?token=hidden-word"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = Answer::of(request).await;
        traces.end().await;
        let asked = app
            .backend
            .received_requests()
            .await
            .unwrap()
            .pop()
            .unwrap();
        let told = asked.headers["traceparent"].to_str().unwrap().to_owned();
        (collector.spans(2).await, told, answer)
    }

    #[tokio::test]
    async fn spans_go_from_the_callers_over_the_requests_to_the_back_ends() {
        let (spans, told, answer) = probed("/probe", &[("traceparent", PARENT)], 200).await;
        let request = named(&spans, "GET /probe");
        assert_eq!(request.trace, PARENT[3..35]);
        assert_eq!(request.parent, PARENT[36..52]);
        assert_eq!(request.kind, 2);
        let call = named(&spans, "GET");
        assert_eq!(call.trace, request.trace);
        assert_eq!(call.parent, request.id);
        assert_eq!(call.kind, 3);
        assert_eq!(told, format!("00-{}-{}-01", call.trace, call.id));

        let id = answer.header("x-request-id").unwrap();
        for (name, value) in [
            ("http.request.method", "GET"),
            ("http.route", "/probe"),
            ("url.path", "/probe"),
            ("http.response.status_code", "200"),
            ("request_id", id),
        ] {
            assert_eq!(request.attributes.get(name).unwrap(), value, "{name}");
        }
        for (name, value) in [
            ("server.address", "127.0.0.1"),
            ("url.path", "/api"),
            ("http.response.status_code", "200"),
            ("request_id", id),
        ] {
            assert_eq!(call.attributes.get(name).unwrap(), value, "{name}");
        }
        assert_eq!(request.resource["service.name"], NAME);
        assert_eq!(request.resource["service.version"], METADATA.version);
        let all = format!("{spans:?}");
        let (_, password) = crate::test_app::ADA;
        assert!(
            !all.contains("hidden-word") && !all.contains(password),
            "{all}"
        );
    }

    #[tokio::test]
    async fn a_request_of_no_trace_begins_one() {
        let (spans, told, _) = probed("/probe", &[], 500).await;
        let request = named(&spans, "GET /probe");
        assert_eq!(request.parent, "");
        assert_eq!(request.status, 2);
        let call = named(&spans, "GET");
        assert_eq!(call.parent, request.id);
        assert_eq!(call.status, 2);
        assert!(told.contains(&call.trace) && told.contains(&call.id));
    }

    #[tokio::test]
    async fn a_call_from_a_task_of_its_own_stays_in_the_requests_trace() {
        let (spans, told, _) = probed("/spawned", &[("traceparent", PARENT)], 200).await;
        let request = named(&spans, "GET /spawned");
        assert_eq!(request.trace, PARENT[3..35]);
        let call = named(&spans, "GET");
        assert_eq!((&call.trace, &call.parent), (&request.trace, &request.id));
        assert_eq!(told, format!("00-{}-{}-01", call.trace, call.id));
    }

    #[tokio::test]
    async fn a_call_has_the_status_that_the_back_end_gave_and_else_the_cause() {
        let (collector, traces, _hearing) = exporting().await;
        let server = MockServer::start().await;
        for (path, answer) in [
            (
                "/slow",
                ResponseTemplate::new(200).set_delay(Duration::from_secs(30)),
            ),
            ("/moved", ResponseTemplate::new(302)),
            ("/broken", ResponseTemplate::new(502)),
        ] {
            let mock = Mock::given(matchers::path(path)).respond_with(answer);
            mock.mount(&server).await;
        }
        let (there, away) = (server.uri(), "http://127.0.0.1:9");
        for (uri, path, auth) in [
            (away, "/away", Auth::None),
            (&there, "/slow", Auth::None),
            (&there, "/moved", Auth::None),
            (&there, "/broken", Auth::None),
            (&there, "/not-made", Auth::Basic),
        ] {
            let call = backend(uri, auth).post(path);
            call.send_as(&Caller::anonymous()).await.unwrap_err();
        }
        traces.end().await;
        let spans = collector.spans(4).await;
        let told: Vec<_> = spans
            .iter()
            .map(|span| {
                let about = |name| span.attributes.get(name).map(String::as_str);
                let status = about("http.response.status_code");
                (about("url.path").unwrap(), status, about("error.type"))
            })
            .collect();
        let expected = [
            ("/away", None, Some("unreachable")),
            ("/slow", None, Some("timeout")),
            ("/moved", Some("302"), None),
            ("/broken", Some("502"), None),
        ];
        assert_eq!(told, expected);
        assert!(spans.iter().all(|span| span.status == 2), "{spans:#?}");
    }

    #[cfg(feature = "bitly-proxy")]
    #[tokio::test]
    async fn a_login_is_a_span_of_the_call_that_needs_it() {
        let (collector, traces, _hearing) = exporting().await;
        let setup = crate::proxy::Setup::new(Default::default()).await;
        setup.get("ada", "right").await.unwrap();
        traces.end().await;
        let spans = collector.spans(2).await;
        let (login, call) = (named(&spans, "login"), named(&spans, "GET"));
        assert_eq!((&login.trace, &login.parent), (&call.trace, &call.id));
        assert!(!format!("{spans:?}").contains("right"));
    }

    #[tokio::test]
    async fn the_standard_variables_are_heeded() {
        let collector = Collector::start().await;
        let endpoint = collector.endpoint.replace("/v1/traces", "");
        let service = spawn_blocking(move || {
            let service = Running::start(&[
                ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
                (
                    "OTEL_EXPORTER_OTLP_HEADERS",
                    "authorization=Bearer hidden-word",
                ),
                ("OTEL_SERVICE_NAME", "named"),
                ("OTEL_RESOURCE_ATTRIBUTES", "deployment=test"),
            ]);
            service.ask("/metadata");
            // The last spans are exported when the program ends.
            service.end("-TERM")
        });
        let (code, log) = service.await.unwrap();
        assert_eq!(code, Some(0));
        assert_eq!(log[0]["message"], "traces are exported");
        assert!(!format!("{log:?}").contains("hidden-word"));
        let spans = collector.spans(1).await;
        let span = named(&spans, "GET /metadata");
        assert_eq!(span.resource["service.name"], "named");
        assert_eq!(span.resource["deployment"], "test");
        assert_eq!(span.authorization, "Bearer hidden-word");
        let line = log.iter().find(|line| line["path"] == "/metadata").unwrap();
        assert_eq!(line["trace_id"], span.trace);
    }

    /// A service that exports to `collector`, with one more variable, when it has been asked once.
    async fn asked(collector: &Collector, variable: (&'static str, &'static str)) -> Running {
        let endpoint = collector.endpoint.replace("/v1/traces", "");
        let service = spawn_blocking(move || {
            let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str());
            let service = Running::start(&[endpoint, variable]);
            service.ask("/metadata");
            service
        });
        service.await.unwrap()
    }

    #[tokio::test]
    async fn a_sampler_may_keep_no_span() {
        let collector = Collector::start().await;
        let service = asked(&collector, ("OTEL_TRACES_SAMPLER", "always_off")).await;
        // Whatever was kept is exported when the program ends.
        let (code, log) = spawn_blocking(|| service.end("-TERM")).await.unwrap();
        assert_eq!(code, Some(0));
        assert_eq!(log[0]["message"], "traces are exported");
        assert_eq!(collector.spans(0).await, []);
    }

    #[tokio::test]
    async fn batches_go_as_often_as_the_variable_says() {
        let collector = Collector::start().await;
        let start = Instant::now();
        let service = asked(&collector, ("OTEL_BSP_SCHEDULE_DELAY", "10")).await;
        collector.spans(1).await;
        assert!(start.elapsed() < Duration::from_secs(5), "as by default");
        spawn_blocking(|| service.end("-TERM")).await.unwrap();
    }

    #[test]
    fn nothing_is_exported_where_the_variables_say_so() {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9");
        for off in [
            ("OTEL_SDK_DISABLED", "true"),
            ("OTEL_TRACES_EXPORTER", "none"),
        ] {
            let service = Running::start(&[endpoint, off]);
            let (_, log) = service.end("-TERM");
            assert!(!format!("{log:?}").contains("traces"), "{off:?}");
        }
    }

    #[test]
    fn a_collector_that_is_away_keeps_neither_requests_nor_the_end_waiting() {
        // Nobody answers there: packets to this address are dropped or refused.
        for endpoint in ["http://127.0.0.1:9", "http://192.0.2.1:4318"] {
            let service = Running::start(&[("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)]);
            for _ in 0..10 {
                let start = Instant::now();
                assert!(service.ask("/metadata").starts_with("HTTP/1.1 200"));
                assert!(start.elapsed() < Duration::from_secs(1));
            }
            let start = Instant::now();
            let (code, log) = service.end("-TERM");
            assert_eq!(code, Some(0));
            assert!(start.elapsed() < Duration::from_secs(5), "{endpoint}");
            let said = log.iter().any(|line| {
                line["name"] == "BatchSpanProcessor.ExportError"
                    || line["message"] == "the last spans may not have been exported"
            });
            assert!(said, "{endpoint}: {log:?}");
        }
    }

    #[test]
    fn an_endpoint_that_is_no_url_is_one_sentence_and_exit_code_2() {
        let variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", "no url")];
        let output = crate::running::run(&["--check-config"], &variables);
        assert_eq!(output.status.code(), Some(2));
        let text = String::from_utf8(output.stderr).unwrap();
        let beginning = format!("{NAME}: Traces cannot be exported: ");
        assert!(text.starts_with(&beginning), "{text}");
        assert_eq!(text.lines().count(), 1, "{text}");
    }
}
