//! Uploads and downloads that pass through, whatever their size, as long as they move.

use std::{
    convert::Infallible,
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use apikit::{
    App, Backend, BackendError, Caller, Result, Setup,
    backend::BackendResponse,
    testing::{TestApp, client},
};
use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    extract::{FromRef, Request, State},
    http::{HeaderMap, StatusCode},
    response::IntoResponse,
    routing::{get, put},
};
use futures_util::{Stream, StreamExt, stream};
use secrecy::SecretString;
use tokio::time::{Instant, sleep};
use utoipa_axum::router::OpenApiRouter;

use crate::keeper::{Config, IDENTITY, ada, keeper, served};

const PIECE: usize = 1024 * 1024;

/// How many pieces a large body has.
const COUNT: usize = 256;

/// More pieces than this are never on their way: what sockets hold, on the way to the service and from there.
const MOST_ON_THEIR_WAY: usize = 64;

/// How much of a large body was sent and received.
#[derive(Clone, Default)]
struct Tally {
    sent: Arc<AtomicUsize>,
    received: Arc<AtomicUsize>,
}

impl Tally {
    /// A large body, which may not run far ahead of what is received.
    fn body(&self) -> impl Stream<Item = Result<Bytes, io::Error>> + Send + 'static {
        let (tally, piece) = (self.clone(), Bytes::from(vec![b'x'; PIECE]));
        stream::iter(0..COUNT).map(move |_| {
            let sent = tally.sent.fetch_add(PIECE, Ordering::SeqCst);
            let on_their_way = sent.saturating_sub(tally.received.load(Ordering::SeqCst));
            match on_their_way <= MOST_ON_THEIR_WAY * PIECE {
                true => Ok(piece.clone()),
                false => Err(io::Error::other("the body is kept in memory")),
            }
        })
    }

    /// Reads a body to its end, more slowly than it could come.
    async fn receive<E>(&self, body: impl Stream<Item = Result<Bytes, E>>) -> Result<usize, E> {
        let mut body = std::pin::pin!(body);
        let mut pieces = 0;
        while let Some(piece) = body.next().await {
            let before = self.received.fetch_add(piece?.len(), Ordering::SeqCst);
            if before / PIECE > pieces {
                pieces = before / PIECE;
                sleep(Duration::from_millis(1)).await;
            }
        }
        Ok(self.received.load(Ordering::SeqCst))
    }
}

#[derive(Clone, FromRef)]
struct AppState {
    keeper: Backend,
}

async fn start(config: &Config, setup: &mut Setup) -> Result<AppState, apikit::StartError> {
    let keeper = setup.backend(&config.keeper)?;
    Ok(AppState { keeper })
}

/// A service that passes files on from the keeper and to it.
async fn service(keeper: &str) -> TestApp {
    let routes = || {
        let file = Router::new().route("/file", get(download).put(upload));
        let collect = put(async |body: Bytes| body.len().to_string());
        OpenApiRouter::from(file.route("/collected", collect))
    };
    let keeper = format!("--keeper-url={keeper}");
    TestApp::start(App::new(IDENTITY, routes, start), &[keeper])
        .await
        .unwrap()
}

async fn download(State(keeper): State<Backend>, caller: Caller) -> Result<BackendResponse> {
    keeper.get("/file").send_for(&caller).await
}

