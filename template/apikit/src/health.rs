//! Answers whether the process is alive, and ready for requests.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use axum::{
    Router,
    extract::State,
    routing::{MethodRouter, get},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{
    backend::{Backend, Probe},
    error::{BackendError, Result as ApiResult},
    shutdown::Shutdown,
};

const ROOT: &str = "/";
const LIVE: &str = "/healthz";
const READY: &str = "/readyz";

/// The `Retry-After` of an answer that the service is not ready.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// The time limit of [`ask`].
const ANSWER: Duration = Duration::from_secs(2);

/// Whether the service is ready for new requests: it is, until it drains. Clones share one answer.
#[derive(Clone, Debug, Default)]
pub struct Readiness {
    shutdown: Shutdown,
    probe: Option<Probe>,
}

impl Readiness {
    /// Ready until `shutdown` drains.
    pub fn until(shutdown: Shutdown) -> Self {
        Self {
            shutdown,
            probe: None,
        }
    }

    /// Ready only while `backend` answers as well.
    pub fn while_up(self, backend: Backend) -> Self {
        Self {
            probe: Some(Probe::new(backend)),
            ..self
        }
    }
}

/// `GET /` and `GET /healthz`: 200 `OK` while the process lives. `GET /readyz`: 200, or 503 once it drains.
///
/// None of them waits for the back-end, unless an operator wants `/readyz` to. With an outage of the back-end, a load
/// balancer would take every replica out of service, and callers would get its errors in place of the service's.
pub fn router(readiness: Readiness) -> Router {
    router_with(root(), readiness)
}

/// The health check at `/`.
pub(super) fn root<S: Clone + Send + Sync + 'static>() -> MethodRouter<S> {
    get(live)
}

/// The same as [`router`], with something else at `/`.
pub(super) fn router_with(root: MethodRouter<Readiness>, readiness: Readiness) -> Router {
    Router::new()
        .route(ROOT, root)
        .route(LIVE, get(live))
        .route(READY, get(ready))
        .with_state(readiness)
}

/// Whether `path` is a health check, which machines send every few seconds.
pub(super) fn is_check(path: &str) -> bool {
    [ROOT, LIVE, READY].contains(&path)
}

async fn live() -> &'static str {
    "OK"
}

async fn ready(State(readiness): State<Readiness>) -> ApiResult<&'static str> {
    if readiness.shutdown.is_draining() {
        return Err(not_ready("The service is shutting down."));
    }
    if let Some(probe) = &readiness.probe
        && !probe.is_up().await
    {
        return Err(not_ready("The back-end does not answer."));
    }
    Ok("OK")
}

/// A refusal that is logged at `debug` only: the log has one line for the change, and none for each probe.
fn not_ready(why: &str) -> BackendError {
    BackendError::unavailable(why, ASK_AGAIN).logged_at_debug()
}

/// Sends `GET /` to the service that listens on `listen`, from the machine that it runs on: for health checks of
/// images without a shell or curl.
///
/// # Errors
/// One sentence, when it does not answer 200 within two seconds.
pub async fn ask(listen: SocketAddr) -> Result<(), String> {
    let address = SocketAddr::new(reachable(listen.ip()), listen.port());
    let status = timeout(ANSWER, status_of_root(address))
        .await
        .unwrap_or_else(|late| Err(late.into()))
        .map_err(|error| format!("The service does not answer at {address}: {error}."))?;
    match status.as_str() {
        "200" => Ok(()),
        status => Err(format!(
            "The service answers {status} at {address}, and not 200."
        )),
    }
}

/// An address at which the listener is reached: loopback, where it listens on all addresses.
fn reachable(listening: IpAddr) -> IpAddr {
    match listening {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    }
}

async fn status_of_root(address: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET / HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.take(1024).read_to_string(&mut answer).await?;
    let status = answer.split(' ').nth(1).unwrap_or("nothing");
    Ok(status.to_owned())
}
