//! House: answers whether the process lives and wants requests.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{Router, extract::State, routing::get};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::{
    backend::{Backend, Check},
    error::{BackendError, Result as ApiResult},
};

const ROOT: &str = "/";
const LIVE: &str = "/healthz";
const READY: &str = "/readyz";

/// How soon a load balancer that is told "not ready" may ask again.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// How long the service may take to answer [`ask`].
const ANSWER: Duration = Duration::from_secs(2);

/// Whether the service wants new requests: it does, until it drains. Clones share one answer.
#[derive(Clone, Debug, Default)]
pub struct Readiness {
    draining: Arc<AtomicBool>,
    check: Option<Check>,
}

impl Readiness {
    /// Wants requests only while `backend` answers, too.
    pub fn checking(backend: Backend) -> Self {
        Self {
            check: Some(Check::new(backend)),
            ..Self::default()
        }
    }

    /// From now on, `/readyz` answers 503.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Whether [`drain`](Self::drain) was called.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }
}

/// `GET /` and `GET /healthz`: 200 `OK` while the process lives. `GET /readyz`: 200, or 503 once it drains.
///
/// None of them waits for the back-end, unless an operator wants `/readyz` to: a load balancer that
/// saw its outage here would take every replica away, and with them the answers that say what is
/// wrong.
pub fn router(readiness: Readiness) -> Router {
    Router::new()
        .route(ROOT, get(live))
        .route(LIVE, get(live))
        .route(READY, get(ready))
        .with_state(readiness)
}

/// Whether `path` is asked by machines every few seconds, and not worth a log line each time.
pub(super) fn is_check(path: &str) -> bool {
    [ROOT, LIVE, READY].contains(&path)
}

async fn live() -> &'static str {
    "OK"
}

async fn ready(State(readiness): State<Readiness>) -> ApiResult<&'static str> {
    if readiness.is_draining() {
        return Err(not_ready("The service is shutting down."));
    }
    if let Some(check) = &readiness.check
        && !check.is_up().await
    {
        return Err(not_ready("The back-end does not answer."));
    }
    Ok("OK")
}

/// A refusal that is no line of the log: that readiness fell is told there once, not per probe.
fn not_ready(why: &str) -> BackendError {
    BackendError::unavailable(why, ASK_AGAIN).told_quietly()
}

/// Asks the service that listens on `listen` for its `/`, from the machine that it runs on.
///
/// Images without a shell or curl check their health with it.
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

/// The address that a listener on all addresses is reached at.
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
