//! A connection without HTTP: brought to stand, made safe, and judged as any other.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::classify;
use super::errand::Errand;
use super::manners::Turn;
use super::marks::{self, Trace};
use super::redact::redactor;
use super::{Kit, Knocked, Login, assert};
use crate::domain::endpoint::Endpoint;
use crate::domain::evidence::{BODY_KEPT, Evidence, StepSeen};
use crate::domain::kind::HostPort;
use crate::domain::outcome::{DegradedReason, FailureClass, Outcome, UnknownReason};

/// Addresses that are tried one after the other.
const TRIED: usize = 8;

pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// What stopped a knock, and how an operator is told.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    pub(super) outcome: Outcome,
    pub(super) said: String,
}

impl Fault {
    pub(super) fn of(class: FailureClass, said: impl Into<String>) -> Self {
        Self { outcome: Outcome::Failure(class), said: said.into() }
    }
}

/// One knock under way.
pub(super) struct Bare<'a> {
    pub(super) kit: &'a Kit,
    endpoint: &'a Endpoint,
    pub(super) trace: Trace,
    began: Instant,
    pub(super) deadline: Instant,
    pub(super) peer: Option<SocketAddr>,
    pub(super) local: Option<SocketAddr>,
    /// Leave to connect, held until it ends; and how long it was waited for.
    turn: Option<Turn>,
    pub(super) waited: Duration,
    /// When the first byte of an answer came.
    pub(super) heard_at: Option<Instant>,
    /// What is shown in the place of a status line.
    pub(super) status_line: Option<String>,
    /// What was heard, already without secrets.
    pub(super) heard: String,
}

impl<'a> Bare<'a> {
    pub(super) fn begin(kit: &'a Kit, endpoint: &'a Endpoint) -> Self {
        let began = marks::now();
        Self {
            kit,
            endpoint,
            trace: Trace::default(),
            began,
            deadline: began + endpoint.deadline,
            peer: None,
            local: None,
            turn: None,
            waited: Duration::ZERO,
            heard_at: None,
            status_line: None,
            heard: String::new(),
        }
    }

