//! The page: whole without scripts, and from this host alone.

use axum::http::header;

use crate::{app::Served, support::HOSTILE};

#[tokio::test]
async fn a_browser_gets_the_page_at_the_root_and_below_the_route() {
    let served = Served::start().await;
    for path in ["/", "/bootstrap", "/bootstrap/"] {
        let answer = served.get_with(path, &[("accept", "text/html")]).await;
        assert_eq!(
            answer.headers()[header::CONTENT_TYPE],
            "text/html; charset=utf-8"
        );
        let policy = answer.headers()[header::CONTENT_SECURITY_POLICY]
            .to_str()
            .unwrap();
        assert!(
            policy.starts_with("default-src 'none'; script-src 'self';"),
            "{policy}"
        );
        let page = answer.text().await.unwrap();
        assert!(page.contains("files, as those of a service named my-service.</span>"));
        assert!(page.contains("Name the service to download it."));
        assert!(!page.contains("style=\"") && !page.contains("onclick"));
        let assets: Vec<_> = page
            .split('"')
            .filter(|text| text.contains("/assets/"))
            .collect();
        assert_eq!(assets.len(), 2, "{assets:?}");
        for asset in assets {
            assert_eq!(served.get(asset).await.status(), 200, "{asset}");
        }
    }
}

#[tokio::test]
async fn the_address_holds_the_answers_the_file_and_the_comparison() {
    let served = Served::start().await;
    let page = served
        .page("/bootstrap/?name=build-times&auth_type=basic&owner=me")
        .await;
    for part in [
        "value=\"build-times\"",
        "<option value=\"basic\" selected>",
        "value=\"me\"",
        "placeholder=\"https://github.com/me/build-times\"",
        "<details open>",
        "//! The routes and logic of this service.",
        "href=\"/bootstrap/build-times.zip?auth_type=basic&amp;owner=me\"",
        "--name build-times",
        "-d auth_type=basic",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let page = served.page("/?name=build-times&file=README.md").await;
    assert!(page.contains("<code># build-times\n"), "{page}");
    assert!(page.contains("aria-current=\"true\">README.md</a>"));
    let page = served.page("/?name=build-times&to.auth_type=basic").await;
    assert!(
        page.contains("<ins>+default = [&quot;basic&quot;]\n</ins>"),
        "{page}"
    );
    let page = served.page("/?name=build-times&file=nowhere").await;
    assert!(page.contains("The service has no such file."));
}

#[tokio::test]
async fn an_answer_that_breaks_its_rule_is_marked_with_the_rule() {
    let served = Served::start().await;
    let page = served.page("/?name=A&port=80&description=%00").await;
    for part in [
        "name &quot;A&quot; must be 1 to 50 lower-case letters",
        "port &quot;80&quot; must be a number",
        "must be one line without control characters.",
        "3 answers break their rules.",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert_eq!(page.matches("aria-invalid=\"true\"").count(), 3);
    assert!(!page.contains("Download"));
}

/// Forms send fields that nobody has filled.
#[tokio::test]
async fn an_empty_answer_is_none() {
    let served = Served::start().await;
    let page = served
        .page("/?name=a&description=&repository=&auth_type=&port=")
        .await;
    assert!(page.contains("href=\"/bootstrap/a.zip\""), "{page}");
}

#[tokio::test]
async fn what_people_write_is_text_and_no_markup() {
    let served = Served::start().await;
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    let odd = "<script>alert(1)</script>\"'&";
    query.append_pair("name", "a");
    query.append_pair("description", &format!("{HOSTILE}{odd}"));
    query.append_pair("file", odd);
    let page = served.page(&format!("/?{}", query.finish())).await;
    assert!(!page.contains("<script>"), "{page}");
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot;'&amp;"));
}
