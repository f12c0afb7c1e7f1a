//! One connection, from its first byte to its last, over HTTP/1.1 or HTTP/2.

use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use super::Door;
use super::crowd::Seat;

/// The largest head read; ours need a few hundred bytes.
const HEAD_LIMIT: usize = 16 * 1024;
const HEADER_LIST_LIMIT: u32 = 16 * 1024;
/// Requests of one HTTP/2 connection under way at once; a page is one or two.
const STREAMS: u32 = 32;
/// Requests taken back before they were looked at, until the connection is closed (rapid reset) …
const RESETS: usize = 20;
/// … and streams of theirs that we reset for their faults.
const FAULTS: usize = 64;
/// What an HTTP/2 visitor may send before it is read. Nobody sends us a body.
const WINDOW: u32 = 64 * 1024;

/// How long a connection may last.
#[derive(Clone, Copy)]
pub struct Limits {
    /// Without a whole request for so long, over any protocol and the TLS
    /// handshake included, it is closed.
    pub patience: Duration,
    /// One that asks again and again is closed after this …
    pub longest: Duration,
    /// … once the answer on its way had so long to get out.
    pub last_answer: Duration,
    /// The same after a stop, which has no time for a head that is half sent.
    pub stop_grace: Duration,
}

pub const LIMITS: Limits = Limits {
    patience: Duration::from_secs(10),
    longest: Duration::from_secs(300),
    last_answer: Duration::from_secs(3),
    stop_grace: Duration::from_secs(1),
};

/// Speaks both protocols; which one is told by the first bytes.
pub type Speaker = auto::Builder<Tracked>;

/// Runs what a connection does beside itself on the tracker handed down.
#[derive(Clone)]
pub struct Tracked(TaskTracker);

impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for Tracked {
    fn execute(&self, work: F) {
        self.0.spawn(work);
    }
}

pub fn speaker(tasks: TaskTracker) -> Speaker {
    let mut speaker = auto::Builder::new(Tracked(tasks));
    speaker.http1().max_buf_size(HEAD_LIMIT);
    speaker
        .http2()
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEADER_LIST_LIMIT)
        .max_pending_accept_reset_streams(RESETS)
        .max_local_error_reset_streams(FAULTS)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW);
    speaker
}

/// What one connection needs to know of the house.
pub struct Visit {
    pub door: Arc<Door>,
    pub seat: Arc<Seat>,
    pub peer: IpAddr,
    pub stop: CancellationToken,
    pub limits: Limits,
}

/// Shakes hands if the door is locked, and converses.
pub async fn receive(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    speaker: &Speaker,
    visit: Visit,
) {
    let Some(tls) = &visit.door.tls else { return converse(stream, speaker, visit).await };
    let shaken = tokio::select! {
        biased;
        shaken = tls.accept(stream) => shaken,
        () = visit.stop.cancelled() => return,
        () = visit.seat.shown_out() => return,
        () = visit.seat.quiet_for(visit.limits.patience) => return,
    };
    match shaken {
        Ok(stream) => Box::pin(converse(stream, speaker, visit)).await,
        Err(error) => tracing::debug!("A TLS handshake failed: {error}"),
    }
}

pub async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    speaker: &Speaker,
    visit: Visit,
) {
    let Visit { door, seat, peer, stop, limits } = visit;
    let asked = seat.clone();
    let answers = service_fn(move |request| answer(door.clone(), asked.clone(), peer, request));
    let mut connection = pin!(speaker.serve_connection(TokioIo::new(stream), answers));
    let ended = tokio::select! {
        biased;
        ended = connection.as_mut() => Some(ended),
        () = stop.cancelled() => None,
        () = seat.shown_out() => None,
        () = seat.quiet_for(limits.patience) => None,
        () = tokio::time::sleep(limits.longest) => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        // Nothing is on its way to one that never asked.
        None if !seat.has_asked() => return,
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

async fn answer(
    door: Arc<Door>,
    seat: Arc<Seat>,
    peer: IpAddr,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let _busy = seat.busy();
    if tracing::enabled!(tracing::Level::DEBUG) {
        let client = door.proxies.client(peer, request.headers());
        tracing::debug!("{client} asks: {} {:?}", request.method(), request.uri().path());
    }
    let refused = door.hosts.as_ref().and_then(|it| it.refusal(request.uri(), request.headers()));
    match refused {
        Some(refusal) => {
            door.meters.refused.inc();
            Ok(refusal)
        }
        None => door.router.clone().oneshot(request.map(Body::new)).await,
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

    use super::super::crowd::Crowd;
    use super::*;

    const SOON: Duration = Duration::from_millis(100);

    async fn talk(stream: DuplexStream, router: Router, stop: CancellationToken, limits: Limits) {
        let place = Arc::new(Crowd::new(1)).enter().await;
        let door = Arc::new(Door::from(router));
        let peer = IpAddr::from([127, 0, 0, 1]);
        let visit = Visit { door, seat: place.seat.clone(), peer, stop, limits };
        receive(stream, &speaker(TaskTracker::new()), visit).await;
    }

    /// All that a connection gives for one request whose answer takes so long.
    async fn answer_after(wait: Duration, limits: Limits) -> String {
        let page = get(move || async move {
            tokio::time::sleep(wait).await;
            "the whole answer"
        });
        let (mut ours, theirs) = tokio::io::duplex(4096);
        let talk = talk(theirs, Router::new().route("/", page), CancellationToken::new(), limits);
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
        let talk = talk(theirs, Router::new(), stop.clone(), limits);
        let visit = async {
            ours.write_all(b"GET / HTTP/1.1\r\nHost:").await.unwrap();
            tokio::time::sleep(SOON).await;
            stop.cancel();
        };
        let both = async { tokio::join!(talk, visit) };
        assert!(tokio::time::timeout(LIMITS.patience / 2, both).await.is_ok());
    }

    #[tokio::test]
    async fn whoever_is_quiet_is_shown_out_whatever_came_before() {
        const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
        let limits = Limits { patience: 2 * SOON, last_answer: SOON, ..LIMITS };
        for said in
            [&b""[..], b"PRI", b"GET / HTTP/1.1\r\nHost:", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", PREFACE]
        {
            let (mut ours, theirs) = tokio::io::duplex(4096);
            let router = Router::new().route("/", get(async || "hello"));
            ours.write_all(said).await.unwrap();
            let began = tokio::time::Instant::now();
            let talk = talk(theirs, router, CancellationToken::new(), limits);
            assert!(tokio::time::timeout(100 * SOON, talk).await.is_ok(), "{said:?}");
            assert!(limits.patience <= began.elapsed(), "{said:?}");
        }
    }
}