async fn upload(State(keeper): State<Backend>, caller: Caller, body: Body) -> Result<String> {
    keeper
        .put("/file")
        .stream(body)
        .send_for(&caller)
        .await?
        .text()
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_file_comes_down_in_constant_memory() {
    let tally = Tally::default();
    let sending = tally.clone();
    let file = async move || Body::from_stream(sending.body());
    let service = service(&served(Router::new().route("/file", get(file))).await).await;
    let answer = client().get(service.url("/file")).send().await.unwrap();
    let received = tally.receive(answer.bytes_stream()).await.unwrap();
    assert_eq!(received, COUNT * PIECE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_file_goes_up_in_constant_memory() {
    let tally = Tally::default();
    let receiving = tally.clone();
    let file = async move |body: Body| {
        receiving
            .receive(body.into_data_stream())
            .await
            .unwrap()
            .to_string()
    };
    let service = service(&served(Router::new().route("/file", put(file))).await).await;
    let body = reqwest::Body::wrap_stream(tally.body());
    let answer = client()
        .put(service.url("/file"))
        .body(body)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.text().await.unwrap(), (COUNT * PIECE).to_string());
}

#[tokio::test]
async fn an_answer_is_passed_on_with_what_says_what_it_is_and_no_more() {
    let file = async || {
        let headers = [
            ("content-type", "application/x-ipynb+json"),
            ("content-disposition", "attachment"),
            ("etag", "\"7\""),
            ("set-cookie", "session=1"),
            ("server", "keeper"),
        ];
        (StatusCode::PARTIAL_CONTENT, headers, "{}")
    };
    let service = service(&served(Router::new().route("/file", get(file))).await).await;
    let answer = client().get(service.url("/file")).send().await.unwrap();
    assert_eq!(answer.status(), 206);
    for (name, value) in [
        ("content-type", Some("application/x-ipynb+json")),
        ("content-disposition", Some("attachment")),
        ("etag", Some("\"7\"")),
        ("content-length", Some("2")),
        ("set-cookie", None),
        ("server", None),
    ] {
        let header = answer
            .headers()
            .get(name)
            .map(|value| value.to_str().unwrap());
        assert_eq!(header, value, "{name}");
    }
    assert_eq!(answer.text().await.unwrap(), "{}");
}

#[tokio::test]
async fn an_upload_has_its_length_where_it_is_known() {
    let framing = async |headers: HeaderMap, body: String| {
        let header = |name| {
            headers
                .get(name)
                .map_or("-", |value| value.to_str().unwrap())
                .to_owned()
        };
        format!(
            "{} {} {body}",
            header("content-length"),
            header("transfer-encoding")
        )
    };
    let service = service(&served(Router::new().fallback(framing)).await).await;
    let known = reqwest::Body::from("five!");
    let unknown = reqwest::Body::wrap_stream(stream::iter([Ok::<_, Infallible>("five!")]));
    for (body, framing) in [(known, "5 - five!"), (unknown, "- chunked five!")] {
        let answer = client()
            .put(service.url("/file"))
            .body(body)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.text().await.unwrap(), framing);
    }
}

/// A body of five pieces, with a pause before each.
fn slow(pause: Duration) -> Body {
    let pieces = stream::iter(0..5).then(move |_| async move {
        sleep(pause).await;
        Ok::<_, Infallible>("piece ")
    });
    Body::from_stream(pieces)
}

#[tokio::test(start_paused = true)]
async fn a_stream_from_the_back_end_may_last_as_long_as_its_pieces_come() {
    let file = async || slow(Duration::from_secs(6));
    let keeper = keeper(&served(Router::new().fallback(file)).await, &[]);
    let start = Instant::now();
    let answer = keeper.get("/file").send().await.unwrap();
    let body = to_bytes(answer.into_body(), 1000).await.unwrap();
    assert_eq!(body, "piece ".repeat(5));
    assert_eq!(start.elapsed().as_secs(), 30);

    let answer = keeper.get("/file").send().await.unwrap();
    let error = answer.bytes().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "504 Gateway Timeout: The back-end keeper took too long."
    );
}

