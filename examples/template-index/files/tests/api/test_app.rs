//! The whole service on a port of its own, in front of a mock GitHub that has a list of templates.

use apikit::testing;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use uservice::identity::IDENTITY;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers};

/// A running service. It ends with the test.
pub struct TestApp {
    /// GitHub, where the templates are.
    pub github: MockServer,
    app: testing::TestApp,
}

impl TestApp {
    /// The service, which has fetched its list.
    pub async fn start() -> Self {
        let github = MockServer::start().await;
        let list = json!({"service": {"name": "string"}, "technote": {}});
        let list = ResponseTemplate::new(200).set_body_json(list);
        answers(&github, "GET", "/templates", list).await;
        let app = started(&github).await.expect("the service starts");
        Self { github, app }
    }

    /// A request of nobody in particular, to be given credentials or a body.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        testing::client().request(method, self.app.url(path))
    }
}

/// The service in front of this GitHub, with an account of its own there.
///
/// # Errors
/// One sentence, when it does not start.
pub async fn started(github: &MockServer) -> Result<testing::TestApp, String> {
    let mut flags = testing::way_to(&github.uri(), IDENTITY.metadata.auth).await;
    flags.push("--auth-username=robot".to_owned());
    flags.push("--auth-password=for-tests".to_owned());
    testing::TestApp::start(uservice::app(), &flags).await
}

/// Lets a mock answer `method` on `path` with `answer`.
pub async fn answers(server: &MockServer, method: &str, path: &str, answer: ResponseTemplate) {
    Mock::given(matchers::method(method))
        .and(matchers::path(path))
        .respond_with(answer)
        .mount(server)
        .await;
}

/// The status and the JSON of an answer.
pub async fn answer(request: RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}
