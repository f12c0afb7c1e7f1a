//! Builds the daemon and takes it apart; the only file that knows everyone.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::config::Config;
use crate::domain::endpoint::Endpoint;
use crate::domain::facts::{Facts, Storing};
use crate::domain::moment::minus;
use crate::domain::notice::Notices;
use crate::pipeline::{self, Spine, Worker, follow_storing};
use crate::probe::own::{OwnHealth, TICK};
use crate::probe::{Outbound, Prober};
use crate::publish::{Publisher, keep, render};
use crate::sample::{FrontDoor, SampleWallet};
use crate::schedule::bell::Bell;
use crate::schedule::{self, Entry, chores};
use crate::serve::{self, Hosts, TrustedProxies, tls, tls::Tls};
use crate::store::{self, Store};

/// After the first stop signal everything must be over within 5 s: so long may
/// the chores' scheduler take …
const LAST_BELL: Duration = Duration::from_millis(250);
/// … then all that works; connections are given a second of it …
const LAST_WORK: Duration = Duration::from_secs(3);
/// … and then the writer for its last commit; of a locked database it lets go in less.
const LAST_COMMIT: Duration = Duration::from_millis(1500);
/// A worker that panicked rests this long before it is started again.
const AFTER_A_PANIC: Duration = Duration::from_secs(1);

/// Connections the system holds until they are accepted; a smaller number makes
/// a crowd's visitors wait a second for their next try.
const BACKLOG: u32 = 1024;

/// A running daemon.
pub struct App {
    stop: CancellationToken,
    /// Cancelled when something died that the daemon cannot do without.
    failed: CancellationToken,
    tasks: TaskTracker,
    scheduler: chores::Scheduler,
    store: Store,
    writer: std::thread::JoinHandle<()>,
    pub addr: SocketAddr,
    pub sample: Option<SampleAddrs>,
    pub bells: Vec<Arc<Bell>>,
    pub spine: Arc<Spine>,
    pub publisher: Arc<Publisher>,
}

/// Where the sample wallet listens, and where it can be broken.
#[derive(Debug, Clone, Copy)]
pub struct SampleAddrs {
    pub wallet: SocketAddr,
    pub control: SocketAddr,
}

/// A fault of the surroundings that the operator can mend.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("could not listen on {addr} for {what} ({why}): {}", remedy(*addr, key, why))]
    Listen { what: &'static str, key: &'static str, addr: SocketAddr, why: std::io::Error },
}

/// What helps depends on why the system refused.
fn remedy(addr: SocketAddr, key: &str, why: &std::io::Error) -> String {
    let port = addr.port();
    match why.kind() {
        ErrorKind::AddrInUse => format!(
            "another program uses it already; change `{key}` in the config, or stop that program \
             (to find it: ss -ltnp 'sport = :{port}')"
        ),
        ErrorKind::AddrNotAvailable => format!(
            "this machine does not have that address; set `{key}` in the config to one it has \
             (to list them: ip address)"
        ),
        ErrorKind::PermissionDenied => format!(
            "this user may not listen there, often because ports below 1024 are for root; \
             set `{key}` in the config to a higher port"
        ),
        _ => format!("set `{key}` in the config to an address that can be listened on"),
    }
}

/// How the ringing is done: by the schedule, or by a test's own hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ringing {
    OnSchedule,
    ByHand,
}

