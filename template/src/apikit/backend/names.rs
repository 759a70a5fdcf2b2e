//! House: looks up the names of hosts, once for all who want one at the same time.
//!
//! The system's own lookup blocks a thread, and for ten seconds where no name server answers. With one for each
//! caller, hundreds of threads would wait, and new callers behind them when the name server is long back.

use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::{net::lookup_host, sync::SetOnce, time::Instant};

/// A lookup that has taken so long is not waited for by those who come later: they begin another one.
const PATIENCE: Duration = Duration::from_millis(500);

/// The lookups that are under way, or were the last of their name. Clones share them.
#[derive(Clone, Default)]
pub(super) struct Names(Arc<Mutex<HashMap<String, Lookup>>>);

/// One lookup. Clones share it.
#[derive(Clone)]
struct Lookup {
    start: Instant,
    found: Arc<SetOnce<Result<Vec<SocketAddr>, Arc<io::Error>>>>,
}

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        let lookup = self.lookup(name.as_str());
        Box::pin(async move {
            let found = lookup.found.wait().await.clone()?;
            let found: Addrs = Box::new(found.into_iter());
            Ok(found)
        })
    }
}

impl Names {
    /// The lookup of `name` that is under way, or a new one, which goes on whoever waits for it.
    fn lookup(&self, name: &str) -> Lookup {
        let mut lookups = self.0.lock().expect("nobody panics while holding it");
        if let Some(last) = lookups.get(name)
            && last.found.get().is_none()
            && last.start.elapsed() < PATIENCE
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
        let names = Names::default();
        let first = names.lookup("localhost");
        let shares = |other: &Lookup| Arc::ptr_eq(&first.found, &other.found);
        assert!(shares(&names.lookup("localhost")));
        assert!(!shares(&names.lookup("other.invalid")));
        tokio::time::advance(PATIENCE).await;
        assert!(!shares(&names.lookup("localhost")));

        let found = first.found.wait().await.clone().unwrap();
        assert!(found.iter().all(|address| address.ip().is_loopback()));
        assert!(!shares(&names.lookup("localhost")));
    }
}
