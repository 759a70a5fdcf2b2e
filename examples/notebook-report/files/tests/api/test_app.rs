//! The whole service on a port of its own, in front of a mock GitHub and a mock keeper.

use apikit::testing;
use reqwest::{Method, RequestBuilder, header::HeaderMap};
use serde_json::Value;
use uservice::identity::IDENTITY;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers};

/// A running service. It ends with the test.
pub struct TestApp {
    /// GitHub, which the service asks as its callers.
    pub github: MockServer,
    /// The keeper, which it asks as itself.
    pub keeper: MockServer,
    app: testing::TestApp,
}

impl TestApp {
    /// The service with its default configuration.
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// The service with flags such as `["--max-notebook=3"]`.
    pub async fn with(flags: &[&str]) -> Self {
        let (github, keeper) = (MockServer::start().await, MockServer::start().await);
        let mut all = testing::way_to(&github.uri(), IDENTITY.metadata.auth).await;
        all.push(format!("--keeper-url={}", keeper.uri()));
        all.push("--keeper-username=robot".to_owned());
        all.push("--keeper-password=for-tests".to_owned());
        all.extend(flags.iter().map(ToString::to_string));
        let app = testing::TestApp::start(uservice::app(), &all).await;
        Self {
            github,
            keeper,
            app: app.expect("the service starts"),
        }
    }

    /// Asks for `path` with the credentials of Ada.
    pub async fn get(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::GET, path)).await
    }

    /// A request with the credentials of Ada, to be given a body, a query or headers.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = testing::client().request(method, self.app.url(path));
        request.basic_auth("ada", Some("a token for tests"))
    }

    /// Tells the service to stop, waits until it has, and returns what is left: the keeper.
    pub async fn stopped(self) -> Result<MockServer, String> {
        self.app.stop();
        self.app.stopped().await?;
        Ok(self.keeper)
    }
}

/// Lets a mock answer `method` on `path` with `answer`.
pub async fn answers(server: &MockServer, method: &str, path: &str, answer: ResponseTemplate) {
    Mock::given(matchers::method(method))
        .and(matchers::path(path))
        .respond_with(answer)
        .mount(server)
        .await;
}

/// An answer, read to its end.
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    pub async fn of(request: RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        Self {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.text().await.unwrap(),
        }
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}
