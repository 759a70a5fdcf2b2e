//! A namespace is followed through a stand-in for the API server, which has no Gateway API.

use std::{collections::HashMap, time::Duration};

use apikit::{BackendError, Result};
use axum::{
    Json, Router,
    body::Body,
    extract::{Path, Query, State},
    response::{IntoResponse, Response},
    routing::get,
};
use futures_util::{StreamExt, future::ready, stream};
use kube::Config;
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, broadcast, watch},
    time::timeout,
};

use super::*;
use crate::service::entry::Pods;

/// What happens after the first list, with the plural of its kind.
type Events = broadcast::Sender<(&'static str, Value)>;

/// The events, and what the first list of EndpointSlices waits for.
type Told = (Events, Arc<Semaphore>);

async fn objects(
    State((events, slices_may_be_told)): State<Told>,
    Path((_, plural)): Path<(String, String)>,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Response> {
    let kind = match plural.as_str() {
        "services" => "Service",
        "endpointslices" => "EndpointSlice",
        "ingresses" => "Ingress",
        _ => return Err(BackendError::not_found("The server could not find it.")),
    };
    assert!(query["labelSelector"].starts_with("app.kubernetes.io/part-of=api"));
    if query.get("watch").is_some_and(|watch| watch == "true") {
        let events = stream::unfold(events.subscribe(), async |mut events| {
            Some((events.recv().await.ok()?, events))
        });
        let own = events.filter_map(move |(of, event)| {
            ready((of == plural).then(|| Ok::<_, std::convert::Infallible>(format!("{event}\n"))))
        });
        return Ok(Body::from_stream(own).into_response());
    }
    let items = match kind {
        "Service" => json!([service("builds")]),
        "EndpointSlice" => {
            let told = slices_may_be_told.acquire().await;
            told.expect("nobody closes it").forget();
            json!([slice("builds", true)])
        }
        _ => json!([]),
    };
    let list = json!({
        "apiVersion": "v1", "kind": format!("{kind}List"), "metadata": {"resourceVersion": "1"}, "items": items,
    });
    Ok(Json(list).into_response())
}

fn service(name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": name, "namespace": "api", "resourceVersion": "2"},
        "spec": {"ports": [{"port": 80}]},
    })
}

fn slice(service: &str, ready: bool) -> Value {
    let labels = json!({"kubernetes.io/service-name": service});
    json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
        "metadata": {"name": service, "namespace": "api", "resourceVersion": "2", "labels": labels},
        "endpoints": [{"addresses": ["10.0.0.1"], "conditions": {"ready": ready}}],
    })
}

/// The cluster behind a stand-in, the events that it sends, and what its first list of EndpointSlices waits for.
async fn cluster() -> (Cluster, Events, Arc<Semaphore>) {
    let (events, _) = broadcast::channel(16);
    let slices_may_be_told = Arc::new(Semaphore::new(0));
    let app = Router::new()
        .route("/api/v1/namespaces/{namespace}/{plural}", get(objects))
        .route(
            "/apis/discovery.k8s.io/v1/namespaces/{namespace}/{plural}",
            get(objects),
        )
        .route(
            "/apis/networking.k8s.io/v1/namespaces/{namespace}/{plural}",
            get(objects),
        )
        .with_state((events.clone(), slices_may_be_told.clone()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async { axum::serve(listener, app).await.unwrap() });
    let client = Client::try_from(Config::new(url.parse().unwrap())).unwrap();
    let namespace = "api".to_owned();
    (Cluster { client, namespace }, events, slices_may_be_told)
}

/// Without its slices, every service would have no pods, and be down.
#[tokio::test]
async fn nothing_is_told_before_the_first_list_of_slices_has_come() {
    let (cluster, events, slices_may_be_told) = cluster().await;
    let (sender, mut entries) = watch::channel(Vec::new());
    let stop = CancellationToken::new();
    let following = tokio::spawn(cluster.follow(Vec::new(), sender, stop.clone()));
    // Services and Ingresses are watched, so their first lists have been taken in.
    while events.receiver_count() < 2 {
        tokio::task::yield_now().await;
    }
    assert!(!entries.has_changed().unwrap());
    slices_may_be_told.add_permits(1);
    entries.changed().await.unwrap();
    let pods = entries
        .borrow()
        .iter()
        .map(|entry| entry.pods)
        .collect::<Vec<_>>();
    assert_eq!(pods, [Some(Pods { ready: 1, all: 1 })]);
    stop.cancel();
    following.await.unwrap();
}

#[tokio::test]
async fn a_service_appears_changes_and_goes_as_the_api_server_tells() {
    let (cluster, events, slices_may_be_told) = cluster().await;
    slices_may_be_told.add_permits(1);
    let listed = Entry::new("listed", "http://localhost:1").unwrap();
    let (sender, mut entries) = watch::channel(vec![listed.clone()]);
    let stop = CancellationToken::new();
    let following = tokio::spawn(cluster.follow(vec![listed], sender, stop.clone()));

    let pods = |ready| Some(Pods { ready, all: 1 });
    let none = Some(Pods { ready: 0, all: 0 });
    told(&mut entries, &[("listed", None), ("builds", pods(1))]).await;
    // The watches begin after the lists.
    while events.receiver_count() < 3 {
        tokio::task::yield_now().await;
    }
    let tell = |of, kind: &str, object: Value| {
        let event = json!({"type": kind, "object": object});
        events.send((of, event)).unwrap();
    };
    tell("services", "ADDED", service("runs"));
    told(
        &mut entries,
        &[("listed", None), ("builds", pods(1)), ("runs", none)],
    )
    .await;
    tell("endpointslices", "MODIFIED", slice("builds", false));
    told(
        &mut entries,
        &[("listed", None), ("builds", pods(0)), ("runs", none)],
    )
    .await;
    tell("services", "DELETED", service("builds"));
    told(&mut entries, &[("listed", None), ("runs", none)]).await;
    stop.cancel();
    following.await.unwrap();
}

/// Waits until these services are told of.
async fn told(entries: &mut watch::Receiver<Vec<Entry>>, expected: &[(&str, Option<Pods>)]) {
    let is_so = |told: &Vec<Entry>| {
        let told = told.iter().map(|entry| (entry.name.as_str(), entry.pods));
        told.eq(expected.iter().copied())
    };
    let seen = timeout(Duration::from_secs(20), entries.wait_for(is_so)).await;
    let known = seen.is_ok();
    drop(seen);
    assert!(known, "{expected:?} and not {:?}", *entries.borrow());
}

#[test]
fn the_log_has_what_is_at_the_bottom_of_an_error() {
    let bottom = std::io::Error::other("invalid peer certificate");
    let error = watcher::Error::InitialListFailed(kube::Error::Service(Box::new(bottom)));
    assert_eq!(cause(&error), "invalid peer certificate");
}
