//! Login pages in memory: HTTP/1.1 over Unix sockets of this process, plain and TLS.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::client::WebPkiServerVerifier;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::UnixListener;
use tokio::time::{Instant, sleep};
use tokio_rustls::TlsAcceptor;

use crate::chance::Chance;
use crate::still::Still;

/// A request's head is far smaller.
const HEAD: usize = 8 * 1024;

/// How a door fails while it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// Hangs up.
    Refuses,
    /// Takes the request and says nothing.
    Swallows,
    /// 503.
    Errs,
}

#[derive(Debug, Clone, Copy)]
pub struct Outage {
    pub from: Duration,
    pub to: Duration,
    pub how: How,
}

/// What one door saw.
#[derive(Debug, Clone, Copy, Default)]
pub struct Seen {
    pub requests: u64,
    pub last: Duration,
    /// The longest time between two requests.
    pub longest: Duration,
}

pub struct Pages {
    pub still: Arc<Still>,
    began: Instant,
    outages: Vec<Vec<Outage>>,
    /// Of an answer, at most, in milliseconds.
    latest: u64,
    seen: Mutex<(Vec<Seen>, Chance)>,
}

impl Pages {
    pub fn new(still: Arc<Still>, outages: Vec<Vec<Outage>>, latest: u64, seed: u64) -> Arc<Self> {
        let seen = Mutex::new((vec![Seen::default(); outages.len()], Chance::of(seed, "pages")));
        Arc::new(Self { still, began: Instant::now(), outages, latest, seen })
    }

    /// Answers at `socket` until dropped with its runtime.
    pub fn serve(self: &Arc<Self>, socket: &Path, tls: Option<TlsAcceptor>) {
        let listener = UnixListener::bind(socket).unwrap();
        let pages = self.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (pages, tls) = (pages.clone(), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => pages.answer(stream).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                pages.answer(stream).await;
                            }
                        }
                    }
                });
            }
        });
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.lock().0.clone()
    }

    fn lock(&self) -> MutexGuard<'_, (Vec<Seen>, Chance)> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn answer(&self, mut stream: impl AsyncRead + AsyncWrite + Unpin) {
        let mut head = Vec::with_capacity(512);
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read_buf(&mut head).await {
                Ok(read) if 0 < read && head.len() < HEAD => (),
                _ => return,
            }
        }
        let (door, now) = (door(&head).unwrap(), self.began.elapsed());
        let takes = {
            let (seen, chance) = &mut *self.lock();
            let seen = &mut seen[door];
            if 0 < seen.requests {
                seen.longest = seen.longest.max(now - seen.last);
            }
            (seen.requests, seen.last) = (seen.requests + 1, now);
            chance.ms(1, self.latest)
        };
        let how = self.outages[door].iter().find(|it| it.from <= now && now < it.to).map(|it| it.how);
        if how == Some(How::Refuses) {
            return;
        }
        let number = self.still.waits(door);
        if how == Some(How::Swallows) {
            // Until the prober hangs up.
            while stream.read_buf(&mut head).await.is_ok_and(|read| 0 < read) {}
            return;
        }
        sleep(takes).await;
        self.still.goes_on(door, number);
        let (status, body) = match how {
            None => ("200 OK", "<form id=login>"),
            Some(_) => ("503 Service Unavailable", "no"),
        };
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/html\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        );
        // Whoever hung up does not want it.
        let _ = stream.write_all(answer.as_bytes()).await;
        let _ = stream.shutdown().await;
    }
}

/// The number in `GET /login/17 HTTP/1.1`.
fn door(head: &[u8]) -> Option<usize> {
    let line = std::str::from_utf8(head).ok()?.lines().next()?;
    line.strip_prefix("GET /login/")?.split(' ').next()?.parse().ok()
}

/// A server's side of TLS for 127.0.0.1, and the verifier that trusts exactly that.
pub fn tls() -> (TlsAcceptor, Arc<WebPkiServerVerifier>) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2090, 1, 1));
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    (params.not_before, params.not_after) = (date_time_ymd(2021, 1, 1), date_time_ymd(2089, 1, 1));
    let key = KeyPair::generate().unwrap();
    let leaf = params.signed_by(&key, &authority).unwrap();
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let mut config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key)
        .unwrap();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let mut roots = rustls::RootCertStore::empty();
    roots.add(authority.der().clone()).unwrap();
    (TlsAcceptor::from(Arc::new(config)), WebPkiServerVerifier::builder(Arc::new(roots)).build().unwrap())
}
