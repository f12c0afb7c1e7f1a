//! Knocking: one probe, one fresh connection, one answer.

mod addresses;
mod apart;
mod arrival;
mod assert;
mod bare;
mod body;
pub mod canary;
#[cfg(not(feature = "simulation"))]
mod certificate;
// What reads a target's certificates, for `tests/fuzz`.
#[cfg(feature = "simulation")]
pub mod certificate;
mod classify;
mod client;
pub mod codes;
mod coding;
mod date;
mod dns;
mod errand;
mod evidence;
mod fence;
mod flow;
pub mod gate;
mod greeting;
mod http;
pub mod logins;
pub mod manners;
mod marks;
mod names;
mod ours;
pub mod own;
pub mod pauses;
mod proxy;
mod push;
mod redact;
mod retry_after;
mod seen;
mod signs;
mod smtp;
mod talk;
mod tcp;
mod tls;
mod verify;
#[cfg(feature = "simulation")]
mod wire;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

pub use assert::{Check, Known, Login};
pub use redact::redactor;
pub use seen::{Seen, TlsSeen};

#[cfg(feature = "simulation")]
pub use wire::Wire;

use canary::Canaries;
pub use client::Outbound;
use codes::{Codes, InMemory};
pub use greeting::{ABOUT, Greeting};
use logins::{Logins, Unguarded};
pub use manners::Manners;
use own::OwnHealth;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::domain::endpoint::Endpoint;
use crate::domain::evidence::Evidence;
use crate::domain::flow::Depth;
use crate::domain::kind::Kind;
use crate::domain::outcome::Outcome;
use crate::domain::probe::{Phases, ProbeResult};
use crate::domain::redact::Shown;

/// Knocks at endpoints. One is shared by all workers.
pub struct Prober {
    kit: Kit,
}

/// What every kind of knock has at hand.
#[derive(Clone)]
pub struct Kit {
    pub outbound: Arc<Outbound>,
    pub own: Arc<OwnHealth>,
    pub clock: Arc<dyn Clock>,
    pub manners: Arc<Manners>,
    pub logins: Arc<dyn Logins>,
    pub codes: Arc<dyn Codes>,
    /// We are stopping: no step is begun any more but those that clean up.
    pub stop: CancellationToken,
}

impl Kit {
    /// The same, taking these addresses alone.
    fn by(&self, outbound: Outbound) -> Self {
        Self { outbound: Arc::new(outbound), ..self.clone() }
    }

    /// Knocks as the endpoint's kind does.
    async fn knock(&self, endpoint: &Endpoint, depth: Depth) -> Knocked {
        match &endpoint.kind {
            Kind::Http(flow) => flow::knock(self, endpoint, flow, depth).await,
            // Nobody is logged in by these: they are harmless at any depth.
            Kind::Tcp(tcp) => tcp::knock(self, endpoint, tcp).await,
            Kind::Tls(tls) => tls::knock(self, endpoint, tls).await,
            Kind::Dns(dns) => dns::knock(self, endpoint, dns).await,
            Kind::Smtp(smtp) => smtp::knock(self, endpoint, smtp).await,
            Kind::Push(_) => push::knock(self, endpoint),
        }
    }
}

/// A result, and what only a person looking on wants to know.
#[derive(Debug, Clone)]
pub struct Probed {
    pub result: ProbeResult,
    pub phases: Phases,
    pub peer: Option<SocketAddr>,
    pub checks: Vec<Check>,
    /// The chain of causes when there was no whole answer.
    pub error: Option<Shown>,
    /// When the first certificate of the chain that was shown runs out.
    pub certificate_until: Option<Timestamp>,
    /// What the server asks us to wait before the next knock, clamped.
    pub retry_after: Option<Duration>,
    pub evidence: Box<Evidence>,
}

