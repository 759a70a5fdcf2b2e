//! House: takes connections until told to stop, and then lets the requests in flight finish.

use std::{io, net::SocketAddr, time::Duration};

use axum::{
    Router,
    http::{HeaderValue, header::CONNECTION},
};
use futures_util::{FutureExt, TryFutureExt};
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::{rt::TokioIo, server::graceful::GracefulShutdown};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    task::JoinSet,
    time::{sleep, timeout},
};
use tower::Service;

use super::{
    connection::{Connection, Turns},
    health::Readiness,
};

/// How many bytes of head are read at all. That, and hyper's own limit of 100 headers, lie above what
/// [`limits::Head`](super::limits::Head) refuses in the error shape; beyond them the answer is a
/// bare 431 and the connection closes.
const MAX_HEAD: usize = 128 * 1024;

/// How many connections may wait to be taken, as far as the system lets them; tokio's own listeners have room
/// for 128. More than that come at once when a load balancer turns to a new replica, and those that find no
/// room try again after a second.
const BACKLOG: u32 = 4096;

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
    listen(address).map_err(|error| format!("The service cannot listen on {address}: {error}."))
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // Or the port would be taken for a minute after a restart. Windows means something else by it.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
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
    let mut connections = Connections {
        // Handlers are put together now, and not for each request.
        app: app.with_state(()),
        readiness: readiness.clone(),
        graceful: GracefulShutdown::new(),
        tasks: JoinSet::new(),
    };
    let drained = async {
        stop.await;
        tracing::info!("draining: /readyz answers 503 from now on");
        readiness.drain();
        sleep(stopping.drain_delay).await;
    };
    tokio::select! {
        () = drained => {}
        () = connections.take(&listener) => {}
    }

    drop(listener);
    let Connections {
        graceful,
        mut tasks,
        ..
    } = connections;
    let open = graceful.count();
    tracing::info!(open, "closing: no more connections are taken");
    if timeout(stopping.grace, graceful.shutdown()).await.is_ok() {
        return Ok(());
    }
    tasks.shutdown().await;
    let grace = humantime::format_duration(stopping.grace);
    let sentence =
        format!("Requests were still in flight {grace} after the last connection was taken.");
    tracing::error!("{sentence}");
    Err(sentence)
}

/// The connections that are open, and what they are served with.
struct Connections {
    app: Router,
    readiness: Readiness,
    graceful: GracefulShutdown,
    tasks: JoinSet<()>,
}

impl Connections {
    /// Takes connections and never ends.
    async fn take(&mut self, listener: &TcpListener) {
        loop {
            tokio::select! {
                taken = listener.accept() => match taken {
                    Ok((stream, _)) => self.serve(stream),
                    Err(error) => {
                        tracing::warn!(%error, "a connection could not be taken");
                        sleep(BREATH).await;
                    }
                },
                Some(_) = self.tasks.join_next() => {}
            }
        }
    }

    fn serve(&mut self, stream: TcpStream) {
        // Answers are written whole: waiting to fill a packet would only delay them.
        let _ = stream.set_nodelay(true);
        let turns = Turns::default();
        let stream = TokioIo::new(Connection::new(stream, turns.clone()));
        let (app, readiness) = (self.app.clone(), self.readiness.clone());
        // Futures are mapped, since a block that awaits one has room for it twice: where it comes from, and
        // where it runs. Idle connections are made of little else.
        let service = service_fn(move |request| {
            let turn = turns.begin();
            let readiness = readiness.clone();
            // A router is always ready to be called.
            app.clone().call(request).map_ok(move |mut answer| {
                if readiness.is_draining() {
                    // The client's next request goes to another replica.
                    answer.headers_mut().insert(CONNECTION, CLOSE);
                }
                drop(turn);
                answer
            })
        });
        let connection = http1::Builder::new()
            .header_read_timeout(None)
            .max_buf_size(MAX_HEAD)
            .serve_connection(stream, service);
        let connection = self.graceful.watch(connection);
        self.tasks.spawn(connection.map(|ended| {
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection ended early");
            }
        }));
    }
}