    /// Runs `work`, cut off at the deadline.
    pub(super) async fn by_the_deadline<T>(
        &self,
        work: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Fault> {
        let deadline = tokio::time::Instant::from_std(self.deadline);
        tokio::time::timeout_at(deadline, work).await.unwrap_or_else(|_| {
            let outcome = classify::timed_out(&self.trace.marks(), false);
            Err(Fault { outcome, said: "the deadline passed".into() })
        })
    }

    /// Waits until we may knock there; waiting is no latency. The turn of what
    /// was tried before ends with it.
    pub(super) async fn take_turn(&mut self, at: &HostPort) -> Result<(), Fault> {
        self.turn = None;
        let place = at.to_string().to_ascii_lowercase();
        let turn = self.kit.turn_at(&place, Login::Before).await;
        let turn = turn.map_err(|held| Fault { outcome: Outcome::Unknown(held.reason), said: held.said })?;
        self.deadline += turn.waited;
        self.waited += turn.waited;
        self.turn = Some(turn);
        Ok(())
    }

    /// Looks a name up.
    pub(super) async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, Fault> {
        let found = self.by_the_deadline(async {
            let found = self.kit.outbound.addresses(host, &self.trace).await;
            found.map_err(|fault| Fault {
                outcome: classify::lookup(fault),
                said: fault.sentence().unwrap_or_else(|| "the name could not be looked up".into()),
            })
        });
        found.await
    }

    /// Connects to the first address that lets us.
    pub(super) async fn connect(&mut self, at: &HostPort) -> Result<TcpStream, Fault> {
        self.take_turn(at).await?;
        let addresses = self.addresses(&at.host).await?;
        let trace = self.trace.clone();
        trace.note(|marks| marks.connect_began = Some(marks::now()));
        let count = addresses.len().min(TRIED);
        let mut worst: Option<Fault> = None;
        for (index, address) in addresses.into_iter().take(TRIED).enumerate() {
            let peer = SocketAddr::new(address, at.port);
            let left = self.deadline.saturating_duration_since(marks::now());
            let share = left / u32::try_from(count - index).unwrap_or(1);
            let fault = match tokio::time::timeout(share, TcpStream::connect(peer)).await {
                Ok(Ok(stream)) => {
                    trace.note(|marks| marks.connect_ended = Some(marks::now()));
                    self.peer = Some(peer);
                    self.local = stream.local_addr().ok();
                    return Ok(stream);
                }
                Ok(Err(error)) => Fault {
                    outcome: classify::broken(&error, &trace.marks()),
                    said: format!("{peer}: {error}"),
                },
                Err(_) => Fault::of(FailureClass::ConnectTimeout, format!("{peer}: the deadline passed")),
            };
            // Only where all of them fail on our side is it our side.
            let ours = |it: &Fault| matches!(it.outcome, Outcome::Unknown(_));
            if worst.as_ref().is_none_or(|known| ours(known) && !ours(&fault)) {
                worst = Some(fault);
            }
        }
        Err(worst.unwrap_or_else(|| Fault::of(FailureClass::DnsError, "the name has no address")))
    }

    /// Makes a connection safe; its certificate must be for `name`.
    pub(super) async fn secure<S: Stream>(
        &self,
        stream: S,
        name: &str,
    ) -> Result<tokio_rustls::client::TlsStream<S>, Fault> {
        let ours = |said: String| Fault { outcome: Outcome::Unknown(UnknownReason::OwnResources), said };
        let tls = self.kit.outbound.bare_tls().map_err(ours)?;
        let Ok(server) = ServerName::try_from(name.to_owned()) else {
            return Err(Fault::of(FailureClass::TlsName, format!("`{name}` is no name of a certificate")));
        };
        // The connection stood; it stands again when the handshake is done.
        self.trace.note(|marks| {
            marks.connect_ended = None;
            marks.tls_began = Some(marks::now());
        });
        let shaking = async {
            let shaking = async { TlsConnector::from(tls).connect(server, stream).await };
            let done = Errand::bare(&self.trace).run(shaking).await;
            done.map_err(|error| Fault {
                outcome: classify::broken(&error, &self.trace.marks()),
                said: error.to_string(),
            })
        };
        let stream = self.by_the_deadline(shaking).await?;
        self.trace.note(|marks| marks.connect_ended = Some(marks::now()));
        Ok(stream)
    }

    /// What is concluded, in the form that all kinds share. `host` is who was
    /// looked up, where somebody was.
    pub(super) fn finish(self, host: Option<&str>, days: Option<u32>, ended: Result<(), Fault>) -> Knocked {
        let now = marks::now();
        let total = now.duration_since(self.began).saturating_sub(self.waited);
        let (mut outcome, mut error) = match ended {
            Ok(()) => (Outcome::Success, None),
            Err(Fault { outcome, said }) => (outcome, Some(said)),
        };
        outcome = self.is_it_us(host, outcome);
        let mut failed = Vec::new();
        let marks = self.trace.marks();
        if outcome == Outcome::Success
            && let (Some(days), Some(until)) = (days, marks.certificate_until)
        {
            let left = until.duration_since(self.kit.clock.now().wall).as_hours().div_euclid(24);
            if left < i64::from(days) {
                outcome = Outcome::Degraded(DegradedReason::Assertion);
                let said = format!("the certificates hold for {left} days, {days} are asked for");
                failed.push(said.clone());
                error = Some(said);
            }
        }
        let slow = self.endpoint.degraded_after < total;
        if outcome == Outcome::Success && slow {
            outcome = Outcome::Degraded(DegradedReason::Slow);
        }
        let came = error.is_none().then_some(!slow);
        let checks = vec![assert::in_time(self.endpoint.degraded_after, came)];
        let phases = self.trace.phases(self.began, self.heard_at, now);
        let at = self.kit.clock.now();
        let seen = StepSeen { name: String::new(), always: false, outcome, http_status: None, total, phases };
        let shows = redactor(self.endpoint);
        let evidence = Evidence {
            steps: vec![seen],
            addresses: self.peer.map(|it| (shows.line(&it.to_string()), outcome)).into_iter().collect(),
            chain: self.trace.chain(outcome, at.wall, &shows),
            status_line: self.status_line.map(|it| shows.line(&it)),
            body: shows.text(&self.heard, BODY_KEPT),
            failed: failed.iter().map(|it: &String| shows.line(it)).collect(),
            error: error.as_deref().map(|it| shows.line(it)),
            ..Evidence::none(at, outcome)
        };
        Knocked {
            outcome,
            http_status: None,
            total,
            phases,
            peer: self.peer,
            checks,
            error,
            certificate_until: marks.certificate_until,
            retry_after: None,
            evidence,
        }
    }

    /// Asks whether a failure is really the endpoint's.
    fn is_it_us(&self, host: Option<&str>, outcome: Outcome) -> Outcome {
        let (own, marks) = (&self.kit.own, self.trace.marks());
        let Some(host) = host else { return outcome };
        if marks.dns_began.is_some() {
            let failed = marks.dns_fault.is_some() && outcome == Outcome::Failure(FailureClass::DnsError);
            if own.all_dns_fails(host, failed) {
                return Outcome::Unknown(UnknownReason::OwnDns);
            }
        }
        if marks.tls_began.is_none() {
            return outcome;
        }
        let dates = matches!(outcome, Outcome::Failure(FailureClass::TlsExpired | FailureClass::TlsNotYet));
        let most = own.most_dates_fail(host, dates);
        if dates && (most || own.doubts_the_clock()) {
            return Outcome::Unknown(UnknownReason::OwnClock);
        }
        outcome
    }
}
