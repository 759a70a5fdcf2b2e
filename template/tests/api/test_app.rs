//! The whole service on a port of its own, in front of a mock back-end.

use apikit::testing;
use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use uservice::identity::IDENTITY;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers};

/// Flags that every test starts the service with: for settings of your own that have no default.
const FLAGS: &[&str] = &[];

/// A running service. It ends with the test.
pub struct TestApp {
    /// The back-end that it asks.
    pub backend: MockServer,
    app: testing::TestApp,
}

impl TestApp {
    /// The service with its default configuration.
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// The service with flags such as `["--max-metrics=3"]`.
    pub async fn with(flags: &[&str]) -> Self {
        let backend = MockServer::start().await;
        let mut all = testing::way_to(&backend.uri(), IDENTITY.metadata.auth).await;
        all.extend([FLAGS, flags].concat().iter().map(ToString::to_string));
        let app = testing::TestApp::start(uservice::app(), &all).await;
        Self {
            backend,
            app: app.expect("the service starts"),
        }
    }

    /// Lets the back-end answer `method` on `path` with `answer`.
    pub async fn backend_answers(&self, method: &str, path: &str, answer: ResponseTemplate) {
        Mock::given(matchers::method(method))
            .and(matchers::path(path))
            .respond_with(answer)
            .mount(&self.backend)
            .await;
    }

    /// Asks for `path` with the credentials of Ada.
    pub async fn get(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::GET, path)).await
    }

    /// Asks for `path` without credentials.
    pub async fn get_anonymously(&self, path: &str) -> Answer {
        Answer::of(testing::client().get(self.app.url(path))).await
    }

    /// A request with the credentials of Ada, to be given a body, a query or headers.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = testing::client().request(method, self.app.url(path));
        request.basic_auth("ada", Some("a token for tests"))
    }
}

/// An answer, read to its end.
pub struct Answer {
    pub status: u16,
    pub body: String,
}

impl Answer {
    pub async fn of(request: RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        Self {
            status: response.status().as_u16(),
            body: response.text().await.unwrap(),
        }
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}
