//! Requests that real back-ends want: odd paths, pages, streams, time limits of their own.

use std::{
    convert::Infallible,
    io::Write,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use apikit::{Auth, Backend, BackendError, Caller};
use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Query, Request},
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::IntoResponse,
    routing::{any, get, post},
};
use flate2::{Compress, Compression, FlushCompress, write::GzEncoder};
use futures_util::{StreamExt, TryStreamExt, stream};
use reqwest::Url;
use tokio::net::TcpListener;

use crate::{probe::NAME, test_app::settings};

/// A back-end with these routes.
async fn backend(routes: Router) -> Backend {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("--backend-url=http://{}", listener.local_addr().unwrap());
    tokio::spawn(async { axum::serve(listener, routes).await });
    let settings = settings(&[&url]);
    Backend::new(&settings.backend, Auth::None, NAME, Duration::from_secs(20)).unwrap()
}

fn echo() -> Router {
    Router::new().fallback(async |uri: Uri| uri.to_string())
}

#[tokio::test]
async fn a_slash_at_the_end_of_a_path_stays() {
    let backend = backend(echo()).await;
    for (path, asked) in [
        ("/jobs", "/jobs"),
        ("/jobs/", "/jobs/"),
        ("jobs/", "/jobs/"),
        ("/", "/"),
    ] {
        let answer = backend
            .get(path)
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        assert_eq!(answer, asked);
    }
    let with_segment = backend.get("/jobs/").segment("a b").send().await.unwrap();
    assert_eq!(with_segment.text().await.unwrap(), "/jobs/a%20b");
}

#[tokio::test]
async fn what_the_back_end_names_is_asked_on_its_own_origin_alone() {
    let backend = backend(echo()).await;
    let here = backend.get("/").send().await.unwrap().url().clone();
    let there = here.join("/jobs/7?full=yes").unwrap();
    let answer = backend.get_url(&there).send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "/jobs/7?full=yes");
    for elsewhere in ["https://elsewhere.example/jobs", "http://127.0.0.1:1/"] {
        let url: Url = elsewhere.parse().unwrap();
        let refused = backend.get_url(&url).send().await.unwrap_err();
        assert_eq!(refused.status().as_u16(), 502);
        let origin = url.origin().ascii_serialization();
        assert!(refused.to_string().contains(&origin), "{refused}");
    }
}

#[derive(serde::Deserialize)]
struct Wanted {
    page: Option<usize>,
}

/// Numbers in pages of two. The last page is the one before `end`.
fn pages(end: usize) -> Router {
    let page = async move |Query(wanted): Query<Wanted>, headers: HeaderMap| {
        assert_eq!(headers["accept"], "application/json");
        let page = wanted.page.unwrap_or(1);
        let next = format!(
            "</pages?page={}>; rel=\"next\", </pages>; rel=\"first\"",
            page + 1
        );
        let link = (page < end).then_some([(header::LINK, next)]);
        (link, axum::Json([page * 2 - 1, page * 2]))
    };
    Router::new().route("/pages", get(page))
}

async fn numbers(backend: &Backend) -> apikit::Result<Vec<usize>> {
    let accept = HeaderValue::from_static("application/json");
    let request = backend.get("/pages").header(header::ACCEPT, accept);
    let caller = Caller::anonymous();
    let pages = request.pages_for(&caller);
    let numbers = pages.and_then(async |page| page.json::<Vec<usize>>().await);
    Ok(numbers.try_collect::<Vec<_>>().await?.concat())
}

#[tokio::test]
async fn pages_follow_each_other_until_the_last() {
    for end in [1, 2, 5] {
        let backend = backend(pages(end)).await;
        let expected: Vec<_> = (1..=end * 2).collect();
        assert_eq!(numbers(&backend).await.unwrap(), expected);
    }
}

#[tokio::test]
async fn pages_in_a_circle_and_pages_elsewhere_end_in_an_error() {
    for (link, sentence) in [
        ("</pages>; rel=next", "pages lead in circles"),
        (
            "<http://elsewhere.example/>; rel=next",
            "leads to http://elsewhere.example",
        ),
    ] {
        let page = async move || ([(header::LINK, link)], axum::Json([1, 2]));
        let backend = backend(Router::new().route("/pages", get(page))).await;
        let refused = numbers(&backend).await.unwrap_err();
        assert!(refused.to_string().contains(sentence), "{refused}");
    }
}

#[tokio::test]
async fn a_request_may_have_less_time_or_more() {
    let slow = Router::new().route("/slow", get(async || std::future::pending::<()>().await));
    let backend = backend(slow).await;
    let hurried = backend.get("/slow").timeout(Duration::from_millis(50));
    let late = tokio::time::timeout(Duration::from_secs(5), hurried.send()).await;
    assert_eq!(late.unwrap().unwrap_err().status().as_u16(), 504);
}

