//! The accept loop: a time limit on headers, a cap on connections, and a drain that ends.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A request's head must be in within this, and a quiet connection is closed after it.
const HEADER_PATIENCE: Duration = Duration::from_secs(10);
const LIMITS: Limits = Limits {
    longest: Duration::from_secs(300),
    last_answer: Duration::from_secs(5),
    stop_grace: Duration::from_secs(1),
};
/// The largest head read; ours need a few hundred bytes.
const HEAD_LIMIT: usize = 16 * 1024;
/// Connections served at once, if there are descriptors for them.
pub const CONNECTION_CAP: usize = 4096;
/// Descriptors kept back for the store, logs and lookups, beside one for each probe.
const DESCRIPTORS_KEPT: usize = 256;
/// After a failed accept (no descriptors, say) the loop rests this long.
const REST: Duration = Duration::from_millis(50);

/// How long a connection may last.
#[derive(Clone, Copy)]
struct Limits {
    /// One that never ends, or never reads, is closed after this …
    longest: Duration,
    /// … once the answer on its way had so long to get out.
    last_answer: Duration,
    /// The same after a stop, which has no time for a head that is half sent.
    stop_grace: Duration,
}

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
        // Small answers go out at once; a failure here costs 40 ms, not the answer.
        let _ = stream.set_nodelay(true);
        let (router, stop) = (router.clone(), stop.clone());
        tasks.spawn(async move {
            converse(stream, router, stop, LIMITS).await;
            drop(place);
        });
    }
}

async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    router: Router,
    stop: CancellationToken,
    limits: Limits,
) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_PATIENCE)
        .max_buf_size(HEAD_LIMIT)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        biased;
        ended = connection.as_mut() => Some(ended),
        () = stop.cancelled() => None,
        () = tokio::time::sleep(limits.longest) => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            connection.as_mut().graceful_shutdown();
            let hurried = async {
                stop.cancelled().await;
                tokio::time::sleep(limits.stop_grace).await;
            };
            tokio::select! {
                biased;
                ended = connection => ended,
                () = hurried => return,
                () = tokio::time::sleep(limits.last_answer) => return,
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!("A connection ended: {error}");
    }
}

/// Raises our own limit of open files to what the system allows us, and says
/// how many connections fit beside everything else, probes of `endpoints` included.
pub fn connection_cap(endpoints: usize) -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::debug!("The limit of open files stays as it is: {error}");
    }
    let files = getrlimit(Resource::Nofile).current.and_then(|it| usize::try_from(it).ok());
    let free = files.map_or(CONNECTION_CAP, |files| files.saturating_sub(DESCRIPTORS_KEPT + endpoints));
    // At least a few, or the page would never answer.
    free.clamp(16, CONNECTION_CAP)
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    const SOON: Duration = Duration::from_millis(100);

    /// All that a connection gives for one request whose answer takes so long.
    async fn answer_after(wait: Duration, limits: Limits) -> String {
        let page = get(move || async move {
            tokio::time::sleep(wait).await;
            "the whole answer"
        });
        let (mut ours, theirs) = tokio::io::duplex(4096);
        let talk = converse(theirs, Router::new().route("/", page), CancellationToken::new(), limits);
        let visit = async {
            ours.write_all(b"GET / HTTP/1.1\r\nHost: page.example\r\n\r\n").await.unwrap();
            let mut said = String::new();
            // A cut connection may be a failure to read, too.
            let _ = ours.read_to_string(&mut said).await;
            said
        };
        tokio::join!(talk, visit).1
    }

    #[tokio::test]
    async fn an_old_connection_ends_after_its_answer_and_not_in_the_midst_of_it() {
        let limits = Limits { longest: SOON, last_answer: 100 * SOON, ..LIMITS };
        assert!(answer_after(5 * SOON, limits).await.ends_with("the whole answer"));
        let limits = Limits { longest: SOON, last_answer: SOON, ..LIMITS };
        assert_eq!(answer_after(Duration::MAX, limits).await, "");
    }

    #[tokio::test]
    async fn a_stop_does_not_wait_for_a_head_that_is_half_sent() {
        let (mut ours, theirs) = tokio::io::duplex(4096);
        let stop = CancellationToken::new();
        let limits = Limits { stop_grace: SOON, ..LIMITS };
        let talk = converse(theirs, Router::new(), stop.clone(), limits);
        let visit = async {
            ours.write_all(b"GET / HTTP/1.1\r\nHost:").await.unwrap();
            tokio::time::sleep(SOON).await;
            stop.cancel();
        };
        let both = async { tokio::join!(talk, visit) };
        assert!(tokio::time::timeout(HEADER_PATIENCE / 2, both).await.is_ok());
    }
}
