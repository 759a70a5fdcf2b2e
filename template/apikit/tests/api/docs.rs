//! The API can be browsed, wherever the service is and without asking anybody else.

use crate::probe::ROUTE;
use reqwest::RequestBuilder;

use crate::test_app::{Answer, TestApp, client};

/// Every file that the page names, in `src="…"` and `href="…"`.
fn named(page: &str) -> Vec<&str> {
    let attributes = page.split([' ', '\n']).filter_map(|word| {
        let value = word
            .strip_prefix("src=\"")
            .or(word.strip_prefix("href=\""))?;
        value.split('"').next()
    });
    attributes
        .filter(|file| !file.starts_with("data:"))
        .collect()
}

fn plain(app: &TestApp, path: &str) -> RequestBuilder {
    client()
        .get(app.url(path))
        .header("accept-encoding", "identity")
}

#[tokio::test]
async fn the_page_and_all_that_it_names_is_there_below_root_and_route() {
    let app = TestApp::start().await;
    for prefix in ["", ROUTE] {
        let page = app.get_anonymously(&format!("{prefix}/docs")).await;
        assert_eq!(page.status, 200);
        assert_eq!(
            page.header("content-type"),
            Some("text/html; charset=utf-8")
        );
        let files = named(&page.body);
        assert_eq!(files.len(), 6, "{files:?}");
        for file in files {
            assert!(
                !file.contains(':') && !file.starts_with('/'),
                "{file} is not relative"
            );
            let answer = Answer::of(plain(&app, &format!("{prefix}/{file}"))).await;
            assert_eq!(answer.status, 200, "{file}");
            let expected = match file.rsplit('.').next().unwrap() {
                "css" => "text/css; charset=utf-8",
                "js" => "text/javascript; charset=utf-8",
                "json" => "application/json",
                _ => "text/plain; charset=utf-8",
            };
            assert_eq!(answer.header("content-type"), Some(expected), "{file}");
            assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
            assert_eq!(answer.header("cache-control"), Some("no-cache"), "{file}");
        }
    }
}

#[tokio::test]
async fn the_page_may_ask_nobody_else_and_be_framed_by_nobody() {
    let app = TestApp::start().await;
    let page = app.get_anonymously("/docs").await;
    let policy = page.header("content-security-policy").unwrap();
    for rule in [
        "default-src 'none'",
        "script-src 'self';",
        "style-src 'self';",
        "connect-src 'self'",
        "frame-ancestors 'none'",
    ] {
        assert!(policy.contains(rule), "{rule}");
    }
    assert!(!page.body.contains("://"), "{}", page.body);
}

#[tokio::test]
async fn large_files_are_compressed_unless_the_client_refuses() {
    let app = TestApp::start().await;
    let get = async |accepted: Option<&str>| {
        let mut request = client().get(app.url("/docs/swagger-ui.css"));
        if let Some(accepted) = accepted {
            request = request.header("accept-encoding", accepted);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.headers()["vary"], "accept-encoding");
        let compressed = response.headers().contains_key("content-encoding");
        (compressed, response.bytes().await.unwrap())
    };
    let (_, plain) = get(Some("identity")).await;
    let css = std::str::from_utf8(&plain).unwrap();
    assert!(css.contains(".swagger-ui"));
    for (accepted, compressed) in [
        (None, false),
        (Some("gzip, deflate, br"), true),
        (Some("br, GZIP;q=0.5"), true),
        (Some("*"), true),
        (Some("br"), false),
        (Some("*, gzip;q=0"), false),
        (Some(""), false),
    ] {
        let (is_compressed, body) = get(accepted).await;
        assert_eq!(is_compressed, compressed, "{accepted:?}");
        if !compressed {
            assert!(body == plain, "{accepted:?}");
            continue;
        }
        assert!(body.len() < plain.len() / 4);
        let (file, length) = body.split_last_chunk().unwrap();
        let (file, checksum) = file.split_last_chunk().unwrap();
        assert_eq!(u32::from_le_bytes(*length) as usize, plain.len());
        assert_eq!(u32::from_le_bytes(*checksum), crc32(&plain));
        assert!(miniz_oxide::inflate::decompress_to_vec(&file[10..]).unwrap() == plain);
    }
}

/// The checksum of gzip files, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let mut sum = u32::MAX;
    for byte in bytes {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = (sum >> 1) ^ (0xedb8_8320 * (sum & 1));
        }
    }
    !sum
}

#[tokio::test]
async fn a_browser_that_has_a_file_gets_304() {
    let app = TestApp::start().await;
    for path in ["/docs", "/docs/page.js", "/docs/swagger-ui-bundle.js"] {
        let first = Answer::of(plain(&app, path)).await;
        let tag = first.header("etag").unwrap();
        let again = Answer::of(plain(&app, path).header("if-none-match", tag)).await;
        assert_eq!((again.status, again.body.as_str()), (304, ""), "{path}");
    }
}

#[tokio::test]
async fn head_other_methods_and_unknown_files_are_answered_as_everywhere() {
    let app = TestApp::start().await;
    for path in ["/docs", "/openapi.json", "/docs/swagger-ui.css"] {
        let get = Answer::of(plain(&app, path)).await;
        let head = client()
            .head(app.url(path))
            .header("accept-encoding", "identity");
        let head = Answer::of(head).await;
        assert_eq!((head.status, head.body.as_str()), (200, ""), "{path}");
        assert_eq!(head.header("content-length"), get.header("content-length"));
        let post = Answer::of(client().post(app.url(path))).await;
        assert_eq!((post.status, post.header("allow")), (405, Some("GET,HEAD")));
        assert_eq!(post.json()["status_code"], 405);
    }
    let unknown = app.get_anonymously("/docs/nothing.js").await;
    assert_eq!(
        (unknown.status, unknown.json()["status_code"].as_u64()),
        (404, Some(404))
    );
}
