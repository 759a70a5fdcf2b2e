//! The whole service on a port of its own.

use std::time::Duration;

use apikit::testing;
use reqwest::{Method, Response};
use serde_json::Value;
use tokio::time::{sleep, timeout};

use crate::stand_in::StandIn;

/// How long the catalogue may take to see something.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running catalogue. It ends with the test.
pub struct TestApp {
    app: testing::TestApp,
}

impl TestApp {
    /// A catalogue of these services, which looks at them ten times a second.
    pub async fn of(services: &[(&str, &StandIn)]) -> Self {
        let list = services
            .iter()
            .map(|(name, at)| format!("{name}={}", at.url));
        Self::listing(&Vec::from_iter(list).join(",")).await
    }

    /// A catalogue with this list.
    pub async fn listing(list: &str) -> Self {
        let list = format!("--catalogue-services={list}");
        let often = ["--catalogue-interval=100ms", "--catalogue-timeout=2s"];
        Self::with(&[&list, often[0], often[1]]).await.unwrap()
    }

    /// A catalogue with these flags.
    ///
    /// # Errors
    /// One sentence, when it does not start.
    pub async fn with(flags: &[&str]) -> Result<Self, String> {
        let app = testing::TestApp::start(uservice::app(), flags).await?;
        Ok(Self { app })
    }

    /// A request with this `Accept`.
    pub async fn ask(&self, method: Method, path: &str, accept: &str) -> Response {
        let request = testing::client().request(method, self.app.url(path));
        request.header("accept", accept).send().await.unwrap()
    }

    /// The JSON at `path`.
    pub async fn json(&self, path: &str) -> Value {
        let answer = self.ask(Method::GET, path, "application/json").await;
        answer.json().await.unwrap()
    }

    /// The page at `path`.
    pub async fn page(&self, path: &str) -> String {
        let answer = self.ask(Method::GET, path, "text/html").await;
        assert_eq!(answer.status(), 200, "{path}");
        answer.text().await.unwrap()
    }

    /// The service of that name, once `is_so` holds of it.
    pub async fn service(&self, name: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let path = format!("/catalogue/services/{name}");
        let mut last = Value::Null;
        let seen = timeout(PATIENCE, async {
            loop {
                last = self.json(&path).await;
                if is_so(&last) {
                    return last.clone();
                }
                sleep(Duration::from_millis(20)).await;
            }
        });
        match seen.await {
            Ok(service) => service,
            Err(_) => panic!("{name} stays as it is: {last}"),
        }
    }

    /// Waits until the catalogue has looked at a service.
    pub async fn looked_at(&self, name: &str) -> Value {
        self.service(name, |service| !service["checked_at"].is_null())
            .await
    }

    /// Where it listens.
    pub fn address(&self) -> String {
        self.app.address.to_string()
    }
}
