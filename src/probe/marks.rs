//! The marks a request leaves on its way out: when each phase began and ended.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Instant;

use hyper_util::client::legacy::connect::{Connection, HttpInfo};
use jiff::{SignedDuration, Timestamp};
use rustls::NamedGroup;
use rustls::client::{ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::pki_types::{CertificateDer, ServerName};

use super::arrival;
use super::certificate;
use super::classify::DnsFault;
use super::errand::Errand;
use super::seen::TlsSeen;
use crate::domain::evidence::CertificateSeen;
use crate::domain::outcome::Outcome;
use crate::domain::probe::Phases;
use crate::domain::redact::Redactor;

/// From so long before an end on, operators are told of it; a little more than
/// the first of the thresholds.
const NEAR: SignedDuration = SignedDuration::from_hours(22 * 24);

/// Instants noted while one request goes out. Each is set at most once.
#[derive(Debug, Default, Clone)]
pub struct Marks {
    pub connect_began: Option<Instant>,
    pub dns_began: Option<Instant>,
    pub dns_ended: Option<Instant>,
    pub dns_fault: Option<DnsFault>,
    /// The name that was not found is that of a proxy of ours.
    pub proxy_unknown: bool,
    /// The name has addresses, and none to which a target may send us.
    pub fenced: bool,
    /// The first byte of the handshake is written: the connection stands.
    pub tls_began: Option<Instant>,
    pub connect_ended: Option<Instant>,
    /// Ours and theirs, of the connection.
    pub ends: Option<(SocketAddr, SocketAddr)>,
    /// Some of the head had come when the time ran out.
    pub head_began: bool,
    pub certificate_fault: Option<rustls::CertificateError>,
    /// The earliest end in the chain that was shown.
    pub certificate_until: Option<Timestamp>,
    /// As it was shown, leaf first.
    pub chain: Arc<[CertificateDer<'static>]>,
    pub tls_version: Option<&'static str>,
}

/// The marks of one request, shared with the hooks inside its client.
#[derive(Debug, Default, Clone)]
pub struct Trace(Arc<Mutex<Marks>>);

impl Trace {
    pub fn marks(&self) -> Marks {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The chain for an operator, when a knock failed or an end is near; else
    /// nobody asks for it.
    pub fn chain(&self, outcome: Outcome, now: Timestamp, redactor: &Redactor) -> Vec<CertificateSeen> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let near = kept.certificate_until.is_some_and(|until| until.duration_since(now) < NEAR);
        if outcome == Outcome::Success && !near {
            return Vec::new();
        }
        kept.chain.iter().filter_map(|it| certificate::seen(it, redactor)).collect()
    }

    /// What assertions are told of the connection's TLS; none without it.
    pub fn tls(&self, now: Timestamp) -> Option<TlsSeen> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (issuer, names) = certificate::issuer_and_names(kept.chain.first()?)?;
        let left = kept.certificate_until.map(|until| until.duration_since(now));
        Some(TlsSeen {
            version: kept.tls_version.unwrap_or_default().to_owned(),
            expires_in: left.and_then(|it| it.try_into().ok()).unwrap_or_default(),
            issuer,
            names,
        })
    }

    /// How long each part took, of one that began then, was first answered at
    /// `heard_at` and ended now.
    pub fn phases(&self, began: Instant, heard_at: Option<Instant>, ended: Instant) -> Phases {
        let marks = self.marks();
        let span = |from: Option<Instant>, to: Option<Instant>| Some(to?.saturating_duration_since(from?));
        Phases {
            dns: span(marks.dns_began, marks.dns_ended),
            connect: span(marks.connect_began, marks.tls_began.or(marks.connect_ended)),
            tls: span(marks.tls_began, marks.connect_ended.filter(|_| marks.tls_began.is_some())),
            first_byte: span(marks.connect_ended.or(Some(began)), heard_at),
            transfer: span(heard_at, heard_at.map(|_| ended)),
        }
    }

    pub fn note(&self, note: impl FnOnce(&mut Marks)) {
        note(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Trace {
    /// To be asked while the connection still stands.
    pub fn look_for_a_head(&self) {
        let Marks { ends: Some((local, remote)), connect_ended: Some(since), tls_began, .. } = self.marks()
        else {
            return;
        };
        let stood = now().saturating_duration_since(since);
        let began =
            arrival::received(local, remote).is_some_and(|it| it.is_answer(tls_began.is_some(), stood));
        self.note(|marks| marks.head_began = began);
    }
}

/// Never resumes a session; being asked for one means the handshake begins.
#[derive(Debug)]
pub struct HandshakeMark;

impl ClientSessionStore for HandshakeMark {
    fn set_kx_hint(&self, _: ServerName<'static>, _: NamedGroup) {}

    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        Errand::note(|marks| {
            marks.tls_began.get_or_insert_with(now);
        });
        None
    }

    fn set_tls12_session(&self, _: ServerName<'static>, _: Tls12ClientSessionValue) {}

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        None
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {}

    fn insert_tls13_ticket(&self, _: ServerName<'static>, _: Tls13ClientSessionValue) {}

    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        None
    }
}

/// Notes when connecting begins and ends, the lookup and the handshake included.
#[derive(Clone)]
pub struct ConnectMark;

#[derive(Clone)]
pub struct Connecting<S>(S);

impl<S> tower::Layer<S> for ConnectMark {
    type Service = Connecting<S>;

    fn layer(&self, inner: S) -> Connecting<S> {
        Connecting(inner)
    }
}

impl<S, R> tower::Service<R> for Connecting<S>
where
    S: tower::Service<R>,
    S::Future: Send + 'static,
    S::Response: Connection + 'static,
    S::Error: 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        Errand::note(|marks| marks.connect_began = Some(now()));
        let connected = self.0.call(request);
        Box::pin(async move {
            let connected = connected.await;
            if let Ok(connection) = &connected {
                let ends = ends(connection);
                Errand::note(|marks| (marks.connect_ended, marks.ends) = (Some(now()), ends));
            }
            connected
        })
    }
}

/// What deadlines and phases are counted in: tokio's own time, so that a
/// deadline is the same instant to the timer that waits for it. Outside of a
/// simulation it is the machine's.
pub fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

fn ends(connection: &impl Connection) -> Option<(SocketAddr, SocketAddr)> {
    let mut said = hyper::http::Extensions::new();
    connection.connected().get_extras(&mut said);
    said.get::<HttpInfo>().map(|it| (it.local_addr(), it.remote_addr()))
}
