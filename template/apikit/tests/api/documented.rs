//! What is served is described, and what is described is served.

use std::collections::BTreeSet;

use apikit::{
    App, ErrorLayer, Setup,
    testing::{self, served, undescribed},
};
use axum::{Router, routing::get};
use serde_json::{Value, json};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::probe::{self, ROUTE};

/// What the probe says of itself.
pub fn document() -> Value {
    serde_json::from_str(&probe::app().document()).unwrap()
}

#[tokio::test]
async fn everything_documented_is_served_where_the_document_says() {
    let document = document();
    let app = testing::router(probe::app(), &[] as &[&str]).await.unwrap();
    let served = served(&app).into_iter();
    let served: BTreeSet<_> = served
        .map(|served| served.path.replace("{*", "{"))
        .collect();
    for (path, item) in document["paths"].as_object().unwrap() {
        assert!(served.contains(path), "{path}");
        let at_root_alone = item["servers"] == json!([{"url": "/"}]);
        let below_route = served.contains(&format!("{ROUTE}{path}"));
        assert!(at_root_alone || below_route, "{path}");
    }
}

#[test]
fn a_route_without_a_description_is_found() {
    #[utoipa::path(get, path = "/told", responses((status = 200, body = String)))]
    async fn told() -> &'static str {
        "told"
    }
    fn routes() -> OpenApiRouter {
        let untold = Router::new()
            .route("/untold", get(async || "").post(async || ""))
            .route("/untold/{*rest}", get(async || ""));
        OpenApiRouter::from(untold).routes(routes!(told))
    }
    fn index() -> OpenApiRouter {
        OpenApiRouter::from(Router::new().route("/", get(async || "")))
    }
    let start = async |_: &probe::Config, _: &mut Setup| Ok(());
    let app = App::new(probe::IDENTITY, routes, start).index(index);
    let found = undescribed(&app);
    let index = format!("GET {ROUTE}");
    let expected = [&index, "GET /untold", "GET /untold/{rest}", "POST /untold"];
    let mut expected = expected.to_vec();
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn routes_are_listed_wherever_they_come_from() {
    use axum::routing::{any, get, post};
    let inner: Router = Router::new().route("/{id}", get(async || "").post(async || ""));
    let router = Router::new()
        .route("/plain", get(async || ""))
        .route("/any", any(async || ""))
        .merge(Router::new().route("/merged", post(async || "")))
        .nest("/nested", inner)
        .route_service("/service", tower::service_fn(async |_| Ok("")))
        .layer(ErrorLayer)
        .fallback(async || "");
    let mut listed: Vec<_> = served(&router)
        .into_iter()
        .map(|served| format!("{} {}", served.path, served.methods.join(" ")))
        .collect();
    listed.sort();
    assert_eq!(
        listed,
        [
            "/any ",
            "/merged post",
            "/nested/{id} get post",
            "/plain get",
            "/service "
        ]
    );
}
