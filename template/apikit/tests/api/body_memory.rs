//! The memory that bodies may take together: who holds one is served, who finds no room is told to come again.

use std::{convert::Infallible, io::Write, sync::Arc, time::Duration};

use apikit::{
    App, Auth, Backend, Caller, Identity, Metadata, Result, Setup, StartError,
    backend::BackendResponse, testing,
};
use axum::{
    Router,
    body::{Body, Bytes},
    extract::{FromRef, Path, Request, State},
    http::{Uri, header},
    response::IntoResponse,
    routing::{get, post},
};
use flate2::{Compression, write::GzEncoder};
use futures_util::stream;
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::Semaphore, task::JoinHandle, time::timeout};
use utoipa_axum::router::OpenApiRouter;

const IDENTITY: Identity = Identity {
    metadata: Metadata {
        name: "holder",
        description: "Holds bodies until it is told to let go.",
        repository: "https://example.org/holder",
        version: "1.2.3",
        api_version: "1.0",
        auth: Auth::None,
    },
    route: "/holder",
    listen: "127.0.0.1:0",
    header: ("", ""),
};

/// More than half of the memory that the service has here.
const BODY: usize = 600 * 1024;

/// More than sockets take of an answer that nobody reads, and less than the largest that is read of a back-end.
const LARGE: usize = 15_000_000;

#[derive(clap::Args)]
struct Config {}

#[derive(Clone, FromRef)]
struct AppState {
    backend: Backend,
    gate: Gate,
}

/// Where handlers wait with what they hold.
#[derive(Clone)]
struct Gate {
    arrivals: Arc<Semaphore>,
    departures: Arc<Semaphore>,
}

impl Gate {
    /// Waits, where the request asks for it.
    async fn pass(&self, uri: &Uri) {
        if uri.query() != Some("hold=") {
            return;
        }
        self.arrivals.add_permits(1);
        self.departures.acquire().await.unwrap().forget();
    }
}

fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::from(
        Router::new()
            .route("/text/{what}", get(text))
            .route("/whole/{what}", get(whole))
            .route("/json/{what}", get(json))
            .route("/bytes/{what}", get(bytes))
            .route("/many/{count}", get(many))
            .route("/passed/{what}", get(passed))
            .route("/collect", post(collect))
            .route("/pass", post(pass)),
    )
}

type Of = (State<Backend>, State<Gate>, Caller, Uri, Path<String>);

async fn text((State(backend), State(gate), caller, uri, Path(what)): Of) -> Result<String> {
    let text = backend.get(&what).send_as(&caller).await?.text().await?;
    gate.pass(&uri).await;
    Ok(text.len().to_string())
}

async fn whole((State(backend), _, caller, _, Path(what)): Of) -> Result<String> {
    backend.get(&what).send_as(&caller).await?.text().await
}

async fn json((State(backend), State(gate), caller, uri, Path(what)): Of) -> Result<String> {
    let value: Value = backend.get(&what).send_as(&caller).await?.json().await?;
    gate.pass(&uri).await;
    Ok(value.as_str().unwrap_or_default().len().to_string())
}

async fn bytes((State(backend), State(gate), caller, uri, Path(what)): Of) -> Result<String> {
    let bytes = backend.get(&what).send_as(&caller).await?.bytes().await?;
    gate.pass(&uri).await;
    Ok(bytes.len().to_string())
}

/// Reads several answers, one after the other.
async fn many((State(backend), _, caller, _, Path(count)): Of) -> Result<String> {
    let mut length = 0;
    for _ in 0..count.parse().unwrap_or(0) {
        length += backend
            .get("plain")
            .send_as(&caller)
            .await?
            .text()
            .await?
            .len();
    }
    Ok(length.to_string())
}

/// Passes the back-end's answer on as it comes.
async fn passed(
    (State(backend), State(gate), caller, uri, Path(what)): Of,
) -> Result<BackendResponse> {
    let answer = backend.get(&what).send_as(&caller).await?;
    gate.pass(&uri).await;
    Ok(answer)
}

async fn collect(State(gate): State<Gate>, uri: Uri, body: Bytes) -> String {
    gate.pass(&uri).await;
    body.len().to_string()
}

/// Passes the request's body on as it comes.
async fn pass(State(backend): State<Backend>, caller: Caller, request: Request) -> Result<String> {
    let upload = backend.post("count").stream(request.into_body());
    upload.send_as(&caller).await?.text().await
}

