//! Listening, accepting, resetting: the TCP side of the sample wallet.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::breaker::Breaker;
use super::site::{Refused, Site};

/// Connections served at once on a port; the next ones wait in the backlog.
const MAX_CONNECTIONS: usize = 256;
/// Connections that wait to be accepted.
const BACKLOG: u32 = 128;
/// A client that takes longer to send a request head is not worth waiting for.
const HEAD_TIME: Duration = Duration::from_secs(10);
/// Longer than any probe waits, so that a dripping body seems endless, but
/// forgotten clients do not stay for good.
const CONNECTION_LIFE: Duration = Duration::from_mins(5);
/// What an answer in progress may still take after the stop.
const STOP_GRACE: Duration = Duration::from_secs(1);
/// Between attempts to accept or to listen again after the system refused.
const RETRY: Duration = Duration::from_millis(200);

/// Starts to listen, on a loopback address only: the credentials are public.
pub fn listen(addr: SocketAddr) -> io::Result<TcpListener> {
    if !addr.ip().is_loopback() {
        let reason = format!("the sample wallet listens on loopback addresses only, not on {addr}");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
    }
    hold(addr)?.listen(BACKLOG)
}

/// What serves the connections of one port.
pub struct Port {
    site: Site,
    stop: CancellationToken,
    tasks: TaskTracker,
    slots: Arc<Semaphore>,
}

impl Port {
    pub fn new(site: Site, stop: CancellationToken, tasks: TaskTracker) -> Self {
        Self { site, stop, tasks, slots: Arc::new(Semaphore::new(MAX_CONNECTIONS)) }
    }

    /// Serves until the stop.
    pub async fn serve(&self, listener: TcpListener) {
        let never = CancellationToken::new();
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = self.accept(&listener, &never) => {}
        }
    }

    /// Serves until the stop; closes the port while all doors refuse.
    pub async fn serve_breakable(
        &self,
        mut listener: TcpListener,
        addr: SocketAddr,
        breaker: &Breaker,
        listening: &watch::Sender<bool>,
    ) {
        let mut modes = breaker.watch();
        loop {
            let closed = CancellationToken::new();
            tokio::select! {
                () = self.stop.cancelled() => return,
                _ = modes.wait_for(|modes| !modes.port_is_open()) => {}
                () = self.accept(&listener, &closed) => {}
            }
            drop(listener);
            closed.cancel();
            // Bound but not listening: connects are refused, and nobody else,
            // not even an outgoing connection, gets the port meanwhile.
            let held = hold(addr).ok();
            listening.send_replace(false);
            listener = tokio::select! {
                () = self.stop.cancelled() => return,
                listener = async {
                    drop(modes.wait_for(|modes| modes.port_is_open()).await);
                    listen_again(addr, held).await
                } => listener,
            };
            listening.send_replace(true);
        }
    }

    /// Accepts for ever; `closed` resets what was accepted.
    async fn accept(&self, listener: &TcpListener, closed: &CancellationToken) {
        // The semaphore is never closed, so this loop does not end.
        while let Ok(slot) = Arc::clone(&self.slots).acquire_owned().await {
            match listener.accept().await {
                Ok((stream, _)) => {
                    let connection = connection(stream, self.site.clone(), self.stop.clone(), closed.clone());
                    self.tasks.spawn(async move {
                        connection.await;
                        drop(slot);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "could not accept a connection to the sample wallet");
                    sleep(RETRY).await;
                }
            }
        }
    }
}

async fn connection(stream: TcpStream, site: Site, stop: CancellationToken, closed: CancellationToken) {
    let service = service_fn(move |request| site.clone().answer(request));
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(super::MAX_BODY_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    let reset = tokio::select! {
        ended = &mut connection => ended.is_err_and(|error| is_refusal(&error)),
        () = closed.cancelled() => true,
        () = sleep(CONNECTION_LIFE) => true,
        () = stop.cancelled() => {
            std::pin::Pin::new(&mut connection).graceful_shutdown();
            let _late = timeout(STOP_GRACE, &mut connection).await;
            false
        }
    };
    if reset {
        // With this, dropping the stream sends RST instead of FIN.
        let stream = connection.into_parts().io.into_inner();
        if let Err(error) = stream.set_zero_linger() {
            tracing::debug!(%error, "could not reset a connection to the sample wallet");
        }
    }
}

fn is_refusal(error: &hyper::Error) -> bool {
    error.source().is_some_and(|source| source.is::<Refused>())
}

/// A socket bound to the address that does not listen.
fn hold(addr: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Connections of before may still be winding down on the port.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    Ok(socket)
}

async fn listen_again(addr: SocketAddr, held: Option<TcpSocket>) -> TcpListener {
    let mut attempt = held.map_or_else(|| listen(addr), |socket| socket.listen(BACKLOG));
    loop {
        match attempt {
            Ok(listener) => return listener,
            Err(error) => {
                tracing::warn!(%error, %addr, "could not listen again for the sample wallet");
                sleep(RETRY).await;
                attempt = listen(addr);
            }
        }
    }
}