#[tokio::test(start_paused = true)]
async fn a_stream_from_the_back_end_that_stands_still_ends() {
    let file = async || slow(Duration::from_secs(11));
    let keeper = keeper(&served(Router::new().fallback(file)).await, &[]);
    let mut answer = keeper.get("/file").send().await.unwrap();
    let error = answer.chunk().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "504 Gateway Timeout: The back-end keeper took too long."
    );

    let answer = keeper.get("/file").send().await.unwrap();
    let pieces: Vec<_> = answer.into_stream().collect().await;
    assert!(matches!(&pieces[..], [Err(_)]), "{pieces:?}");
    let answer = keeper.get("/file").send().await.unwrap();
    assert!(to_bytes(answer.into_body(), 1000).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn an_upload_may_last_as_long_as_its_pieces_come() {
    let length = async |body: Bytes| body.len().to_string();
    let url = served(Router::new().fallback(length)).await;
    let flags = ["--keeper-timeout=2s"];
    let with_token = keeper(&url, &flags).with_token(async || Ok(SecretString::from("a token")));
    let keeper = keeper(&url, &flags);
    for (backend, pause) in [(&keeper, 5), (&keeper, 20), (&with_token, 20)] {
        let request = backend.put("/file");
        let request = request.stream(slow(Duration::from_secs(pause)));
        let answer = request.send_for(&ada()).await.unwrap();
        assert_eq!(answer.text().await.unwrap(), "30", "{pause}");
    }
    // A time limit of the request's own holds for all of it.
    for (limit, is_enough) in [(120, true), (90, false)] {
        let request = keeper.put("/file").timeout(Duration::from_secs(limit));
        let request = request.stream(slow(Duration::from_secs(20)));
        assert_eq!(request.send().await.is_ok(), is_enough, "{limit}");
    }
}

/// An upload to the service: so many bytes before each pause, of so many seconds; and how it ends, after how many seconds.
#[tokio::test(start_paused = true)]
async fn an_upload_may_last_longer_than_a_request_as_long_as_it_moves() {
    let length = async |body: Body| {
        let body = to_bytes(body, usize::MAX).await;
        body.map_or("it broke off".to_owned(), |body| body.len().to_string())
    };
    const KIB: usize = 1024;
    const LATE: &str = "\"status_code\":504";
    let service = service(&served(Router::new().route("/file", put(length))).await).await;
    for (pieces, told, seconds) in [
        (&[(64 * KIB, 20); 5][..], "327680", 100),
        (&[(100_000, 29); 3], "300000", 87),
        (&[(16 * KIB, 7); 20], "327680", 140),
        (&[(10, 2); 10], "100", 20),
        // Too slowly.
        (&[(6, 20); 5], LATE, 30),
        (&[(64 * KIB, 31)], LATE, 30),
        (&[(64 * KIB, 20), (64 * KIB, 20), (0, 300)], LATE, 70),
    ] {
        let start = Instant::now();
        let body = stream::iter(pieces).then(|(length, pause)| async move {
            sleep(Duration::from_secs(*pause)).await;
            Ok::<_, Infallible>(vec![b'x'; *length])
        });
        let request = client().put(service.url("/file"));
        let request = request.body(reqwest::Body::wrap_stream(body));
        let text = request.send().await.unwrap().text().await.unwrap();
        assert!(text.contains(told), "{pieces:?}: {text}");
        assert_eq!(start.elapsed().as_secs(), seconds, "{pieces:?}");
    }
}

/// Only a body that is passed on is an upload.
#[tokio::test(start_paused = true)]
async fn a_body_that_is_collected_comes_within_the_time_of_a_request() {
    let service = service("http://127.0.0.1:9").await;
    let pieces = stream::iter(0..5).then(|_| async {
        sleep(Duration::from_secs(20)).await;
        Ok::<_, Infallible>(vec![b'x'; 100_000])
    });
    let request = client().put(service.url("/collected"));
    let request = request.body(reqwest::Body::wrap_stream(pieces));
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 504);
}

#[tokio::test(start_paused = true)]
async fn a_back_end_that_takes_an_upload_and_does_not_answer_is_a_504() {
    let silent = async |body: Body| {
        to_bytes(body, 1000).await.unwrap();
        std::future::pending::<()>().await
    };
    let keeper = keeper(
        &served(Router::new().fallback(silent)).await,
        &["--keeper-timeout=2s"],
    );
    let start = Instant::now();
    let request = keeper.put("/file").stream(slow(Duration::from_secs(3)));
    let error = request.send().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "504 Gateway Timeout: The back-end keeper took too long."
    );
    assert!(
        (17..20).contains(&start.elapsed().as_secs()),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test]
async fn an_upload_that_breaks_off_is_the_callers_fault() {
    let length = async |request: Request| match to_bytes(request.into_body(), 1000).await {
        Ok(body) => body.len().to_string().into_response(),
        Err(_) => StatusCode::BAD_REQUEST.into_response(),
    };
    let keeper = keeper(&served(Router::new().fallback(length)).await, &[]);
    let pieces = stream::iter([Ok("piece"), Err(BackendError::internal("gone"))]);
    let request = keeper.put("/file").stream(Body::from_stream(pieces));
    let error = request.send().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "400 Bad Request: The body of the request broke off."
    );
}
