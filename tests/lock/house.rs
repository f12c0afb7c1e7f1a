//! The real rooms wired as `app` wires them, on virtual time, in one thread; requests
//! are answered in memory.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use porchlight::app::Crew;
use porchlight::clock::Clock;
use porchlight::domain::component::Component;
use porchlight::domain::endpoint::Endpoint;
use porchlight::domain::facts::{Facts, Site, Storing};
use porchlight::domain::moment::{Moment, minus};
use porchlight::domain::notice::{Maintenance, Notices};
use porchlight::domain::span::Health;
use porchlight::pipeline::logins::LoginBudget;
use porchlight::pipeline::{self, Spine};
use porchlight::probe::own::OwnHealth;
use porchlight::probe::{Outbound, Prober, Wire};
use porchlight::schedule;
use porchlight::store::{self, SimulatedWriter, Store};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// When virtual time began: a Sunday in summer.
const EPOCH_S: i64 = 1_784_462_400;
/// Between two commits; longer than in the store, which makes a day shorter.
const PACE: Duration = Duration::from_millis(500);

/// Virtual time, through any number of lives.
#[derive(Default)]
pub struct Time {
    base: Mutex<Duration>,
    began: Mutex<Option<Instant>>,
}

impl Time {
    pub fn since_start(&self) -> Duration {
        let began = *self.began.lock().unwrap();
        *self.base.lock().unwrap() + began.map_or(Duration::ZERO, |it| it.elapsed())
    }

    pub fn wall(&self) -> Timestamp {
        let since = SignedDuration::try_from(self.since_start()).unwrap();
        Timestamp::new(EPOCH_S, 0).unwrap() + since
    }

    /// Since the start, of a time on the wall.
    pub fn of(wall: Timestamp) -> Duration {
        Duration::try_from(wall.duration_since(Timestamp::new(EPOCH_S, 0).unwrap())).unwrap_or_default()
    }

    /// Another life begins, in a runtime of its own.
    fn begin(&self) {
        *self.began.lock().unwrap() = Some(Instant::now());
    }

    fn end(&self) {
        let now = self.since_start();
        *self.began.lock().unwrap() = None;
        *self.base.lock().unwrap() = now;
    }
}

impl Clock for Time {
    fn now(&self) -> Moment {
        Moment { wall: self.wall(), mono: self.since_start() }
    }
}

/// One life of the daemon.
pub struct House {
    time: Arc<Time>,
    pub crew: Crew,
    pub logins: Arc<LoginBudget>,
    spine: Arc<Spine>,
    store: Store,
    stop: CancellationToken,
    tasks: TaskTracker,
    writing: tokio::task::JoinHandle<()>,
}

impl House {
    pub async fn open(
        dir: &Path,
        time: &Arc<Time>,
        wire: Arc<dyn Wire>,
        (site, components, endpoints): (Site, Vec<Component>, &[Endpoint]),
    ) -> Self {
        time.begin();
        let clock: Arc<dyn Clock> = time.clone();
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let options = store::Options { dir: dir.to_owned(), backlog: 100_000 };
        let (store, writer) = Store::open(&options).unwrap();
        let writer = SimulatedWriter::new(writer);
        // What a power cut does is tested elsewhere; here a day must not take one.
        writer.stop_flushing();
        let writing = tokio::spawn(writer.run(PACE));
        let (now, known, its) = (clock.now(), endpoints.to_vec(), components.clone());
        store
            .transact(move |tx| {
                store::sync_endpoints(tx, &known, now.wall)?;
                store::sync_components(tx, &its, now.wall)
            })
            .await
            .unwrap();
        let loaded = store.load(endpoints, minus(now.wall, pipeline::IN_MEMORY)).unwrap();
        let resumed: Vec<_> = endpoints
            .iter()
            .zip(loaded)
            .map(|(endpoint, loaded)| pipeline::resumed(Arc::new(endpoint.clone()), loaded, now))
            .collect();
        let facts = Facts {
            site: Arc::new(site),
            components: components.into(),
            endpoints: resumed.iter().map(|it| Arc::new(it.0.clone())).collect(),
            notices: Arc::new(Notices::default()),
            storing: Storing::default(),
            lost: Arc::from([]),
        };
        let own = Arc::new(OwnHealth::new(clock.clone()));
        let notes = Arc::new(porchlight::notes::Notes::new(clock.clone()));
        let logins = LoginBudget::open(store.clone(), clock.clone(), notes.clone()).await.unwrap();
        let logins = Arc::new(logins);
        let prober = Prober::new(Outbound::answered_by(wire), own.clone(), clock.clone(), Arc::default());
        let prober = prober.guarded(logins.clone()).until(stop.clone());
        let spine = Arc::new(Spine {
            prober: Box::new(prober),
            store: store.clone(),
            facts: watch::channel(Arc::new(facts)).0,
            clock: clock.clone(),
            meters: Default::default(),
            notes,
        });
        let crew = Crew::new(spine.clone(), stop.clone(), tasks.clone(), Handle::current());
        let entries =
            resumed.iter().map(|(known, state)| crew.post(known.endpoint.clone(), *state)).collect();
        let (_changes, changed) = mpsc::channel(schedule::CHANGES);
        tasks.spawn(schedule::ring(entries, changed, clock, own.stepped(), stop.clone()));
        let ticking = stop.clone();
        tasks.spawn(async move { own.ticking(ticking.cancelled()).await });
        Self { time: time.clone(), crew, logins, spine, store, stop, tasks, writing }
    }

    /// As a reload has it.
    pub fn announce(&self, maintenances: Vec<Maintenance>) {
        let notices = Arc::new(Notices { maintenances, announcements: Vec::new() });
        self.spine.facts.send_modify(|it| *it = Arc::new(Facts { notices, ..Facts::clone(it) }));
    }

    /// What is told of an endpoint now.
    pub fn told(&self, id: &str) -> Health {
        let (facts, now) = (self.spine.facts.borrow().clone(), self.time.now());
        facts.endpoints.iter().find(|it| it.endpoint.id.as_str() == id).unwrap().told(now)
    }

    /// Nothing is finished; the runtime must be dropped next.
    pub fn crash(self) {
        self.time.end();
    }

    pub async fn close(self) {
        self.stop.cancel();
        self.tasks.close();
        timeout(Duration::from_secs(10), self.tasks.wait()).await.unwrap();
        self.store.close();
        timeout(Duration::from_secs(10), self.writing).await.unwrap().unwrap();
        self.time.end();
    }
}

/// A runtime of its own for a life, with time that passes when nobody works.
pub fn live<T>(life: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.unwrap().block_on(life)
}
