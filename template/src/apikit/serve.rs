//! House: takes connections until told to stop, and then lets the requests in flight finish.

use std::{net::SocketAddr, pin::pin, time::Duration};

use axum::{
    Router,
    http::{HeaderValue, header::CONNECTION},
};
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    time::{sleep, timeout},
};
use tower::ServiceExt;

use super::{
    connection::{Connection, Turns},
    health::Readiness,
};

/// How long a client may keep a connection open between requests. Longer than the load balancers
/// in front do (Google's keep 600 s), so that no request of theirs meets a closing connection.
const IDLE: Duration = Duration::from_secs(620);

/// How many headers, and how many bytes of head, are read at all. Both lie above what
/// [`limits::head`](super::limits::head) refuses in the error shape; beyond them the answer is a
/// bare 431 and the connection closes.
const MAX_HEADERS: usize = 256;
const MAX_HEAD: usize = 128 * 1024;

/// How long to wait when no connection can be taken, as when file descriptors have run out.
const BREATH: Duration = Duration::from_millis(100);

const CLOSE: HeaderValue = HeaderValue::from_static("close");

/// How the service stops.
#[derive(Clone, Copy, Debug)]
pub struct Stopping {
    /// How long new requests are still taken, after `/readyz` has begun to answer 503.
    pub drain_delay: Duration,
    /// How long requests in flight may take to finish after that.
    pub grace: Duration,
}

/// Opens the port.
///
/// # Errors
/// One sentence, when the address is taken, not this machine's or not allowed.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, String> {
    TcpListener::bind(address)
        .await
        .map_err(|error| format!("The service cannot listen on {address}: {error}."))
}

/// Ends when the process is told to stop: by SIGTERM or by Ctrl-C. Both are heard from the call on,
/// not only once the future is awaited.
pub fn told_to_stop() -> impl Future<Output = ()> {
    #[cfg(unix)]
    let (mut terminated, mut interrupted) = {
        use tokio::signal::unix::{SignalKind, signal};
        (
            signal(SignalKind::terminate()).expect("SIGTERM can be handled"),
            signal(SignalKind::interrupt()).expect("SIGINT can be handled"),
        )
    };
    #[cfg(windows)]
    let (mut terminated, mut interrupted) = {
        use tokio::signal::windows::{ctrl_c, ctrl_close};
        (
            ctrl_close().expect("the closing of the console can be handled"),
            ctrl_c().expect("Ctrl-C can be handled"),
        )
    };
    async move {
        tokio::select! {
            _ = terminated.recv() => {}
            _ = interrupted.recv() => {}
        }
    }
}

/// Serves `app` until `stop` ends, and then drains: `/readyz` falls, requests go on being taken
/// for the drain delay, and those in flight have the grace to finish.
///
/// # Errors
/// One sentence, when requests were still in flight at the end of the grace. They are cut off, each with
/// its line in the log.
pub async fn serve(
    listener: TcpListener,
    app: Router,
    readiness: Readiness,
    stopping: Stopping,
    stop: impl Future<Output = ()>,
) -> Result<(), String> {
    let connections = GracefulShutdown::new();
    let (cut, is_cut) = watch::channel(());
    let drained = async {
        stop.await;
        tracing::info!("draining: /readyz answers 503 from now on");
        readiness.drain();
        sleep(stopping.drain_delay).await;
    };
    let serving = Serving {
        app,
        readiness: readiness.clone(),
        is_cut,
    };
    tokio::select! {
        () = drained => {}
        () = take(&listener, serving, &connections) => {}
    }

    drop(listener);
    let open = connections.count();
    tracing::info!(open, "closing: no more connections are taken");
    let mut finished = pin!(connections.shutdown());
    if timeout(stopping.grace, &mut finished).await.is_ok() {
        return Ok(());
    }
    drop(cut);
    finished.await;
    let grace = humantime::format_duration(stopping.grace);
    let sentence =
        format!("Requests were still in flight {grace} after the last connection was taken.");
    tracing::error!("{sentence}");
    Err(sentence)
}

/// What every connection is served with.
#[derive(Clone)]
struct Serving {
    app: Router,
    readiness: Readiness,
    /// Ends when the sender does, and every connection with it.
    is_cut: watch::Receiver<()>,
}

/// Takes connections and never ends.
async fn take(listener: &TcpListener, serving: Serving, connections: &GracefulShutdown) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => spawn(stream, serving.clone(), connections),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be taken");
                sleep(BREATH).await;
            }
        }
    }
}

fn spawn(stream: TcpStream, serving: Serving, connections: &GracefulShutdown) {
    let Serving {
        app,
        readiness,
        mut is_cut,
    } = serving;
    // Answers are written whole: waiting to fill a packet would only delay them.
    let _ = stream.set_nodelay(true);
    let turns = Turns::default();
    let stream = TokioIo::new(Connection::new(stream, turns.clone()));
    let service = service_fn(move |request| {
        let turn = turns.begin();
        let (app, readiness) = (app.clone(), readiness.clone());
        async move {
            let mut answer = app.oneshot(request).await;
            if let Ok(answer) = &mut answer
                && readiness.is_draining()
            {
                // The client's next request goes to another replica.
                answer.headers_mut().insert(CONNECTION, CLOSE);
            }
            drop(turn);
            answer
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEAD)
        .serve_connection(stream, service);
    let connection = connections.watch(connection);
    tokio::spawn(async move {
        tokio::select! {
            ended = connection => if let Err(error) = ended {
                tracing::debug!(%error, "a connection ended early");
            },
            _ = is_cut.changed() => {}
        }
    });
}