/// Each piece that is made must be read before many more are made: neither side holds the whole.
#[tokio::test]
async fn an_upload_and_a_download_of_any_size_go_through_piece_by_piece() {
    const PIECES: usize = 4096;
    const PIECE: &[u8] = &[b'x'; 64 * 1024];
    /// What the sockets and buffers of one machine may hold on the way.
    const ON_THE_WAY: usize = 512;

    let read = Arc::new(AtomicUsize::new(0));
    let count = read.clone();
    let upload = async move |request: Request| {
        let mut body = request.into_body().into_data_stream();
        while let Some(piece) = body.next().await {
            count.fetch_add(piece.unwrap().len(), Ordering::SeqCst);
        }
        count.load(Ordering::SeqCst).to_string()
    };
    let download = async || {
        let pieces =
            stream::iter(0..PIECES).map(|_| Ok::<_, Infallible>(Bytes::from_static(PIECE)));
        Body::from_stream(pieces)
    };
    let routes = Router::new()
        .route("/up", post(upload))
        .route("/down", get(download));
    let backend = backend(routes).await;

    let (made, behind) = (Arc::new(AtomicUsize::new(0)), read.clone());
    let most = Arc::new(AtomicUsize::new(0));
    let (making, ahead) = (made.clone(), most.clone());
    let pieces = stream::iter(0..PIECES).map(move |_| {
        let made = making.fetch_add(PIECE.len(), Ordering::SeqCst);
        ahead.fetch_max(made - behind.load(Ordering::SeqCst), Ordering::SeqCst);
        Ok::<_, Infallible>(Bytes::from_static(PIECE))
    });
    let upload = backend.post("/up").body(reqwest::Body::wrap_stream(pieces));
    let answer = upload
        .timeout(Duration::from_secs(60))
        .send()
        .await
        .unwrap();
    assert_eq!(
        answer.text().await.unwrap(),
        (PIECES * PIECE.len()).to_string()
    );
    assert!(
        most.load(Ordering::SeqCst) < ON_THE_WAY * PIECE.len(),
        "{most:?}"
    );

    let answer = backend
        .get("/down")
        .timeout(Duration::from_secs(60))
        .send()
        .await
        .unwrap();
    let mut body = answer.into_body().into_data_stream();
    let mut length = 0;
    while let Some(piece) = body.next().await {
        length += piece.unwrap().len();
    }
    assert_eq!(length, PIECES * PIECE.len());
}

#[tokio::test]
async fn a_request_can_be_cloned_unless_its_body_is_a_stream() {
    let backend = backend(Router::new().fallback(any(async |body: String| body))).await;
    let request = backend.put("/x").body("once and again");
    let again = request.try_clone().unwrap();
    for request in [request, again] {
        assert_eq!(
            request.send().await.unwrap().text().await.unwrap(),
            "once and again"
        );
    }
    let pieces = stream::iter([Ok::<_, Infallible>("x")]);
    let stream = backend.put("/x").body(reqwest::Body::wrap_stream(pieces));
    assert!(stream.try_clone().is_none());
}

