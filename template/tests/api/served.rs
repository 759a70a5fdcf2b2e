//! House: lists what a router serves, to be held against what is said of it.

use axum::Router;

/// A path of a router and the methods that it takes; none are known of a service or of `any`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    pub path: String,
    pub methods: Vec<String>,
}

/// Everything that a router serves by path, whichever way it got there.
///
/// axum tells it in a router's `Debug` form alone, which may change its looks with a version of axum. So
/// this fails where it finds nothing, rather than to pass for a router that serves nothing undocumented.
pub fn by(router: &Router) -> Vec<Served> {
    let told = format!("{router:?}");
    let told = told.split(", fallback_router: ").next().unwrap();
    let (endpoints, paths) = told
        .split_once("node: Node { paths: {")
        .expect("axum lists the paths of a router in its Debug form");
    let endpoints: Vec<_> = numbered(endpoints).collect();
    numbered(paths)
        .map(|(id, path)| {
            let (_, endpoint) = endpoints.iter().find(|(known, _)| *known == id).unwrap();
            Served {
                path: path.split('"').nth(1).unwrap().to_owned(),
                methods: methods(endpoint),
            }
        })
        .collect()
}

/// The entries `RouteId(1): …` of a map.
fn numbered(map: &str) -> impl Iterator<Item = (&str, &str)> {
    map.split("RouteId(")
        .filter_map(|entry| entry.split_once("): "))
}

/// The methods in `allow_header: Bytes(b"GET,HEAD")`. `HEAD` is answered wherever `GET` is.
fn methods(endpoint: &str) -> Vec<String> {
    let allowed = endpoint.split_once("allow_header: Bytes(b\"");
    let allowed = allowed.map_or("", |(_, rest)| rest.split('"').next().unwrap());
    let methods = allowed
        .split(',')
        .filter(|method| !["", "HEAD"].contains(method));
    methods.map(str::to_lowercase).collect()
}

#[test]
fn routes_are_listed_wherever_they_come_from() {
    use axum::routing::{any, get, post};
    let inner = Router::new().route("/{id}", get(async || "").post(async || ""));
    let router = Router::new()
        .route("/plain", get(async || ""))
        .route("/any", any(async || ""))
        .merge(Router::new().route("/merged", post(async || "")))
        .nest("/nested", inner)
        .route_service("/service", tower::service_fn(async |_| Ok("")))
        .layer(uservice::apikit::json::ErrorsAsJson)
        .fallback(async || "");
    let mut listed: Vec<_> = by(&router)
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