impl Probed {
    /// A result and nothing else to tell.
    pub fn of(result: ProbeResult) -> Self {
        let evidence = Box::new(Evidence::none(result.at, result.outcome));
        Self {
            result,
            phases: Phases::default(),
            peer: None,
            checks: Vec::new(),
            error: None,
            certificate_until: None,
            retry_after: None,
            evidence,
        }
    }
}

/// What a kind of knock saw, before it is asked whether we stood still meanwhile.
struct Knocked {
    outcome: Outcome,
    http_status: Option<u16>,
    /// Without what we waited for limits of our own.
    total: Duration,
    phases: Phases,
    peer: Option<SocketAddr>,
    checks: Vec<Check>,
    error: Option<String>,
    certificate_until: Option<Timestamp>,
    retry_after: Option<Duration>,
    evidence: Evidence,
}

impl Prober {
    pub fn new(
        outbound: Outbound,
        own: Arc<OwnHealth>,
        clock: Arc<dyn Clock>,
        manners: Arc<Manners>,
    ) -> Self {
        let (codes, stop) = (Arc::new(InMemory::default()), CancellationToken::new());
        let outbound = Arc::new(outbound);
        Self { kit: Kit { outbound, own, clock, manners, logins: Arc::new(Unguarded), codes, stop } }
    }

    /// Asks this one before it logs in.
    pub fn guarded(mut self, logins: Arc<dyn Logins>) -> Self {
        self.kit.logins = logins;
        self
    }

    /// Why nobody knocks there now, if a host of it told us to stay away, and which.
    pub fn pause(&self, endpoint: &Endpoint) -> Option<(String, pauses::Pause)> {
        let now = self.kit.clock.now().mono;
        let pauses = &self.kit.manners.pauses;
        let running = |place: String| pauses.running(&place, now).map(|it| (place, it));
        manners::places(&endpoint.kind).into_iter().filter_map(running).max_by_key(|(_, it)| it.until)
    }

    /// Asks this one before it uses a code of a second factor.
    pub fn reserving(mut self, codes: Arc<dyn Codes>) -> Self {
        self.kit.codes = codes;
        self
    }

    /// Ends its flows early once this is cancelled, logging out first.
    pub fn until(mut self, stop: CancellationToken) -> Self {
        self.kit.stop = stop;
        self
    }

    /// Who knocks at the canaries of our networks, by the same way out.
    pub fn canaries(&self) -> Canaries {
        let kit = Kit {
            outbound: Arc::clone(&self.kit.outbound),
            own: Arc::new(OwnHealth::new(Arc::clone(&self.kit.clock))),
            clock: Arc::clone(&self.kit.clock),
            manners: Arc::default(),
            logins: Arc::new(Unguarded),
            codes: Arc::new(InMemory::default()),
            stop: self.kit.stop.clone(),
        };
        Canaries { kit: Arc::new(kit), own: Arc::clone(&self.kit.own) }
    }

    /// Knocks once. Never an error: a door that does not open is an answer, and
    /// a fault of our own is the answer *unknown*.
    pub async fn probe(&self, endpoint: &Endpoint, depth: Depth, fresh_for: Duration) -> Probed {
        let at = self.kit.clock.now();
        let before = self.kit.before(at);
        let kit = &Kit { outbound: Arc::new(self.kit.outbound.to(&endpoint.id)), ..self.kit.clone() };
        let knocked = addresses::knock(kit, endpoint, depth).await;
        let outcome = self.kit.believed(endpoint, before, knocked.outcome, knocked.total).await;
        let Knocked { http_status, total, phases, peer, checks, error, .. } = knocked;
        // Whoever took captures knows more secrets than the config does.
        let error =
            knocked.evidence.error.clone().or_else(|| error.map(|it| redact::redactor(endpoint).line(&it)));
        let evidence = Box::new(Evidence { at, outcome, error: error.clone(), ..knocked.evidence });
        Probed {
            result: ProbeResult { at, total, outcome, http_status, fresh_for },
            phases,
            peer,
            checks,
            error,
            certificate_until: knocked.certificate_until,
            retry_after: knocked.retry_after,
            evidence,
        }
    }
}
