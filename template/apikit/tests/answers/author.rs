//! An author's service with the routes that a test gives it.

use apikit::{
    App, Auth, Identity, Metadata, Setup, StartError,
    testing::{TestApp, client},
};
use reqwest::{RequestBuilder, header::HeaderMap};
use serde_json::Value;
use utoipa_axum::router::OpenApiRouter;

pub const ROUTE: &str = "/answers";

pub const IDENTITY: Identity = Identity {
    metadata: Metadata {
        name: "answers",
        description: "A service for tests.",
        repository: "https://example.org/answers",
        version: "1.2.3",
        api_version: "1.0",
        auth: Auth::None,
    },
    route: ROUTE,
    listen: "127.0.0.1:0",
    header: ("", ""),
};

/// No settings of its own.
#[derive(Clone, Debug, clap::Args)]
pub struct Config {}

pub fn app(routes: fn() -> OpenApiRouter<()>) -> App<Config, ()> {
    let start = async |_: &Config, _: &mut Setup| Ok::<_, StartError>(());
    App::new(IDENTITY, routes, start)
}

pub async fn started(routes: fn() -> OpenApiRouter<()>, flags: &[&str]) -> TestApp {
    TestApp::start(app(routes), flags).await.unwrap()
}

/// An answer, read to its end.
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    pub async fn of(request: RequestBuilder) -> Self {
        let answer = request.send().await.unwrap();
        Self {
            status: answer.status().as_u16(),
            headers: answer.headers().clone(),
            body: answer.text().await.unwrap(),
        }
    }

    pub async fn get(app: &TestApp, path: &str) -> Self {
        Self::of(client().get(app.url(path))).await
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body, which is an error in the one shape.
    pub fn error(&self) -> Value {
        assert_eq!(self.header("content-type"), Some("application/json"));
        let error: Value = serde_json::from_str(&self.body).unwrap();
        assert_eq!(error["status_code"], self.status);
        assert!(error["reason"].is_string(), "{error}");
        assert_eq!(error.as_object().unwrap().len(), 3, "{error}");
        error
    }
}