impl App {
    pub async fn start(
        config: Config,
        outbound: Outbound,
        clock: Arc<dyn Clock>,
        ringing: Ringing,
    ) -> anyhow::Result<Self> {
        let cap = serve::connection_cap(config.endpoints.len());
        let listener = listen(config.server.listen, "the page", "server.listen")?;
        let addr = listener.local_addr().context("reading our own address")?;
        let stop = CancellationToken::new();
        let failed = CancellationToken::new();
        let tasks = TaskTracker::new();

        let (store, writer) =
            Store::open(&store::Options { dir: config.store.data.clone(), backlog: store::BACKLOG })?;
        let writer = {
            let guard = failed.clone().drop_guard();
            std::thread::Builder::new().name("store".into()).spawn(move || {
                let _guard = guard;
                writer.run();
            })
        }
        .context("starting the store's thread")?;

        let now = clock.now();
        let notices = Notices { maintenances: config.maintenances, announcements: config.announcements };
        let endpoints = config.endpoints.clone();
        let (notices, refused) = store
            .transact(move |tx| {
                store::sync_endpoints(tx, &endpoints, now.wall)?;
                store::sync_notices(tx, &notices, now.wall)
            })
            .await?;
        for edit in refused {
            tracing::warn!("The notice `{}` already happened; its window is kept as it was", edit.id);
        }
        let loaded = store.load(&config.endpoints, minus(now.wall, pipeline::IN_MEMORY))?;
        let mut known = Vec::with_capacity(loaded.len());
        let mut judged = Vec::with_capacity(loaded.len());
        for (endpoint, loaded) in config.endpoints.iter().zip(loaded) {
            let (facts, state) = pipeline::resumed(Arc::new(endpoint.clone()), loaded, now);
            known.push(Arc::new(facts));
            judged.push(state);
        }
        let facts = Facts {
            site: Arc::new(config.site),
            components: config.components.into(),
            endpoints: known,
            notices: Arc::new(notices),
            storing: Storing::default(),
        };
        let site = facts.site.clone();
        let workers: Vec<Arc<Endpoint>> = facts.endpoints.iter().map(|it| it.endpoint.clone()).collect();
        let (facts, seen) = watch::channel(Arc::new(facts));

        let own = Arc::new(OwnHealth::new(clock.clone()));
        let prober = Prober::new(outbound, own.clone(), clock.clone());
        let spine = Arc::new(Spine { prober, store: store.clone(), facts, clock: clock.clone() });
        let publisher = {
            let clock = clock.clone();
            Arc::new(
                Publisher::new(&site, seen.clone(), Arc::new(move || clock.now()))
                    .context("rendering the first bodies")?,
            )
        };

        // The first visitor after a restart reads what was known before it.
        let known = render::render(&seen.borrow(), now);
        publisher.publish(known.context("rendering the first page")?);

        let sample = match &config.sample {
            Some(wanted) => Some(start_sample(wanted, &clock, &stop, &tasks).await?),
            None => None,
        };
        let mut bells = Vec::with_capacity(workers.len());
        let mut entries = Vec::with_capacity(workers.len());
        for (index, (endpoint, state)) in workers.into_iter().zip(judged).enumerate() {
            let bell = Arc::new(Bell::new());
            bells.push(bell.clone());
            entries.push(Entry { endpoint: endpoint.clone(), bell: bell.clone() });
            let worker = Worker::new(spine.clone(), (index, endpoint), bell, state);
            tasks.spawn(watch_over(Arc::new(worker), stop.clone(), tasks.clone()));
        }
        if ringing == Ringing::OnSchedule {
            let ring = schedule::ring(entries, clock.clone(), own.stepped(), stop.clone());
            tasks.spawn(must_live("the schedule", ring, stop.clone(), failed.clone()));
        }
        tasks.spawn(must_live("the watchdog", tick(own.clone(), stop.clone()), stop.clone(), failed.clone()));
        let keeping = keep::keep(publisher.clone(), seen, clock.clone(), stop.clone());
        tasks.spawn(must_live("the renderer", keeping, stop.clone(), failed.clone()));
        tasks.spawn(follow_storing(spine.clone(), store.storing(), stop.clone()));
        let door = door(&config.server, publisher.clone())?;
        if let Some(tls) = &door.tls {
            tasks.spawn(tls.clone().keep_fresh(stop.clone()));
        }
        let serving = serve::serve(listener, door, cap, stop.clone(), tasks.clone());
        tasks.spawn(must_live("the server", serving, stop.clone(), failed.clone()));
        let keeper =
            Housekeeper { store: store.clone(), keep_results: config.store.keep_results, clock, own };
        let scheduler = start_chores(keeper, &stop, &tasks).await?;
        Ok(Self { stop, failed, tasks, scheduler, store, writer, addr, sample, bells, spine, publisher })
    }

    /// Resolves when the daemon can no longer do its work.
    pub async fn failed(&self) {
        self.failed.cancelled().await;
    }

    /// Bells first, so that no work begins; then everything that was working;
    /// the writer last, so that what was seen is stored.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        let quieted = tokio::time::timeout(LAST_BELL, self.scheduler.shutdown()).await;
        self.stop.cancel();
        self.tasks.close();
        let drained = tokio::time::timeout(LAST_WORK, self.tasks.wait()).await;
        self.store.close();
        let writer = self.writer;
        let written = tokio::task::spawn_blocking(move || writer.join());
        tokio::time::timeout(LAST_COMMIT, written)
            .await
            .context("the store did not finish its last commit in time")?
            .context("waiting for the store")?
            .map_err(|_| anyhow::anyhow!("the store's thread panicked; see the log above"))?;
        let left = self.store.left_behind();
        anyhow::ensure!(left == 0, "{left} results could not be stored; see the log above");
        // From here on nothing is lost any more, so what was slow is only told.
        if drained.is_err() {
            tracing::warn!("Some work did not finish in time and was dropped");
        }
        if !matches!(quieted, Ok(Ok(()))) {
            tracing::warn!("The chores' scheduler did not end well: {quieted:?}");
        }
        Ok(())
    }
}

/// What stands behind the page's listener.
fn door(server: &crate::config::Server, publisher: Arc<Publisher>) -> anyhow::Result<serve::Door> {
    let tls = server.tls.as_ref().map(|it| {
        Tls::new(tls::Files { certificate: it.certificate.clone(), key: it.key.clone() }).map(Arc::new)
    });
    Ok(serve::Door {
        router: publisher.router(),
        hosts: server.public_url.as_ref().map(|it| Hosts::new(it, server.listen)),
        proxies: TrustedProxies::new(server.trusted_proxies.clone()),
        tls: tls.transpose()?,
    })
}

