//! The login page that is knocked at: a thread of ours, so that its CPU counts for nobody.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use anyhow::Context;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

/// What a small login page weighs.
const PAGE_BYTES: usize = 4096;
/// Connections that may wait to be accepted: all endpoints at once.
const BACKLOG: u32 = 4096;

pub struct Target {
    pub addr: SocketAddr,
    seen: Arc<Mutex<Seen>>,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

/// A knock: at which endpoint, and when its connection was accepted.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    pub endpoint: u32,
    pub at: Instant,
}

#[derive(Default)]
struct Seen {
    arrivals: Vec<Arrival>,
    /// Every other knock at an endpoint is refused.
    flipping: bool,
    knocks: HashMap<u32, u32>,
}

impl Target {
    pub fn start() -> anyhow::Result<Self> {
        Self::answering(None)
    }

    /// Speaks TLS when it is handed a server's side of it.
    pub fn answering(tls: Option<TlsAcceptor>) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = runtime.block_on(async {
            let socket = TcpSocket::new_v4()?;
            socket.bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
            socket.listen(BACKLOG)
        });
        let listener = listener.context("listening as a target")?;
        let addr = listener.local_addr()?;
        let (seen, stop) = (Arc::<Mutex<Seen>>::default(), CancellationToken::new());
        let (shared, ended) = (seen.clone(), stop.clone());
        let thread = std::thread::Builder::new().name("target".into()).spawn(move || {
            runtime.block_on(ended.run_until_cancelled(accept(listener, shared, tls)));
        })?;
        Ok(Self { addr, seen, stop, thread: Some(thread) })
    }

    /// The knocks since this was last asked.
    pub fn take(&self) -> Vec<Arrival> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut seen.arrivals)
    }

    /// While on, every other answer to an endpoint is 503.
    pub fn flip(&self, on: bool) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).flipping = on;
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Seen {
    /// Notes a knock and says whether it is let in.
    fn note(&mut self, arrival: Arrival) -> bool {
        self.arrivals.push(arrival);
        let knocks = self.knocks.entry(arrival.endpoint).or_default();
        *knocks += 1;
        !self.flipping || knocks.is_multiple_of(2)
    }
}

async fn accept(listener: TcpListener, seen: Arc<Mutex<Seen>>, tls: Option<TlsAcceptor>) {
    let page: Arc<[Vec<u8>; 2]> = Arc::new([answer("200 OK"), answer("503 Service Unavailable")]);
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let (at, seen, page, tls) = (Instant::now(), seen.clone(), page.clone(), tls.clone());
        tokio::spawn(async move {
            match tls {
                None => _ = converse(stream, at, seen, page).await,
                Some(tls) => {
                    // Who only shakes hands has knocked, too.
                    if let Ok(stream) = tls.accept(stream).await
                        && !converse(stream, at, seen.clone(), page).await
                    {
                        let arrival = Arrival { endpoint: u32::MAX, at };
                        seen.lock().unwrap_or_else(PoisonError::into_inner).note(arrival);
                    }
                }
            }
        });
    }
}

/// Answers until the other hangs up; says whether anything was asked.
async fn converse(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    accepted: Instant,
    seen: Arc<Mutex<Seen>>,
    page: Arc<[Vec<u8>; 2]>,
) -> bool {
    let (mut at, mut asked) = (accepted, false);
    let mut head = Vec::with_capacity(1024);
    loop {
        head.clear();
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read_buf(&mut head).await {
                Ok(0) | Err(_) => return asked,
                Ok(_) => (),
            }
        }
        asked = true;
        let [fine, refused] = page.as_ref();
        let let_in = match endpoint(&head) {
            Some(endpoint) => {
                seen.lock().unwrap_or_else(PoisonError::into_inner).note(Arrival { endpoint, at })
            }
            None => false,
        };
        let answer = if let_in { fine } else { refused };
        if stream.write_all(answer).await.is_err() || stream.flush().await.is_err() {
            return asked;
        }
        at = Instant::now();
    }
}

/// The number in `GET /login/17 HTTP/1.1`.
fn endpoint(head: &[u8]) -> Option<u32> {
    let line = std::str::from_utf8(head).ok()?.lines().next()?;
    line.strip_prefix("GET /login/")?.split(' ').next()?.parse().ok()
}

fn answer(status: &str) -> Vec<u8> {
    let mut body =
        "<!doctype html><title>Sign in</title><form method=post><input name=user><input name=password>"
            .to_owned();
    while body.len() < PAGE_BYTES {
        body.push_str("<p>Never tell anyone your password.");
    }
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    (head + &body).into_bytes()
}
