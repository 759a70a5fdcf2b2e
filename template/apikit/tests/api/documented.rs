//! What is served is described, and what is described is served.

use apikit::{
    App, ErrorLayer, Setup,
    testing::{self, served, undescribed},
};
use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode},
    routing::get,
};
use serde_json::{Value, json};
use tower::ServiceExt;
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
    let is_served = async |method: &str, path: &str| {
        let path = path.replace(['{', '}'], "");
        let request = Request::builder().method(method).uri(path);
        let request = request.body(Body::empty()).unwrap();
        let status = app.clone().oneshot(request).await.unwrap().status();
        ![StatusCode::NOT_FOUND, StatusCode::METHOD_NOT_ALLOWED].contains(&status)
    };
    for (path, item) in document["paths"].as_object().unwrap() {
        let methods = ["get", "head", "post", "put", "delete"].into_iter();
        for method in methods.filter(|method| item.get(method).is_some()) {
            let method = method.to_uppercase();
            let at_root_alone = item["servers"] == json!([{"url": "/"}]);
            assert!(is_served(&method, path).await, "{method} {path}");
            let below = format!("{ROUTE}{path}");
            assert!(
                at_root_alone || is_served(&method, &below).await,
                "{method} {below}"
            );
        }
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