/// Answers bodies of all kinds.
async fn backend() -> String {
    let routes = Router::new()
        .route("/plain", get(async || "x".repeat(BODY)))
        .route(
            "/latin",
            get(async || {
                (
                    [(header::CONTENT_TYPE, "text/plain; charset=latin1")],
                    "x".repeat(BODY),
                )
            }),
        )
        .route("/json", get(async || json!("x".repeat(BODY)).to_string()))
        .route("/large", get(async || "x".repeat(LARGE)))
        .route("/small", get(async || "x".repeat(16 * 1024)))
        .route("/huge", get(async || "x".repeat(2 * BODY)))
        .route("/pieces", get(async || pieces(BODY)))
        .route("/huge-pieces", get(async || pieces(2 * BODY)))
        .route("/gzip", get(async || gzip(BODY)))
        .route("/huge-gzip", get(async || gzip(2 * BODY)))
        .route(
            "/count",
            post(async |body: Bytes| body.len().to_string())
                .layer(axum::extract::DefaultBodyLimit::disable()),
        );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async { axum::serve(listener, routes).await });
    format!("--backend-url=http://{address}")
}

/// A body whose length nobody knows beforehand.
fn pieces(length: usize) -> Body {
    let pieces = vec![Ok::<_, Infallible>(Bytes::from(vec![b'x'; 8 * 1024])); length / 8 / 1024];
    Body::from_stream(stream::iter(pieces))
}

fn gzip(length: usize) -> impl IntoResponse {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&vec![b'x'; length]).unwrap();
    (
        [(header::CONTENT_ENCODING, "gzip")],
        encoder.finish().unwrap(),
    )
}

struct Service {
    app: testing::TestApp,
    gate: Gate,
}

impl Service {
    async fn start() -> Self {
        Self::with("1MiB").await
    }

    async fn with(memory: &str) -> Self {
        let gate = Gate {
            arrivals: Arc::new(Semaphore::new(0)),
            departures: Arc::new(Semaphore::new(0)),
        };
        let given = gate.clone();
        let start = async move |_: &Config, setup: &mut Setup| {
            Ok::<_, StartError>(AppState {
                backend: setup.default_backend(),
                gate: given,
            })
        };
        let flags = [backend().await, format!("--body-memory={memory}")];
        let app = App::new(IDENTITY, routes, start);
        let app = testing::TestApp::start(app, &flags).await.unwrap();
        Self { app, gate }
    }

    fn get(&self, path: &str) -> RequestBuilder {
        testing::client().get(self.app.url(path))
    }

    fn post(&self, path: &str, length: usize) -> RequestBuilder {
        let body = vec![b'x'; length];
        testing::client().post(self.app.url(path)).body(body)
    }

    /// What `/metrics` says that bodies take.
    fn taken(&self) -> f64 {
        let text = self.app.metrics.to_text();
        let lines = text.lines();
        let mut values = lines.filter_map(|line| line.strip_prefix("body_memory_bytes "));
        values.next().unwrap().parse().unwrap()
    }

