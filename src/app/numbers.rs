//! Shows what the rooms count, on a listener of its own.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::answers::LostLines;
use super::listen::{StartError, listen};
use crate::observe::{self, NetworkSeen, OwnSeen, PageSeen, Process, Seen, StoreSeen};
use crate::pipeline::Spine;
use crate::pipeline::logins::LoginBudget;
use crate::probe::Manners;
use crate::probe::gate::Group;
use crate::probe::own::OwnHealth;
use crate::publish::Publisher;
use crate::serve;

/// What a scraper does not take within this is not sent: the system drops the
/// connection of one that never reads.
const UNREAD_MILLIS: u32 = 15_000;

pub(super) struct Numbers {
    listener: TcpListener,
}

/// Who is asked for numbers.
pub(super) struct Shown {
    pub(super) spine: Arc<Spine>,
    pub(super) publisher: Arc<Publisher>,
    pub(super) own: Arc<OwnHealth>,
    /// Of the page's listener.
    pub(super) visitors: Arc<serve::Meters>,
    pub(super) logins: Arc<LoginBudget>,
    pub(super) manners: Arc<Manners>,
    /// Of the log, when it is ours.
    pub(super) lost_lines: Option<LostLines>,
}

impl Numbers {
    pub(super) fn bind(addr: SocketAddr) -> Result<Self, StartError> {
        let listener = listen(addr, "the metrics", "metrics.listen")?;
        // Connections inherit it. Without it one is dropped all the same, only later.
        if let Err(error) = rustix::net::sockopt::set_tcp_user_timeout(&listener, UNREAD_MILLIS) {
            tracing::debug!("Scrapers that never read are kept longer: {error}");
        }
        Ok(Self { listener })
    }

    pub(super) fn addr(&self) -> anyhow::Result<SocketAddr> {
        self.listener.local_addr().context("reading the address of the metrics")
    }

    /// Serves until `stop`. When it ends by itself the daemon goes on: readers
    /// need the page, not its numbers.
    pub(super) async fn serve(self, shown: Shown, stop: CancellationToken, tasks: TaskTracker) {
        let health = shown.publisher.clone().health();
        let shown = Arc::new(shown);
        let router = observe::router(Arc::new(move || shown.look())).merge(health);
        serve::serve(self.listener, router, observe::CONNECTIONS, stop, tasks).await;
    }
}

impl Shown {
    fn look(&self) -> Seen {
        let Spine { store, facts, clock, meters, notes, .. } = &*self.spine;
        let facts = Arc::clone(&facts.borrow());
        let (stored, page) = (store.meters(), &self.publisher.meters);
        Seen {
            now: clock.now(),
            knocks: facts.endpoints.iter().map(|it| meters.read(&it.endpoint.id)).collect(),
            facts,
            lateness: meters.lateness.read(),
            store: StoreSeen {
                queue: store.waiting(),
                lost: store.lost(),
                commit: stored.commit.read(),
                size: stored.batch.read(),
                failed: stored.failed.get(),
                database_bytes: stored.database_bytes.get(),
                wal_bytes: stored.wal_bytes.get(),
                free_bytes: stored.free_bytes.get(),
                files: *store.soundness().borrow(),
                evidence_stored: store.evidence().stored.get(),
                evidence_lost: store.evidence().lost.get(),
            },
            page: PageSeen {
                verdict: self.publisher.verdict(),
                render: page.render.read(),
                failed: page.render_failed.get(),
                rendered_at: page.rendered_at.get(),
                valid_until: self.publisher.rendered_until(),
                requests: page.requests_and(self.visitors.refused.get()),
                connections: self.visitors.open.get(),
                came: self.visitors.came.get(),
                shown_out: self.visitors.shown_out.get(),
            },
            own: OwnSeen {
                stalls: self.own.stalls.get(),
                clock_steps: self.own.steps.get(),
                clock_doubted: self.own.doubts_the_clock(),
                missed: self.own.missed_by_ticks(),
                networks: self.own.gates.groups().iter().map(|it| network(it)).collect(),
                hosts_paused: self.manners.pauses.count(clock.now().mono),
                pauses: self.manners.pauses.begun.get(),
                logins: self.logins.meters.read(),
                stopped: self.logins.stopped(),
                lost_lines: self.lost_lines.as_ref().map_or(0, |count| count()),
            },
            notes: notes.list(),
            process: Process::read(),
        }
    }
}

fn network(group: &Group) -> NetworkSeen {
    let standing = group.standing();
    NetworkSeen {
        id: standing.network,
        lost: standing.lost.is_some(),
        said: standing.said.into_iter().map(|(said, count)| (said.wire(), count)).collect(),
    }
}