#[tokio::test]
async fn a_form_may_have_files() {
    let backend = backend(Router::new().route(
        "/files",
        post(async |headers: HeaderMap, body: String| {
            let media_type = headers["content-type"].to_str().unwrap().to_owned();
            format!("{media_type}\n{body}")
        }),
    ))
    .await;
    let file = reqwest::multipart::Part::text("1,2").file_name("numbers.csv");
    let form = reqwest::multipart::Form::new().part("numbers", file);
    let sent = backend.post("/files").multipart(form).send().await.unwrap();
    let sent = sent.text().await.unwrap();
    assert!(sent.starts_with("multipart/form-data; boundary="), "{sent}");
    assert!(
        sent.contains(r#"name="numbers"; filename="numbers.csv""#),
        "{sent}"
    );
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// A body as the back-end sends it: its headers, its bytes, and what the service reads, or why it cannot.
#[tokio::test]
async fn bodies_are_read_as_their_headers_say_or_refused_with_what_is_wrong() {
    let json = r#"{"name":"René"}"#;
    let utf_16: Vec<u8> = json.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let bomb = gzip(&vec![0; 20_000_000]);
    for (content_type, coding, body, read) in [
        ("application/json", "", json.as_bytes().to_vec(), Ok("René")),
        (
            "application/json",
            "gzip",
            gzip(json.as_bytes()),
            Ok("René"),
        ),
        (
            "application/json",
            "",
            [b"\xef\xbb\xbf", json.as_bytes()].concat(),
            Ok("René"),
        ),
        (
            "application/json; charset=utf-16le",
            "",
            utf_16.clone(),
            Ok("René"),
        ),
        (
            "application/json",
            "",
            [b"\xff\xfe".to_vec(), utf_16].concat(),
            Ok("René"),
        ),
        (
            "application/json; charset=latin1",
            "",
            b"{\"name\":\"Ren\xe9\"}".to_vec(),
            Ok("René"),
        ),
        (
            "application/json; charset='latin1'",
            "",
            b"{\"name\":\"Ren\xe9\"}".to_vec(),
            Ok("René"),
        ),
        (
            "application/json",
            "br",
            json.as_bytes().to_vec(),
            Err("has the Content-Encoding \"br\""),
        ),
        (
            "application/json",
            "gzip",
            json.as_bytes().to_vec(),
            Err("answer is no gzip as it says"),
        ),
        (
            "application/json",
            "gzip",
            bomb,
            Err("is larger than 16777216 bytes"),
        ),
    ] {
        let shown = format!("{content_type} {coding} {read:?}");
        let answer = async move || {
            let mut answer = body.into_response();
            let headers = answer.headers_mut();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
            if !coding.is_empty() {
                headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
            }
            answer
        };
        let backend = backend(Router::new().route("/x", get(answer))).await;
        let value = backend
            .get("/x")
            .send()
            .await
            .unwrap()
            .json::<serde_json::Value>()
            .await;
        match (value, read) {
            (Ok(value), Ok(name)) => assert_eq!(value["name"], name, "{shown}"),
            (Err(error), Err(sentence)) => {
                assert_eq!(error.status().as_u16(), 502, "{shown}");
                assert!(error.to_string().contains(sentence), "{shown}: {error}");
            }
            (value, _) => panic!("{shown}: {value:?}"),
        }
    }
}

/// A gigabyte in a megabyte, as gzip has it and as deflate has it: a back-end's answer, which ends in an error at the limit.
#[tokio::test]
async fn a_gigabyte_in_a_megabyte_is_refused_at_the_limit() {
    const MIB: usize = 1024 * 1024;
    let members = gzip(&vec![0; MIB]).repeat(1024);
    let mut block = Vec::with_capacity(MIB);
    let mut deflate = Compress::new(Compression::default(), false);
    let packed = deflate.compress_vec(&vec![0; MIB], &mut block, FlushCompress::Full);
    packed.unwrap();
    let blocks = block.repeat(1024);
    for (coding, bomb) in [("gzip", members), ("deflate", blocks)] {
        assert!((MIB / 2..3 * MIB).contains(&bomb.len()), "{}", bomb.len());
        let bomb = Bytes::from(bomb);
        let answer = async move || ([(header::CONTENT_ENCODING, coding)], bomb);
        let backend = backend(Router::new().route("/x", get(answer))).await;
        let start = Instant::now();
        let answer = backend.get("/x").send().await.unwrap();
        let read = answer.bytes().await.map(|body| body.len());
        let error = read.unwrap_err();
        let told = "502 Bad Gateway: The back-end's answer is larger than 16777216 bytes.";
        assert_eq!(error.to_string(), told, "{coding}");
        assert!(start.elapsed() < Duration::from_secs(10), "{coding}");
    }
}

/// The content that the caller gets of an error.
async fn content(error: BackendError) -> String {
    let body = error.into_response().into_body();
    let body = axum::body::to_bytes(body, 1_000_000).await.unwrap();
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    body["error_content"].as_str().unwrap_or("null").to_owned()
}

/// The body of a refusal as the back-end packs it, and how much of its text the caller gets.
#[tokio::test]
async fn a_refusal_that_is_compressed_is_passed_on_as_text() {
    let small = "no such job".to_owned();
    let even = "x".repeat(200_000);
    // Of random digits, some 80,000 bytes are left.
    let random: String = (0..200_000).map(|_| fastrand::digit(10)).collect();
    let packed = |text: &str| gzip(text.as_bytes());
    let cut = packed(&random)[..10_000].to_vec();
    for (text, coding, body, length) in [
        (&small, "gzip", packed(&small), small.len()..12),
        (&even, "gzip", packed(&even), 65_536..65_537),
        (&random, "gzip", packed(&random), 65_536..65_537),
        (&random, "gzip", cut, 10_000..65_536),
        (&small, "gzip, gzip", gzip(&packed(&small)), small.len()..12),
    ] {
        let shown = format!("{coding} {length:?} of {}", text.len());
        let answer = async move || {
            let coding = [(header::CONTENT_ENCODING, coding)];
            (StatusCode::NOT_FOUND, coding, body)
        };
        let backend = backend(Router::new().route("/x", get(answer))).await;
        let content = content(backend.get("/x").send().await.unwrap_err()).await;
        assert!(
            length.contains(&content.len()),
            "{shown}: {}",
            content.len()
        );
        assert!(text.starts_with(&content), "{shown}");
    }
    for (coding, body) in [("br", packed(&small)), ("gzip", small.into_bytes())] {
        let answer = async move || {
            let coding = [(header::CONTENT_ENCODING, coding)];
            (StatusCode::NOT_FOUND, coding, body)
        };
        let backend = backend(Router::new().route("/x", get(answer))).await;
        let refused = backend.get("/x").send().await.unwrap_err();
        assert_eq!(content(refused).await, "null", "{coding}");
    }
}

#[tokio::test]
async fn the_service_says_who_it_is() {
    let agent = async |headers: HeaderMap| headers["user-agent"].to_str().unwrap().to_owned();
    let backend = backend(Router::new().route("/x", get(agent))).await;
    let agent = backend
        .get("/x")
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(agent.starts_with("probe apikit/"), "{agent}");
}
