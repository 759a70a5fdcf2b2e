//! The services of a cluster, as its API server tells of them and of every change.

mod entries;
#[cfg(test)]
mod tests;

use std::{error::Error, fmt::Debug, hash::Hash, sync::Arc};

use apikit::CancellationToken;
use futures_util::{
    FutureExt, StreamExt,
    stream::{BoxStream, select_all},
};
use k8s_openapi::api::{core::v1::Service, discovery::v1::EndpointSlice, networking::v1::Ingress};
use kube::{
    Api, Client, Resource,
    api::{ApiResource, DynamicObject, GroupVersionKind},
    runtime::{
        WatchStreamExt,
        reflector::{Store, store::Writer},
        watcher::{self, watcher},
    },
};
use serde::de::DeserializeOwned;
use tokio::sync::watch;

use super::{entry::Entry, list::MAX_SERVICES};

/// A namespace whose services are followed.
pub struct Cluster {
    client: Client,
    namespace: String,
}

/// What the catalogue follows in a namespace.
struct Stores {
    services: Store<Service>,
    slices: Store<EndpointSlice>,
    ingresses: Store<Ingress>,
    routes: Store<DynamicObject>,
}

impl Cluster {
    /// The namespace of that name, in the cluster that the pod runs in or that the kubeconfig names.
    ///
    /// # Errors
    /// One sentence, when there is no such cluster.
    pub async fn new(namespace: &str) -> Result<Self, String> {
        let client = Client::try_default().await;
        let client = client.map_err(|error| {
            format!("The services of CATALOGUE_NAMESPACE={namespace:?} cannot be found: {error}.")
        })?;
        Ok(Self {
            client,
            namespace: namespace.to_owned(),
        })
    }

    /// Tells `entries` which services there are, until `stop` is cancelled: those `listed`, which win over others of
    /// their names, and those of the namespace.
    pub async fn follow(
        self,
        listed: Vec<Entry>,
        entries: watch::Sender<Vec<Entry>>,
        stop: CancellationToken,
    ) {
        let part_of = format!("app.kubernetes.io/part-of={}", self.namespace);
        let services = format!("{part_of},app.kubernetes.io/component=service");
        let route = GroupVersionKind::gvk("gateway.networking.k8s.io", "v1", "HTTPRoute");
        let route = ApiResource::from_gvk_with_plural(&route, "httproutes");
        let routes = Api::namespaced_with(self.client.clone(), &self.namespace, &route);
        // Slices have the labels of their Service.
        let (services, first) = watched(self.api(), &services, ());
        let (slices, second) = watched(self.api(), &part_of, ());
        let (ingresses, third) = watched(self.api(), &part_of, ());
        // Where a cluster has no Gateway API, there is nothing to follow, and it is asked for now and then.
        let (routes, fourth) = watched(routes, &part_of, route);
        let stores = Stores {
            services,
            slices,
            ingresses,
            routes,
        };
        let mut changes = select_all([first, second, third, fourth]);
        while let Some(Some(())) = stop.run_until_cancelled(changes.next()).await {
            // Changes come in crowds.
            while let Some(Some(())) = changes.next().now_or_never() {}
            if let Some(found) = stores.entries(&self.namespace) {
                entries.send_if_modified(|known| {
                    let now = joined(&listed, found);
                    let is_new = *known != now;
                    *known = now;
                    is_new
                });
            }
        }
    }

    fn api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = k8s_openapi::NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }
}

impl Stores {
    /// The services. `None` until the API server has told of all of them and of their pods: a service without pods is
    /// down.
    fn entries(&self, namespace: &str) -> Option<Vec<Entry>> {
        self.services.wait_until_ready().now_or_never()?.ok()?;
        self.slices.wait_until_ready().now_or_never()?.ok()?;
        let services = self.services.state();
        Some(entries::entries(
            namespace,
            &services,
            &self.slices.state(),
            &entries::routes(&self.ingresses.state(), &self.routes.state()),
        ))
    }
}

/// A store that follows the objects with these labels, and a stream that says when it has changed.
fn watched<K>(api: Api<K>, labels: &str, kind: K::DynamicType) -> (Store<K>, BoxStream<'static, ()>)
where
    K: Resource + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
    K::DynamicType: Eq + Hash + Clone + Send + Sync,
{
    let writer = Writer::<K>::new(kind.clone());
    let store = writer.as_reader();
    let watched = watcher::Config::default().labels(labels);
    let events = watcher(api, watched).default_backoff().reflect(writer);
    let plural = K::plural(&kind).into_owned();
    let changes = events.map(move |event| {
        if let Err(error) = event {
            match is_missing(&error) {
                true => tracing::debug!(plural, %error, "the cluster has no such kind"),
                false => {
                    let cause = cause(&error);
                    tracing::warn!(plural, %error, cause, "the API server does not tell");
                }
            }
        }
    });
    (store, changes.boxed())
}

/// What is at the bottom of an error, such as a certificate that nobody trusts.
fn cause(error: &dyn Error) -> String {
    match error.source() {
        Some(below) => cause(below),
        None => error.to_string(),
    }
}

fn is_missing(error: &watcher::Error) -> bool {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status)) => status.code == 404,
        _ => false,
    }
}

/// The services of both, by name, and no more than there may be.
fn joined(listed: &[Entry], found: Vec<Entry>) -> Vec<Entry> {
    let mut all = listed.to_vec();
    let is_new = |entry: &Entry| listed.iter().all(|known| known.name != entry.name);
    all.extend(found.into_iter().filter(is_new));
    if all.len() > MAX_SERVICES {
        let count = all.len();
        tracing::warn!(
            count,
            limit = MAX_SERVICES,
            "there are more services than are looked at"
        );
        all.truncate(MAX_SERVICES);
    }
    all
}

/// Objects of a store.
type Objects<K> = [Arc<K>];