fn listen(addr: SocketAddr, what: &'static str, key: &'static str) -> Result<TcpListener, StartError> {
    let bound = || {
        let socket = if addr.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        // So that a restart need not wait for the last run's connections.
        socket.set_reuseaddr(true)?;
        socket.bind(addr)?;
        socket.listen(BACKLOG)
    };
    bound().map_err(|why| StartError::Listen { what, key, addr, why })
}

/// Runs a worker; one that panics is told loudly and only it starts again.
async fn watch_over(worker: Arc<Worker>, stop: CancellationToken, tasks: TaskTracker) {
    loop {
        let (running, stopping) = (worker.clone(), stop.clone());
        let ended = tasks.spawn(async move { running.run(&stopping).await }).await;
        let Err(panic) = ended else { return };
        tracing::error!("The worker of `{}` died and is started again: {panic}", worker.endpoint.id);
        worker.bell.done();
        tokio::time::sleep(AFTER_A_PANIC).await;
    }
}

/// A daemon that has quietly stopped looking is worse than none: when `work`
/// ends before it was asked to, or panics, everything ends.
async fn must_live(
    name: &'static str,
    work: impl Future<Output = ()>,
    stop: CancellationToken,
    failed: CancellationToken,
) {
    let guard = failed.drop_guard();
    work.await;
    if stop.is_cancelled() {
        guard.disarm();
    } else {
        tracing::error!("{name} ended by itself");
    }
}

async fn tick(own: Arc<OwnHealth>, stop: CancellationToken) {
    let mut interval = tokio::time::interval(TICK);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            _ = interval.tick() => own.tick(),
        }
    }
}

async fn start_sample(
    wanted: &crate::config::Sample,
    clock: &Arc<dyn Clock>,
    stop: &CancellationToken,
    tasks: &TaskTracker,
) -> Result<SampleAddrs, StartError> {
    let clock = clock.clone();
    let bound = SampleWallet::bind(wanted.listen, wanted.control, Arc::new(move || clock.now().wall)).await;
    let wallet = bound.map_err(|refused| {
        let (what, key) = match refused.door {
            FrontDoor::Wallet => ("the sample wallet", "sample.listen"),
            FrontDoor::Control => ("the page that breaks the sample wallet", "sample.control"),
        };
        StartError::Listen { what, key, addr: refused.addr, why: refused.why }
    })?;
    let addrs = SampleAddrs { wallet: wallet.local_addr(), control: wallet.control_addr() };
    tasks.spawn(wallet.serve(stop.clone(), tasks.clone()));
    Ok(addrs)
}

/// What the chores need.
struct Housekeeper {
    store: Store,
    keep_results: Duration,
    clock: Arc<dyn Clock>,
    own: Arc<OwnHealth>,
}

async fn start_chores(
    keeper: Housekeeper,
    stop: &CancellationToken,
    tasks: &TaskTracker,
) -> anyhow::Result<chores::Scheduler> {
    let keeper = Arc::new(keeper);
    let chores =
        [chores::PRUNE, chores::CHECKPOINT, chores::OPTIMISE].map(|chore| (chore, Arc::new(Bell::new())));
    for (chore, bell) in chores.clone() {
        let (keeper, stop) = (keeper.clone(), stop.clone());
        tasks.spawn(async move {
            while chores::turn(&chore, &bell, &stop).await {
                if let Err(error) = keeper.do_chore(chore).await {
                    tracing::warn!(
                        "The chore `{}` failed and is tried again at its next turn: {error}",
                        chore.name
                    );
                }
                bell.done();
            }
        });
    }
    chores::start(&chores).await.context("starting the chores")
}

impl Housekeeper {
    async fn do_chore(&self, chore: chores::Chore) -> Result<(), store::StoreError> {
        if chore == chores::CHECKPOINT {
            return self.store.checkpoint().await;
        }
        if chore == chores::OPTIMISE {
            return self.store.optimise().await;
        }
        if self.own.doubts_the_clock() {
            tracing::info!("Nothing is pruned while the clock is in doubt");
            return Ok(());
        }
        let pruned = self.store.prune(self.clock.now().wall, self.keep_results).await?;
        if pruned > 0 {
            tracing::info!("Pruned {pruned} old rows");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_helps_depends_on_why_the_system_refused_and_is_said_once() {
        let said = |kind: ErrorKind| {
            let addr = SocketAddr::from(([127, 0, 0, 1], 80));
            let why = std::io::Error::new(kind, "the reason");
            let error = StartError::Listen { what: "the page", key: "server.listen", addr, why };
            format!("{:#}", anyhow::Error::from(error))
        };
        for kind in [
            ErrorKind::AddrInUse,
            ErrorKind::AddrNotAvailable,
            ErrorKind::PermissionDenied,
            ErrorKind::OutOfMemory,
        ] {
            let said = said(kind);
            assert_eq!(said.contains("another program"), kind == ErrorKind::AddrInUse, "{said}");
            assert_eq!(said.matches("the reason").count(), 1, "{said}");
            assert!(said.contains("`server.listen`") && said.contains("127.0.0.1:80"), "{said}");
        }
    }
}
