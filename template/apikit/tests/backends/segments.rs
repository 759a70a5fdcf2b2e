//! A caller's part of a path stays in its place, also where a proxy on the way cleans paths.

use axum::{
    Router,
    extract::Request,
    response::{IntoResponse, Redirect},
};

use crate::{
    cleaning::cleaning,
    keeper::{keeper, served},
};

#[tokio::test]
async fn a_segment_arrives_whole_or_is_refused() {
    let backend = keeper(&cleaning().await, &[]);
    for segment in [
        "a",
        "a b",
        "a\tb",
        "a\r\nb",
        ".\u{7}x",
        "a%2Fb",
        "%2F",
        "a%5cb",
        "%2Fa%2F",
        "a/%00/b",
        "...",
        "a..b",
        "é日🦀",
        "?a#b",
        ";:@&=+$,",
        "a%00b",
    ] {
        let answer = backend.get("/echo").segment(segment).send().await.unwrap();
        let expected = format!("/echo/{segment}");
        assert_eq!(answer.text().await.unwrap(), expected, "{segment:?}");
    }
    // A slash of the segment's own is a slash to such a proxy, and stays below.
    let answer = backend.get("/echo").segment("a/b").send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "/echo/a/b");
    for segment in [
        "",
        ".",
        "..",
        "%2e",
        "%2E%2e",
        ".\t.",
        "\t..",
        "..\n",
        "x/../../api",
        "x/..",
        "../api",
        "x\\..\\api",
        "x%2f..%2fapi",
        "x%5C..",
        "a//b",
        "/a",
        "a/",
        "./a",
        "x/.\t./api",
        "x/%2e%2e/api",
        "a%2F%2Fb",
        "a/%2Fb",
        "a%2f/b",
        "a\\%5Cb",
        "%2f%5c",
        "/%2F",
    ] {
        let refused = backend
            .get("/echo")
            .segment(segment)
            .send()
            .await
            .unwrap_err();
        assert_eq!(refused.status().as_u16(), 400, "{segment:?}");
    }
}

#[tokio::test]
async fn a_path_of_the_authors_stays_below_the_base() {
    let backend = keeper(&format!("{}/base", cleaning().await), &[]);
    for (path, asked) in [
        ("a//b", "/base/a/b"),
        ("/a%2Fb", "/base/a/b"),
        ("a%5C..b", "/base/a\\..b"),
        ("%2F", "/base"),
    ] {
        let answer = backend.get(path).send().await.unwrap();
        assert_eq!(answer.text().await.unwrap(), asked, "{path:?}");
    }
    for path in ["..%2Fapi", "a/%2e%2e%2f%2E%2e/api", "x%5c..%2Fapi", "%2F."] {
        let refused = backend.get(path).send().await.unwrap_err();
        assert_eq!(refused.status().as_u16(), 400, "{path:?}");
    }
}

#[tokio::test]
async fn a_redirect_out_of_the_place_of_a_segment_is_not_followed() {
    let app = Router::new().fallback(async |request: Request| match request.uri().path() {
        "/jobs/out" => Redirect::permanent("/secret").into_response(),
        "/jobs/in" => Redirect::permanent("/jobs/there").into_response(),
        path => path.to_owned().into_response(),
    });
    let backend = keeper(&served(app).await, &[]);
    let get = async |segment| backend.get("/jobs").segment(segment).send().await;
    let inside = get("in").await.unwrap();
    assert_eq!(inside.text().await.unwrap(), "/jobs/there");
    let outside = get("out").await.unwrap_err();
    assert_eq!(outside.status().as_u16(), 502);
    // What the author wrote whole may lead anywhere on its origin.
    let whole = backend.get("/jobs/out").send().await.unwrap();
    assert_eq!(whole.text().await.unwrap(), "/secret");
}

/// The links of the pages, and where the second one redirects to.
#[tokio::test]
async fn a_page_below_the_place_of_a_segment_does_not_lead_out_of_it() {
    const OUT: &str = "502 Bad Gateway: The back-end keeper redirects out of /jobs/, \
        where a part of the path comes from the caller (307 Temporary Redirect).";
    for (link, target, second) in [
        ("?page=2", "/secret", OUT),
        ("/jobs/b", "/secret", OUT),
        ("b", "/jobsecret", OUT),
        ("/jobs/b", "/jobs/there", "/jobs/there"),
        // The back-end itself leads elsewhere, to a path without the caller's part.
        ("/organizations/7", "/organizations/8", "/organizations/8"),
    ] {
        let app = Router::new().fallback(async move |request: Request| {
            let uri = request.uri().to_string();
            match uri.as_str() {
                "/jobs/a" => [("link", format!("<{link}>; rel=next"))].into_response(),
                _ if uri == target => uri.into_response(),
                _ => Redirect::temporary(target).into_response(),
            }
        });
        let backend = keeper(&served(app).await, &[]);
        let mut pages = backend.get("/jobs").segment("a").pages();
        pages.next().await.unwrap().unwrap();
        let page = match pages.next().await.unwrap() {
            Ok(page) => page.text().await.unwrap(),
            Err(error) => error.to_string(),
        };
        assert_eq!(page, second, "{link} {target}");
    }
}
