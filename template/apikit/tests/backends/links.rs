//! URLs that a back-end names itself: `Location`, and pages by `Link`.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use apikit::{Backend, BackendError, Result, backend::Pages};
use axum::{
    Router,
    extract::{Query, RawQuery},
    http::{HeaderMap, StatusCode, header::AUTHORIZATION},
    response::IntoResponse,
    routing::get,
};
use futures_util::TryStreamExt;
use reqwest::{Method, Url};

use crate::keeper::{ada, echoing, keeper, served};

#[tokio::test]
async fn a_url_of_the_same_origin_is_asked_for_as_it_is() {
    let url = echoing().await;
    let keeper = keeper(&format!("{url}/base"), &[]);
    for (path, asked) in [
        ("/base/things/7/?full=yes", "/base/things/7/?full=yes"),
        ("/elsewhere#part", "/elsewhere"),
        ("/a%2Fb/%2e", "/a%2Fb/"),
    ] {
        let target = Url::parse(&format!("{url}{path}")).unwrap();
        let answer = keeper.get_url(&target).send().await.unwrap();
        assert_eq!(answer.text().await.unwrap(), asked);
        let answer = keeper.request_url(Method::DELETE, &target).send().await;
        assert_eq!(answer.unwrap().text().await.unwrap(), asked);
    }
}

#[tokio::test]
async fn a_user_name_in_a_url_is_nobody() {
    let answer = async |headers: HeaderMap| headers.contains_key(AUTHORIZATION).to_string();
    let url = served(Router::new().fallback(answer)).await;
    let target = url.replace("http://", "http://ada:word@").parse().unwrap();
    let answer = keeper(&url, &[]).get_url(&target).send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "false");
}

#[tokio::test]
async fn a_url_of_another_origin_is_named_and_not_asked() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    let count = async move || {
        counted.fetch_add(1, Ordering::SeqCst);
    };
    let other = served(Router::new().fallback(count)).await;
    let keeper = keeper(&echoing().await, &["--keeper-token=hidden-word"]);
    let target = format!("{other}/thing").parse().unwrap();
    let error = keeper.get_url(&target).send().await.unwrap_err();
    let told = format!(
        "502 Bad Gateway: The back-end keeper leads to {other}, which is another origin than its own."
    );
    assert_eq!(error.to_string(), told);
    let target = "file:///etc/hostname".parse().unwrap();
    let error = keeper.get_url(&target).send_as(&ada()).await.unwrap_err();
    assert_eq!(error.status(), StatusCode::BAD_GATEWAY);
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_location_is_followed_by_whoever_wants_it() {
    let created = async || (StatusCode::CREATED, [("location", "7/?new=yes")]);
    let app = Router::new()
        .route("/things/", axum::routing::post(created))
        .fallback(async |request: axum::extract::Request| request.uri().to_string());
    let keeper = keeper(&served(app).await, &[]);
    let answer = keeper.post("/things/").send().await.unwrap();
    let location = answer.location().unwrap();
    let answer = keeper.get_url(&location).send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "/things/7/?new=yes");
}

#[derive(serde::Deserialize)]
struct Place {
    #[serde(default = "first")]
    page: usize,
}

fn first() -> usize {
    1
}

/// A back-end with a list of `count` pages, each of which says what it was asked.
async fn list(count: usize) -> String {
    let page =
        async move |Query(place): Query<Place>, headers: HeaderMap, RawQuery(query): RawQuery| {
            let page = place.page;
            let link = match page < count {
                true => format!(
                    r#"<?page={}>; rel="next", <?page={count}>; rel="last""#,
                    page + 1
                ),
                false => r#"<?page=1>; rel="first""#.to_owned(),
            };
            let header = |name: &str| {
                headers
                    .get(name)
                    .map_or("-", |value| value.to_str().unwrap())
                    .to_owned()
            };
            let body = format!(
                "{} {} {}",
                query.unwrap_or_default(),
                header("authorization"),
                header("x-kind")
            );
            ([("link", link)], body).into_response()
        };
    served(Router::new().route("/list", get(page))).await
}

async fn texts(mut pages: Pages) -> Result<Vec<String>> {
    let mut texts = vec![];
    while let Some(page) = pages.next().await {
        texts.push(page?.text().await?);
    }
    assert!(pages.next().await.is_none());
    Ok(texts)
}

fn request(backend: &Backend) -> apikit::backend::BackendRequest {
    let headers = HeaderMap::from_iter([("x-kind".parse().unwrap(), "list".parse().unwrap())]);
    backend.get("/list").query(&[("size", 2)]).headers(headers)
}

#[tokio::test]
async fn pages_come_one_after_the_other_with_the_headers_and_the_account_of_the_first() {
    let keeper = keeper(&list(3).await, &["--keeper-token=hidden-word"]);
    let expected = |who: &str| {
        ["size=2", "page=2", "page=3"]
            .map(|query| format!("{query} {who} list"))
            .to_vec()
    };
    let pages = request(&keeper).pages_for(&ada()).at_most(3);
    assert_eq!(texts(pages).await.unwrap(), expected("Bearer hidden-word"));
    let pages = request(&keeper).pages_as(&ada());
    assert_eq!(
        texts(pages).await.unwrap(),
        expected("Basic YWRhOmEgd29yZA==")
    );
    let pages = request(&keeper).pages();
    let texts: Vec<_> = pages
        .and_then(|page| page.text())
        .try_collect()
        .await
        .unwrap();
    assert_eq!(texts, expected("Bearer hidden-word"));
}

#[tokio::test]
async fn more_pages_than_the_limit_are_an_error_after_the_last_of_them() {
    let keeper = keeper(&list(1000).await, &[]);
    let mut pages = request(&keeper).pages().at_most(2);
    pages.next().await.unwrap().unwrap();
    pages.next().await.unwrap().unwrap();
    let error = pages.next().await.unwrap().unwrap_err();
    let told = "502 Bad Gateway: The back-end keeper has more than 2 pages, which are all that are asked for.";
    assert_eq!(error.to_string(), told);
    assert!(pages.next().await.is_none());
}

/// The error of a list whose every page has this `Link`.
async fn linked(link: &'static str) -> (usize, BackendError) {
    let app = Router::new().fallback(async move || [("link", link)]);
    let keeper = keeper(&served(app).await, &["--keeper-token=hidden-word"]);
    let mut pages = keeper.get("/list").pages();
    let mut count = 0;
    loop {
        match pages
            .next()
            .await
            .expect("there is no end without an error")
        {
            Ok(_) => count += 1,
            Err(error) => return (count, error),
        }
    }
}

#[tokio::test]
async fn pages_that_go_round_in_a_circle_or_away_are_an_error() {
    for (link, count, told) in [
        (
            "</list>; rel=next",
            1,
            "The back-end keeper's pages lead in circles.",
        ),
        (
            "</list#2>; rel=next",
            1,
            "The back-end keeper's pages lead in circles.",
        ),
        (
            "</other>; rel=next",
            2,
            "The back-end keeper's pages lead in circles.",
        ),
        (
            "<https://elsewhere.example.org/list>; rel=next",
            1,
            "The back-end keeper leads to https://elsewhere.example.org, which is another origin than its own.",
        ),
    ] {
        let (seen, error) = linked(link).await;
        assert_eq!(
            (seen, error.to_string()),
            (count, format!("502 Bad Gateway: {told}"))
        );
    }
}
