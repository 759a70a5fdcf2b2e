//! The whole service on a port of its own.

use apikit::{reqwest::Response, testing};
use axum::http::HeaderMap;
use bootstrap::{answers::Answers, serve};
use url::form_urlencoded;

/// It ends with the test.
pub struct Served(testing::TestApp);

impl Served {
    pub async fn start() -> Self {
        let flags: [&str; 0] = [];
        Self(testing::TestApp::start(serve::app(), &flags).await.unwrap())
    }

    pub fn url(&self, path: &str) -> String {
        self.0.url(path)
    }

    pub async fn get(&self, path: &str) -> Response {
        self.get_with(path, &[]).await
    }

    /// The answer to a request with these headers.
    pub async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Response {
        let request = testing::client().get(self.url(path));
        let request = headers.iter().fold(request, |request, (name, value)| {
            request.header(*name, *value)
        });
        request.send().await.unwrap()
    }

    /// The body of a 200.
    pub async fn text(&self, path: &str) -> String {
        self.body(path).await.1
    }

    /// The headers and the body of a 200.
    pub async fn body(&self, path: &str) -> (HeaderMap, String) {
        let answer = self.get(path).await;
        let headers = answer.headers().clone();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert_eq!(status, 200, "{path}: {text}");
        (headers, text)
    }

    /// The page at `path`.
    pub async fn page(&self, path: &str) -> String {
        let answer = self.get_with(path, &[("accept", "text/html")]).await;
        assert_eq!(answer.status(), 200, "{path}");
        answer.text().await.unwrap()
    }
}

/// The answers besides the name, as a query.
pub fn query(answers: &Answers) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(&answers.given).finish()
}