    async fn answered(&self, request: RequestBuilder) -> (u16, String) {
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// Sends a request, and returns once its handler waits at the gate with what it holds.
    async fn held(&self, request: RequestBuilder) -> JoinHandle<u16> {
        let request = request.query(&[("hold", "")]);
        let answer = async { request.send().await.unwrap().status().as_u16() };
        let answer = tokio::spawn(answer);
        let arrival = timeout(Duration::from_secs(20), self.gate.arrivals.acquire()).await;
        arrival.expect("a handler holds its body").unwrap().forget();
        answer
    }

    async fn release(&self, held: JoinHandle<u16>) {
        self.gate.departures.add_permits(1);
        assert_eq!(held.await.unwrap(), 200);
    }

    /// Waits until nothing is held any more.
    async fn assert_free(&self) {
        let wait = async {
            while self.taken() > 0.0 {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let free = timeout(Duration::from_secs(20), wait).await;
        free.expect("the memory is free again");
    }

    async fn assert_full(&self, request: RequestBuilder, what: &str) {
        let answer = request.send().await.unwrap();
        let wait = answer.headers().get(header::RETRY_AFTER).cloned();
        assert_eq!(answer.status(), 503, "{what}");
        assert_eq!(wait.unwrap(), "1", "{what}");
        let expected = json!({
            "reason": "Service Unavailable", "status_code": 503,
            "error_content": "The service holds as many bodies as it has memory for.",
        });
        assert_eq!(answer.json::<Value>().await.unwrap(), expected, "{what}");
    }
}

#[tokio::test]
async fn a_body_for_which_there_is_no_memory_is_refused_until_there_is() {
    let service = Service::start().await;
    let length = BODY.to_string();
    let requests = [
        ("text", "/text/plain"),
        ("text in another encoding", "/text/latin"),
        ("JSON", "/json/json"),
        ("bytes", "/bytes/plain"),
        ("pieces", "/text/pieces"),
        ("compressed text", "/text/gzip"),
        ("a request", "/collect"),
    ];
    let request = |path| match path {
        "/collect" => service.post(path, BODY),
        _ => service.get(path),
    };
    for (holding, path) in requests {
        let held = service.held(request(path)).await;
        for (wanting, path) in requests {
            service
                .assert_full(request(path), &format!("{wanting} beside {holding}"))
                .await;
        }
        assert_eq!(service.get("/healthz").send().await.unwrap().status(), 200);
        assert!(service.taken() >= BODY as f64, "{holding}");
        service.release(held).await;
        for (wanting, path) in requests {
            let answered = service.answered(request(path)).await;
            assert_eq!(answered, (200, length.clone()), "{wanting} after {holding}");
        }
    }
}

#[tokio::test]
async fn small_bodies_and_streams_do_not_count() {
    let service = Service::start().await;
    let held = service.held(service.get("/text/plain")).await;
    for path in ["/text/small", "/passed/huge", "/passed/huge-pieces"] {
        let (status, body) = service.answered(service.get(path)).await;
        assert_eq!(status, 200, "{path}: {body}");
    }
    let small = service.answered(service.post("/collect", 16 * 1024)).await;
    assert_eq!(small, (200, "16384".to_owned()));
    let upload = service.post("/pass", 8 * BODY).send().await.unwrap();
    assert_eq!(upload.status(), 200);
    assert_eq!(upload.text().await.unwrap(), (8 * BODY).to_string());
    service.release(held).await;
}

#[tokio::test]
async fn answers_that_are_read_one_after_the_other_count_once() {
    let service = Service::start().await;
    let answer = service.get("/many/10").send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), (10 * BODY).to_string());
}

#[tokio::test]
async fn a_body_that_is_larger_than_all_memory_is_a_fault_of_the_back_end() {
    let service = Service::start().await;
    for path in ["/text/huge", "/json/huge-pieces", "/bytes/huge-gzip"] {
        let (status, body) = service.answered(service.get(path)).await;
        assert_eq!(status, 502, "{path}");
        assert!(
            body.contains("answer is larger than 1048576 bytes."),
            "{body}"
        );
    }
    assert_eq!(service.answered(service.get("/text/plain")).await.0, 200);
}

#[tokio::test]
async fn what_an_answer_takes_is_free_when_it_is_sent_or_its_caller_has_left() {
    let service = Service::with("24MiB").await;
    // Its head is there, and nobody reads the rest.
    let unread = service.get("/whole/large").send().await.unwrap();
    assert_eq!(unread.status(), 200);
    service
        .assert_full(service.get("/whole/large"), "the answer is not sent")
        .await;
    assert_eq!(unread.text().await.unwrap().len(), LARGE);
    service.assert_free().await;

    let unread = service.get("/whole/large").send().await.unwrap();
    service
        .assert_full(service.get("/whole/large"), "the answer is not sent")
        .await;
    drop(unread);
    service.assert_free().await;

    let held = service.held(service.get("/text/large")).await;
    service
        .assert_full(service.get("/whole/large"), "the handler is at work")
        .await;
    held.abort();
    service.assert_free().await;
}

#[tokio::test]
async fn the_memory_is_a_size() {
    for (size, accepted) in [
        ("1MiB", true),
        ("64MB", true),
        ("1048576", true),
        ("1023KiB", false),
        ("64", false),
        ("much", false),
        ("-1", false),
    ] {
        let flags = [format!("--body-memory={size}")];
        let parsed = testing::parsed::<Config>(&IDENTITY, &flags);
        match parsed {
            Ok(_) => assert!(accepted, "{size}"),
            Err(sentence) => {
                let expected = format!(
                    "invalid value '{size}' for '--body-memory <SIZE>': it must be a size of at least 1MiB, such as 64MiB or 100MB"
                );
                assert_eq!(sentence, expected);
                assert!(!accepted, "{size}");
            }
        }
    }
}
