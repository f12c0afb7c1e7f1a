//! The daemon's way of a knock, whole but for its ends: schedule, bells, workers,
//! the prober, judge and store in one thread on virtual time, against pages in memory.
//!
//! The prober is the shipped one: its HTTP client, the handshake and its trust
//! check, deadlines, phases, assertions, classes, own health. What is not on the
//! way: names are not looked up, and a connection is made to a Unix socket of
//! this process where a real one dials TCP. The writer's thread is a task.

use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use porchlight::app::Crew;
use porchlight::clock::Clock;
use porchlight::domain::endpoint::Endpoint;
use porchlight::domain::facts::{Facts, Storing};
use porchlight::domain::flow::Depth;
use porchlight::domain::moment::Moment;
use porchlight::pipeline::{self, Knock, Spine, follow_storing};
use porchlight::probe::own::OwnHealth;
use porchlight::probe::{Outbound, Probed, Prober};
use porchlight::schedule;
use porchlight::store::{self, SimulatedWriter, Store};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::doors::{self, Outage, Pages, Seen};
use crate::still::Still;
use crate::{config, world};

/// As the store has it.
const PACE: Duration = Duration::from_millis(20);

/// What is to be lived through.
pub struct Stay {
    pub seed: u64,
    /// The n-th knocks at the page `/login/n`.
    pub endpoints: Vec<Endpoint>,
    pub outages: Vec<Vec<Outage>>,
    pub length: Duration,
    /// An answer comes within so many milliseconds.
    pub latest: u64,
}

/// What came of it.
pub struct Lived {
    pub seen: Vec<Seen>,
    /// Bells answered, and rings that nobody could answer.
    pub rounds: u64,
    pub dropped: u64,
    /// Results the prober gave.
    pub knocks: u64,
    /// Knocks at a door where another was under way.
    pub beside: u64,
    pub took: Duration,
}

struct DayClock(Instant);

impl Clock for DayClock {
    fn now(&self) -> Moment {
        let since = self.0.elapsed();
        let wall = world::EPOCH_MS + i64::try_from(since.as_millis()).unwrap();
        Moment { wall: Timestamp::from_millisecond(wall).unwrap(), mono: since + Duration::from_secs(1) }
    }
}

/// The real prober, once for each socket.
struct Knocking {
    plain: Prober,
    tls: Prober,
    still: Arc<Still>,
    knocks: AtomicU64,
    beside: AtomicU64,
}

struct Shared(Arc<Knocking>);

impl Knock for Shared {
    fn probe<'a>(
        &'a self,
        endpoint: &'a Endpoint,
        depth: Depth,
        fresh_for: Duration,
    ) -> Pin<Box<dyn Future<Output = Probed> + Send + 'a>> {
        Box::pin(async move {
            let url = &endpoint.flow().unwrap().first.request.url;
            let door = url.path().trim_start_matches("/login/").parse().unwrap();
            let it = &self.0;
            let prober = if url.scheme() == "https" { &it.tls } else { &it.plain };
            let (moving, alone) = it.still.knock(door);
            let probed = prober.probe(endpoint, depth, fresh_for).await;
            drop(moving);
            it.knocks.fetch_add(1, Ordering::Relaxed);
            it.beside.fetch_add(u64::from(!alone), Ordering::Relaxed);
            probed
        })
    }
}

/// Lives it to its end, with the database in `dir`.
pub fn live(stay: Stay, dir: &Path) -> Lived {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(lives(stay, dir))
}

async fn lives(stay: Stay, dir: &Path) -> Lived {
    #[expect(clippy::disallowed_methods, reason = "how long it takes us in the real world")]
    let really = std::time::Instant::now();
    let Stay { seed, endpoints, outages, length, latest } = stay;
    let began = Instant::now();
    let still = Still::new(endpoints.len());
    tokio::spawn(still.clone().hold());
    let pages = Pages::new(still.clone(), outages, latest, seed);
    let (acceptor, verifier) = doors::tls();
    let sockets = [dir.join("plain"), dir.join("tls")];
    pages.serve(&sockets[0], None);
    pages.serve(&sockets[1], Some(acceptor));

    let clock: Arc<dyn Clock> = Arc::new(DayClock(began));
    let own = Arc::new(OwnHealth::new(clock.clone()));
    let [plain, tls] = sockets.map(|socket| {
        let outbound = Outbound::trusting(verifier.clone()).through(socket);
        Prober::new(outbound, own.clone(), clock.clone(), Arc::default())
    });
    let knocking = Arc::new(Knocking { plain, tls, still, knocks: 0.into(), beside: 0.into() });

    let (stop, rings, tasks) = (CancellationToken::new(), CancellationToken::new(), TaskTracker::new());
    let options = store::Options { dir: dir.to_owned(), backlog: store::BACKLOG };
    let (store, writer) = Store::open(&options).unwrap();
    let writing = tokio::spawn(SimulatedWriter::new(writer).run(PACE));
    let (known, now) = (endpoints.clone(), clock.now());
    let synced = store.transact(move |tx| {
        store::sync_endpoints(tx, &known, now.wall)?;
        store::sync_components(tx, &config::components(), now.wall)
    });
    synced.await.unwrap();
    let loaded = store.load(&endpoints, now.wall).unwrap();
    let (mut facts, mut judged) = (Vec::new(), Vec::new());
    for (endpoint, loaded) in endpoints.into_iter().zip(loaded) {
        let (known, state) = pipeline::resumed(Arc::new(endpoint), loaded, now);
        judged.push((known.endpoint.clone(), state));
        facts.push(Arc::new(known));
    }
    let facts = Facts {
        site: Arc::new(config::site()),
        components: config::components().into(),
        endpoints: facts,
        notices: Arc::default(),
        storing: Storing::default(),
        lost: Arc::from([]),
    };
    let spine = Arc::new(Spine {
        prober: Box::new(Shared(knocking.clone())),
        store: store.clone(),
        facts: watch::channel(Arc::new(facts)).0,
        clock: clock.clone(),
        meters: Default::default(),
        notes: Arc::new(porchlight::notes::Notes::new(clock.clone())),
    });
    let crew = Crew::new(spine.clone(), stop.clone(), tasks.clone(), Handle::current());
    let entries: Vec<_> = judged.into_iter().map(|(endpoint, state)| crew.post(endpoint, state)).collect();
    let bells: Vec<_> = entries.iter().map(|entry| entry.bell.clone()).collect();
    let (_changes, changed) = mpsc::channel(schedule::CHANGES);
    tasks.spawn(schedule::ring(entries, changed, clock, own.stepped(), rings.clone()));
    let ticking = stop.clone();
    tasks.spawn(async move { own.ticking(ticking.cancelled()).await });
    tasks.spawn(follow_storing(spine.clone(), store.storing(), stop.clone()));

    sleep(length).await;
    // No more bells; who knocks still knocks to the end and stores what came.
    rings.cancel();
    while !bells.iter().all(|bell| bell.is_idle()) {
        sleep(PACE).await;
    }
    stop.cancel();
    tasks.close();
    tasks.wait().await;
    store.close();
    writing.await.unwrap();
    Lived {
        seen: pages.seen(),
        rounds: spine.meters.lateness.read().count(),
        dropped: bells.iter().map(|bell| bell.dropped()).sum(),
        knocks: knocking.knocks.load(Ordering::Relaxed),
        beside: knocking.beside.load(Ordering::Relaxed),
        took: really.elapsed(),
    }
}
