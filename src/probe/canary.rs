//! Knocking at canaries: lightly, over fresh connections, and nothing is stored of it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::client::Only;
use super::gate::Group;
use super::own::OwnHealth;
use super::{Kit, Known, classify, http, marks};
use crate::domain::expect::Expect;
use crate::domain::flow::Flow;
use crate::domain::health_gate::Said;
use crate::domain::network::Canary;
use crate::domain::outcome::{Outcome, UnknownReason};
use crate::domain::request::Request;

/// They are others' doors: four knocks a minute wake nobody.
const EVERY: Duration = Duration::from_secs(15);
/// A canary that is there answers in a fraction of it.
const DEADLINE: Duration = Duration::from_secs(5);

/// Nobody gives up on us sooner.
const DOZE: Duration = Duration::from_millis(100);

/// Knocks at the canaries of every network that the config has.
pub struct Canaries {
    /// With own-health of their own: what many hosts show at once is counted
    /// within one network, and these are no endpoints of it.
    pub(super) kit: Arc<Kit>,
    /// The daemon's own-health, with the gates.
    pub(super) own: Arc<OwnHealth>,
}

impl Canaries {
    /// Goes on until `stop`, through every change of the networks.
    pub async fn watch(self, stop: CancellationToken, tasks: TaskTracker) {
        let canaries = Arc::new(self);
        let mut groups = canaries.own.gates.watched();
        let mut watched: Vec<Arc<Group>> = Vec::new();
        loop {
            let now = Arc::clone(&groups.borrow_and_update());
            for group in now.iter().filter(|it| watched.iter().all(|known| !Arc::ptr_eq(it, known))) {
                let (canaries, group) = (Arc::clone(&canaries), Arc::clone(group));
                let (stop, own_tasks) = (stop.clone(), tasks.clone());
                tasks.spawn(async move { canaries.watch_one(&group, &stop, &own_tasks).await });
            }
            watched = now.to_vec();
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                changed = groups.changed() => if changed.is_err() { return },
            }
        }
    }

    async fn watch_one(self: &Arc<Self>, group: &Arc<Group>, stop: &CancellationToken, tasks: &TaskTracker) {
        loop {
            let over = CancellationToken::new();
            let round = group.begin();
            for (index, canary) in group.network.canaries.iter().enumerate() {
                let (canaries, group, canary) = (Arc::clone(self), Arc::clone(group), canary.clone());
                let over = over.clone();
                tasks.spawn(async move {
                    tokio::select! {
                        biased;
                        () = over.cancelled() => (),
                        said = canaries.knock(&canary) => {
                            group.hear(round, index, said);
                            canaries.own.gates.tell();
                        }
                    }
                });
            }
            // Dropped with the round: whatever has not answered by then is let go.
            let _over = over.drop_guard();
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = group.leave.cancelled() => return,
                () = group.wanted.notified() => (),
                () = tokio::time::sleep(EVERY) => (),
            }
        }
    }

    async fn knock(&self, canary: &Canary) -> Said {
        let (began, missed) = (self.kit.clock.now().mono, self.own.missed());
        let deadline = marks::now() + DEADLINE;
        let said = if canary.url.scheme() == "tcp" {
            self.connect(canary, deadline).await
        } else {
            let request = Request { proxy: canary.proxy.clone(), ..Request::get(canary.url.clone()) };
            let contains = canary.contains.iter().cloned().collect();
            let flow = Flow::of(request, Expect { contains, ..Expect::default() });
            let answer =
                http::ask(&self.kit, &flow.first.request, &flow.first.expect, &Known::default(), deadline)
                    .await;
            tracing::debug!("The canary {} gave {:?}", canary.url, answer.outcome);
            Said::of(answer.outcome)
        };
        // What we slept through, once or in pieces, says nothing about others.
        let took = self.kit.clock.now().mono.saturating_sub(began);
        let starved = took <= self.own.missed().saturating_sub(missed).saturating_mul(2);
        let slept = self.own.stalled_since(began) || (starved && DOZE <= took);
        if slept && said.fails() { Said::Nothing } else { said }
    }

    async fn connect(&self, canary: &Canary, deadline: Instant) -> Said {
        let connected = tokio::time::timeout_at(deadline.into(), self.reach(canary)).await;
        connected.unwrap_or(Said::Silent)
    }

    /// Whether any of its addresses takes a connection.
    async fn reach(&self, canary: &Canary) -> Said {
        let host = canary.url.host_str().unwrap_or_default();
        let port = canary.url.port().unwrap_or_default();
        let addresses: Vec<SocketAddr> = match host.trim_matches(['[', ']']).parse() {
            Ok(ip) => vec![SocketAddr::new(ip, port)],
            Err(_) => match self.kit.outbound.resolver() {
                Err(_) => return Said::NoName,
                Ok(resolver) => match resolver.addresses(host, Only::Any).await {
                    Err(_) => return Said::NoName,
                    Ok(found) => found.into_iter().map(|ip| SocketAddr::new(ip, port)).collect(),
                },
            },
        };
        let mut said = Said::Silent;
        for address in addresses {
            match TcpStream::connect(address).await {
                Ok(_) => return Said::Right,
                Err(error) => {
                    let ours = error.raw_os_error().and_then(classify::our_errno);
                    said = Said::of(Outcome::Unknown(ours.unwrap_or(UnknownReason::OwnNetwork)));
                }
            }
        }
        said
    }
}
