//! Resolves host names: one lookup for all requests that need the name at the same time.
//!
//! The system's own lookup blocks a thread, and for ten seconds where no name server answers. With one for each
//! request, hundreds of threads would wait, and new requests behind them after the name server is back.

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
    vec,
};

use axum::BoxError;
use futures_util::future::BoxFuture;
use hyper_util::client::legacy;
use reqwest::{
    Url,
    dns::{Addrs, Name, Resolve, Resolving},
};
use tokio::{net::lookup_host, sync::SetOnce, time::Instant};
use tower::Service;

/// After this time, later requests no longer wait for a lookup: they begin another one.
const TIME_LIMIT: Duration = Duration::from_millis(500);

/// What a service may reach.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Network {
    /// Every host.
    #[default]
    Everywhere,
    /// This machine alone: for tests, so that a default with a real host is never asked by mistake.
    Loopback,
}

impl Network {
    /// Whether the host of `url` may be asked. A host name is checked when it is resolved.
    ///
    /// # Errors
    /// One sentence, when it may not.
    pub(super) fn admits(self, url: &Url) -> Result<(), String> {
        let address = url.host_str().unwrap_or_default();
        let address = address.trim_matches(['[', ']']).parse::<IpAddr>();
        match (self, address) {
            (Self::Loopback, Ok(address)) if !address.is_loopback() => Err(format!(
                "A test must not ask {url}: it is not on this machine."
            )),
            _ => Ok(()),
        }
    }
}

/// The last lookup of each name, in progress or done. Clones share them.
#[derive(Clone, Default)]
pub(super) struct Resolver {
    network: Network,
    lookups: Arc<Mutex<HashMap<String, Lookup>>>,
}

/// One lookup. Clones share it.
#[derive(Clone)]
struct Lookup {
    start: Instant,
    found: Arc<SetOnce<Result<Vec<SocketAddr>, Arc<io::Error>>>>,
}

/// For reqwest.
impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let addresses = self.addresses(name.as_str());
        Box::pin(async move {
            let found: Addrs = Box::new(addresses.await?);
            Ok(found)
        })
    }
}

/// For the client of plain HTTP.
impl Service<legacy::connect::dns::Name> for Resolver {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: legacy::connect::dns::Name) -> Self::Future {
        Box::pin(self.addresses(name.as_str()))
    }
}

impl Resolver {
    pub fn new(network: Network) -> Self {
        Self {
            network,
            lookups: Arc::default(),
        }
    }

    /// The addresses of a host, with the port for the caller to set.
    fn addresses(
        &self,
        name: &str,
    ) -> impl Future<Output = Result<vec::IntoIter<SocketAddr>, BoxError>> + Send + use<> {
        let lookup = match self.network {
            Network::Loopback if name != "localhost" => {
                Err(format!("a test must not look up {name}"))
            }
            _ => Ok(self.lookup(name)),
        };
        async move { Ok(lookup?.found.wait().await.clone()?.into_iter()) }
    }

    /// The lookup of `name` that is in progress, or a new one. It goes on even if the request that began it is
    /// dropped.
    fn lookup(&self, name: &str) -> Lookup {
        let mut lookups = self.lookups.lock().expect("nobody panics while holding it");
        if let Some(last) = lookups.get(name)
            && last.found.get().is_none()
            && last.start.elapsed() < TIME_LIMIT
        {
            return last.clone();
        }
        let lookup = Lookup {
            start: Instant::now(),
            found: Arc::default(),
        };
        lookups.insert(name.to_owned(), lookup.clone());
        let (name, found) = (name.to_owned(), lookup.found.clone());
        tokio::spawn(async move {
            // The caller's URL has the port.
            let addresses = lookup_host((name, 0)).await;
            let addresses = addresses.map(Iterator::collect).map_err(Arc::new);
            found.set(addresses).expect("it is set here alone");
        });
        lookup
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn callers_share_a_lookup_that_is_young() {
        let names = Resolver::default();
        let first = names.lookup("localhost");
        let shares = |other: &Lookup| Arc::ptr_eq(&first.found, &other.found);
        assert!(shares(&names.lookup("localhost")));
        assert!(!shares(&names.lookup("other.invalid")));
        tokio::time::advance(TIME_LIMIT).await;
        assert!(!shares(&names.lookup("localhost")));

        let found = first.found.wait().await.clone().unwrap();
        assert!(found.iter().all(|address| address.ip().is_loopback()));
        assert!(!shares(&names.lookup("localhost")));
    }
}
