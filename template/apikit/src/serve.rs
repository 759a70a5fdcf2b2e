//! Accepts connections until the process is told to stop, and then lets the requests in flight finish.

use std::{io, net::SocketAddr, time::Duration};

use axum::{
    Router,
    http::{HeaderValue, Request, header::CONNECTION},
};
use futures_util::{FutureExt, TryFutureExt};
use hyper::{
    body::{Body, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::{rt::TokioIo, server::graceful::GracefulShutdown};
use prometheus_client::metrics::gauge::Gauge;
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    time::{Instant, sleep, timeout_at},
};

use crate::{
    connection::Connection,
    exchanges::Exchanges,
    lingering::Lingering,
    open_connections::{self, OpenConnections},
    request_body::RequestBody,
    request_target,
    routers::Routers,
    shutdown::Shutdown,
};

/// How many bytes of a head are read at all. This limit, and hyper's own of 100 headers, are above what
/// [`limits::Head`](crate::limits::Head) refuses in the shape of errors. Beyond them the answer is a
/// bare 431, and the connection closes.
const MAX_HEAD: usize = 128 * 1024;

/// The length of the accept queue, as far as the system allows it; that of tokio's own listeners is 128. More
/// connections than that come at once when a load balancer discovers a new replica, and those that find the queue full
/// try again only after a second.
const BACKLOG: u32 = 4096;

/// How long to wait when no connection can be accepted, as when file descriptors have run out, and none is idle.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);

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
    // Or the port would be in use for a minute after a restart. On Windows the option means something else.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Completes when the process is told to stop, by SIGTERM or by Ctrl-C. Signals count from the call on, not only
/// from the first poll.
pub fn shutdown_signal() -> impl Future<Output = ()> {
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

/// Serves `app` until `stop` completes, and then drains: `/readyz` answers 503, requests are still taken
/// for the drain delay, and those in flight have the grace period to finish. Where as many connections are open as a third of the
/// memory limit holds, or half of the file descriptors, the one that has been idle for longest is closed for one more.
///
/// # Errors
/// One sentence, when requests were still in flight at the end of the grace period. They are cut off, each with
/// its line in the log.
pub async fn serve(
    listener: TcpListener,
    app: Router,
    shutdown: Shutdown,
    stopping: Stopping,
    stop: impl Future<Output = ()>,
) -> Result<(), String> {
    let (app, most) = (Routers::one(app), open_connections::most());
    let connections = Connections::new(app, &shutdown, most, Gauge::default());
    let open = connections.take(listener, stopping, stop).await;
    open.finish(Instant::now() + stopping.grace).await
}

/// The connections that are open when no more are accepted.
pub(crate) struct Open {
    graceful: GracefulShutdown,
    lingering: Lingering,
    connections: OpenConnections,
    grace: Duration,
}

impl Open {
    /// Waits for the requests in flight, until `deadline`; those that are left are cut off.
    pub async fn finish(mut self, deadline: Instant) -> Result<(), String> {
        if timeout_at(deadline, self.graceful.shutdown()).await.is_ok() {
            self.lingering.finish(deadline).await;
            return Ok(());
        }
        self.connections.shutdown().await;
        let grace = humantime::format_duration(self.grace);
        Err(format!(
            "Requests were still in flight {grace} after the last connection was taken."
        ))
    }
}

/// The connections of a service, and the routers that serve them.
pub(crate) struct Connections {
    app: Routers,
    shutdown: Shutdown,
    graceful: GracefulShutdown,
    lingering: Lingering,
    open: OpenConnections,
    /// How many may be open, as long as any of them is idle.
    most: usize,
    /// Whether the log tells that there were too many.
    is_told: bool,
}

impl Connections {
    /// None yet, of `most` at most; the gauge will show how many are open.
    pub fn new(app: Routers, shutdown: &Shutdown, most: usize, gauge: Gauge) -> Self {
        Self {
            app,
            shutdown: shutdown.clone(),
            graceful: GracefulShutdown::new(),
            lingering: Lingering::default(),
            open: OpenConnections::new(gauge),
            most,
            is_told: false,
        }
    }

    /// Accepts connections until `stop` completes and the drain delay has passed. [`Open::finish`] then waits for the
    /// requests in flight.
    pub async fn take(
        mut self,
        listener: TcpListener,
        stopping: Stopping,
        stop: impl Future<Output = ()>,
    ) -> Open {
        let shutdown = self.shutdown.clone();
        let drained = async {
            stop.await;
            tracing::info!("draining: /readyz answers 503 from now on");
            shutdown.drain();
            sleep(stopping.drain_delay).await;
        };
        tokio::select! {
            () = drained => {}
            () = self.take_all(&listener) => {}
        }

        drop(listener);
        let count = self.graceful.count();
        tracing::info!(open = count, "closing: no more connections are taken");
        shutdown.close();
        self.lingering.close();
        Open {
            graceful: self.graceful,
            lingering: self.lingering,
            connections: self.open,
            grace: stopping.grace,
        }
    }

    /// Accepts connections, and never returns.
    async fn take_all(&mut self, listener: &TcpListener) {
        loop {
            tokio::select! {
                taken = listener.accept() => match taken {
                    Ok((stream, _)) => {
                        self.make_room();
                        self.serve(stream);
                    }
                    // This one is gone, and the next may be there.
                    Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                    Err(error) => {
                        let has_room = self.open.close_longest_idle();
                        if !has_room || !self.is_told {
                            tracing::warn!(%error, "a connection could not be taken");
                            self.is_told = true;
                        }
                        match has_room {
                            // Its descriptor is free by then.
                            true => _ = self.open.ended().await,
                            false => sleep(ACCEPT_BACKOFF).await,
                        }
                    }
                },
                Some(()) = self.open.ended() => {}
            }
        }
    }

    /// Closes a connection that is idle, where there are as many as may be.
    fn make_room(&mut self) {
        if self.open.count() < self.most {
            return;
        }
        if !self.is_told {
            let most = self.most;
            tracing::warn!(
                most,
                "as many connections are open as may be: from now on, the one that has been idle for longest is closed for one more"
            );
            self.is_told = true;
        }
        self.open.close_longest_idle();
    }

    fn serve(&mut self, stream: TcpStream) {
        // Answers are written whole: waiting to fill a packet would only delay them.
        let _ = stream.set_nodelay(true);
        let exchanges = Exchanges::new();
        let known = exchanges.clone();
        let stream = Connection::new(stream, exchanges.clone(), self.lingering.clone());
        let stream = TokioIo::new(stream);
        let (app, shutdown) = (self.app.clone(), self.shutdown.clone());
        // Futures are mapped, since an `async` block that awaits one has room for it twice: where it is captured, and
        // where it runs. Idle connections consist of little else.
        let service = service_fn(move |mut request: Request<Incoming>| {
            let exchange = exchanges.begin();
            request_target::check(&mut request);
            let shutdown = shutdown.clone();
            let answer = match request.body().is_end_stream() {
                true => app.call(request),
                false => app.call(request.map(|body| RequestBody::new(body, &exchanges))),
            };
            answer.map_ok(move |mut answer| {
                if shutdown.is_draining() {
                    // The client's next request goes to another replica.
                    answer.headers_mut().insert(CONNECTION, CLOSE);
                }
                answer.map(|body| exchange.answered(body))
            })
        });
        let connection = http1::Builder::new()
            .header_read_timeout(None)
            .max_buf_size(MAX_HEAD)
            .serve_connection(stream, service);
        let connection = self.graceful.watch(connection);
        let connection = connection.map(|ended| {
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection ended early");
            }
        });
        self.open.spawn(known, connection);
    }
}
