//! Requests as real APIs want them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use apikit::reqwest::{
    Body, Method,
    multipart::{Form, Part},
};
use axum::{
    Router,
    extract::Request,
    http::{HeaderMap, HeaderValue, StatusCode, header},
};
use tokio::time::Instant;

use crate::keeper::{ada, echoing, keeper, served};

#[tokio::test]
async fn a_slash_at_the_end_of_a_path_stays_and_none_is_added() {
    let url = echoing().await;
    for (base, path, segments, slash, asked) in [
        ("", "/jobs/", &[][..], false, "/jobs/"),
        ("", "/jobs", &[], false, "/jobs"),
        ("", "/jobs/", &["a"], false, "/jobs/a"),
        ("", "/jobs", &["a", "b"], true, "/jobs/a/b/"),
        ("", "/jobs/", &[], true, "/jobs/"),
        ("", "", &[], false, "/"),
        ("", "/", &[], false, "/"),
        ("/base", "/jobs/", &[], false, "/base/jobs/"),
        ("/base/", "/jobs/", &["a"], true, "/base/jobs/a/"),
        ("/base", "", &[], false, "/base"),
        ("/base", "/", &[], false, "/base/"),
        ("/base/", "", &[], false, "/base/"),
        ("/base", "", &["a"], false, "/base/a"),
    ] {
        let request = keeper(&format!("{url}{base}"), &[]).get(path);
        let request = segments
            .iter()
            .fold(request, |request, segment| request.segment(segment));
        let request = if slash { request.slash() } else { request };
        let answer = request.query(&[("x", "1")]).send().await.unwrap();
        assert_eq!(
            answer.text().await.unwrap(),
            format!("{asked}?x=1"),
            "{base} {path}"
        );
    }
}

#[tokio::test]
async fn each_method_is_sent_as_such() {
    let method = async |request: Request| [("x-method", request.method().to_string())];
    let keeper = keeper(&served(Router::new().fallback(method)).await, &[]);
    for (request, method) in [
        (keeper.get("/"), "GET"),
        (keeper.head("/"), "HEAD"),
        (keeper.post("/"), "POST"),
        (keeper.put("/"), "PUT"),
        (keeper.patch("/"), "PATCH"),
        (keeper.delete("/"), "DELETE"),
        (keeper.request(Method::OPTIONS, "/"), "OPTIONS"),
    ] {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.headers()["x-method"], method);
    }
}

#[tokio::test]
async fn headers_replace_those_of_the_same_name() {
    let accepted = async |headers: HeaderMap| {
        let accept: Vec<_> = headers.get_all(header::ACCEPT).iter().collect();
        format!("{accept:?}")
    };
    let keeper = keeper(&served(Router::new().fallback(accepted)).await, &[]);
    let accept = |value| HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(value))]);
    let request = keeper
        .get("/")
        .headers(accept("text/plain"))
        .headers(accept("text/html"));
    let answer = request.send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), r#"["text/html"]"#);
}

#[tokio::test]
async fn a_request_can_be_cloned_unless_its_body_is_a_stream() {
    let answer = async |request: Request| {
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, 1000).await.unwrap();
        format!(
            "{} {} {}",
            parts.method,
            parts.uri,
            String::from_utf8_lossy(&body)
        )
    };
    let keeper = keeper(&served(Router::new().fallback(answer)).await, &[]);
    let request = keeper.post("/thing").query(&[("x", 1)]).body("the body");
    for copy in [request.try_clone().unwrap(), request] {
        let answer = copy.send().await.unwrap();
        assert_eq!(answer.text().await.unwrap(), "POST /thing?x=1 the body");
    }
    let stream = Body::wrap_stream(futures_util::stream::iter([Ok::<_, std::io::Error>("x")]));
    assert!(keeper.post("/thing").body(stream).try_clone().is_none());
    assert!(keeper.get("/../thing").try_clone().is_none());
}

/// A back-end that never answers, and how often it was asked.
async fn silent() -> (String, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    let never = async move || {
        counted.fetch_add(1, Ordering::SeqCst);
        std::future::pending::<()>().await;
    };
    (served(Router::new().fallback(never)).await, asked)
}

#[tokio::test(start_paused = true)]
async fn a_request_may_have_a_time_limit_of_its_own() {
    let (url, asked) = silent().await;
    let keeper = keeper(&url, &["--keeper-timeout=10s"]);
    for (limit, seconds) in [(None, 10), (Some(1), 1), (Some(300), 300)] {
        let start = Instant::now();
        let request = keeper.get("/thing");
        let request = match limit {
            Some(limit) => request.timeout(Duration::from_secs(limit)),
            None => request,
        };
        let error = request.send_for(&ada()).await.unwrap_err();
        let told = "504 Gateway Timeout: The back-end keeper took too long.";
        assert_eq!(error.to_string(), told);
        assert_eq!(start.elapsed().as_secs(), seconds, "{limit:?}");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 3);
}

#[tokio::test(start_paused = true)]
async fn a_time_limit_of_a_request_holds_for_all_its_tries() {
    let url = served(Router::new().fallback(async || StatusCode::SERVICE_UNAVAILABLE)).await;
    let wait = async || (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "5")]);
    let waiting = served(Router::new().fallback(wait)).await;
    for (url, limit, tries) in [(&url, 300, 3), (&waiting, 300, 3), (&waiting, 6, 1)] {
        let start = Instant::now();
        let request = keeper(url, &[])
            .get("/thing")
            .timeout(Duration::from_secs(limit));
        let error = request.send().await.unwrap_err();
        assert_eq!(error.status(), StatusCode::SERVICE_UNAVAILABLE);
        let waited = start.elapsed().as_secs();
        let expected = if url == &waiting { 5 * (tries - 1) } else { 0 };
        assert_eq!(waited, expected, "{limit} s");
    }
}

#[tokio::test]
async fn a_form_of_several_parts_arrives() {
    let parts = async |headers: HeaderMap, body: String| {
        let media_type = headers[header::CONTENT_TYPE].to_str().unwrap();
        let boundary = media_type.strip_prefix("multipart/form-data; boundary=");
        body.replace(boundary.unwrap(), "boundary")
    };
    let keeper = keeper(&served(Router::new().fallback(parts)).await, &[]);
    let file = Part::bytes(b"{}".as_slice()).file_name("night.ipynb");
    let form = Form::new().text("title", "Last night").part("file", file);
    let answer = keeper
        .post("/reports")
        .multipart(form)
        .send()
        .await
        .unwrap();
    let expected = [
        "--boundary",
        r#"Content-Disposition: form-data; name="title""#,
        "",
        "Last night",
        "--boundary",
        r#"Content-Disposition: form-data; name="file"; filename="night.ipynb""#,
        "",
        "{}",
        "--boundary--",
        "",
    ];
    assert_eq!(answer.text().await.unwrap(), expected.join("\r\n"));
}

#[tokio::test]
async fn whoever_needs_more_has_the_client_and_the_url() {
    let url = echoing().await;
    let keeper = keeper(&format!("{url}/base"), &["--keeper-token=hidden-word"]);
    let target = keeper.url("/thing/").unwrap();
    assert_eq!(target.as_str(), format!("{url}/base/thing/"));
    let answer = keeper.client().get(target).send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "/base/thing/");
    assert_eq!(
        keeper.url("/../thing").unwrap_err().status(),
        StatusCode::BAD_REQUEST
    );
}
