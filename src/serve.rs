//! The accept loop: a time limit on headers, a cap on connections, and a drain that ends.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A request's head must be in within this, and a quiet connection is closed after it.
const HEADER_PATIENCE: Duration = Duration::from_secs(10);
/// A connection that never ends, or never reads, is closed after this.
const LONGEST_CONNECTION: Duration = Duration::from_secs(300);
/// The largest head read; ours need a few hundred bytes.
const HEAD_LIMIT: usize = 16 * 1024;
/// Connections served at once, if there are descriptors for them.
pub const CONNECTION_CAP: usize = 4096;
/// Descriptors kept back for probes, the store and logs.
pub const DESCRIPTORS_KEPT: usize = 256;
/// After a failed accept (no descriptors, say) the loop rests this long.
const REST: Duration = Duration::from_millis(50);

/// Serves `router` until `stop`; each connection is a task of `tasks`.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    cap: usize,
    stop: CancellationToken,
    tasks: TaskTracker,
) {
    let places = Arc::new(Semaphore::new(cap));
    loop {
        let place = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            place = places.clone().acquire_owned() => match place {
                Ok(place) => place,
                Err(_) => return,
            },
        };
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!("A connection could not be accepted: {error}");
                tokio::time::sleep(REST).await;
                continue;
            }
        };
        let (router, stop) = (router.clone(), stop.clone());
        tasks.spawn(async move {
            converse(stream, router, stop).await;
            drop(place);
        });
    }
}

async fn converse(stream: TcpStream, router: Router, stop: CancellationToken) {
    // Small answers go out at once; a failure here costs 40 ms, not the answer.
    let _ = stream.set_nodelay(true);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_PATIENCE)
        .max_buf_size(HEAD_LIMIT)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        biased;
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
        () = tokio::time::sleep(LONGEST_CONNECTION) => return,
    };
    if let Err(error) = ended {
        tracing::debug!("A connection ended: {error}");
    }
}

/// Raises our own limit of open files to what the system allows us, and says
/// how many connections fit beside everything else.
pub fn connection_cap() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::debug!("The limit of open files stays as it is: {error}");
    }
    let files = getrlimit(Resource::Nofile).current.and_then(|it| usize::try_from(it).ok());
    let free = files.map_or(CONNECTION_CAP, |files| files.saturating_sub(DESCRIPTORS_KEPT));
    // At least a few, or the page would never answer.
    free.clamp(16, CONNECTION_CAP)
}
