//! One life of the daemon, from start to stop or crash: the real rooms wired
//! as `app` wires them, on virtual time and in one thread.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use porchlight::app::Crew;
use porchlight::clock::Clock;
use porchlight::domain::endpoint::{Cadence, Endpoint};
use porchlight::domain::facts::{Facts, Storing};
use porchlight::domain::judge::JudgeState;
use porchlight::domain::moment::{minus, plus};
use porchlight::domain::notice::Notices;
use porchlight::pipeline::{self, Spine, Until, Worker, follow_storing};
use porchlight::probe::own::OwnHealth;
use porchlight::schedule::bell::Bell;
use porchlight::schedule::cadence::phase;
use porchlight::schedule::{self, Entry};
use porchlight::store::{self, Sabotage, SimulatedWriter, Store};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::bugs::Bug;
use crate::check::{self, Audit};
use crate::config;
use crate::plan::{Event, LENGTH, Mode};
use crate::world::{Doors, Life, World, WorldClock};

/// As `app` has them.
const LAST_WORK: Duration = Duration::from_secs(3);
const LAST_COMMIT: Duration = Duration::from_millis(1500);
/// As the store has them.
const PACE: Duration = Duration::from_millis(20);
const RETRY: Duration = Duration::from_secs(1);
/// Fewer than in `app`, for speed; a stall is a gap of more than half a second.
const TICK: Duration = Duration::from_millis(400);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Crash,
    PowerCut,
    Reload,
    Over,
}

/// Lives on from event number `next`; says how it ended and whether the disk
/// held everything that was committed.
pub async fn live(world: Arc<World>, dir: &Path, next: &mut usize) -> (End, bool) {
    world.lock().began = Some(Instant::now());
    let clock: Arc<dyn Clock> = Arc::new(WorldClock(world.clone()));
    let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
    let options = store::Options { dir: dir.to_owned(), backlog: world.plan.backlog };
    let (store, writer) = Store::open(&options).unwrap();
    check::plant(&world, dir);
    let writer = SimulatedWriter::new(writer);
    if world.has(Bug::SkipFlush) {
        writer.stop_flushing();
    }
    let flushes = writer.flushes();
    let idle = Arc::new(AtomicBool::new(false));
    world.lock().mode = Mode::Works;
    let writing = tasks_of_their_own().spawn(write(world.clone(), writer, idle.clone()));

    let now = clock.now();
    let file = world.lock().config.clone();
    let endpoints = file.endpoints(&world.plan);
    let known: Vec<Endpoint> = endpoints.iter().cloned().map(|it| bugged_name(&world, it)).collect();
    let wanted = file.notices(now.wall);
    let (synced, wanted_again) = (known.clone(), wanted.clone());
    let synced = store.transact(move |tx| {
        store::sync_endpoints(tx, &synced, now.wall)?;
        store::sync_components(tx, &config::components(), now.wall)?;
        store::sync_notices(tx, &wanted_again, now.wall)
    });
    let (notices, _) = synced.await.unwrap();
    {
        let mut world = world.lock();
        let at = now.wall.as_millisecond();
        crate::model::load(&mut world.record, &file.windows, at);
    }
    let notices = bugged_notices(&world, notices, wanted);
    let loaded = store.load(&known, minus(now.wall, pipeline::IN_MEMORY)).unwrap();
    let (mut facts, mut judged) = (Vec::new(), Vec::new());
    for (endpoint, loaded) in endpoints.iter().zip(loaded) {
        let (known, mut state) = pipeline::resumed(Arc::new(endpoint.clone()), loaded, now);
        if world.has(Bug::RestartForgetsOutage) {
            state = JudgeState::new();
        }
        facts.push(Arc::new(known));
        judged.push(state);
    }
    let facts = Facts {
        site: Arc::new(config::site()),
        components: config::components().into(),
        endpoints: facts,
        notices: Arc::new(notices),
        storing: Storing::default(),
        lost: Arc::from([]),
    };
    let (facts, seen) = watch::channel(Arc::new(facts));
    let own = Arc::new(OwnHealth::new(clock.clone()));
    let by_id = file.entries.iter().map(|it| (it.name().to_owned(), it.door)).collect();
    let doors = Doors { world: world.clone(), own: own.clone(), by_id, again: Default::default() };
    let bells = Bells::default();
    if world.has(Bug::ConfirmForever) {
        let _ = doors.again.set(again(&bells, &tasks));
    }
    let spine = Spine {
        prober: Box::new(doors),
        store: store.clone(),
        facts,
        clock: clock.clone(),
        meters: Default::default(),
        notes: Arc::new(porchlight::notes::Notes::new(clock.clone())),
    };
    let spine = Arc::new(spine);
    let crew = Crew::new(spine.clone(), stop.clone(), tasks.clone(), Handle::current());
    let mut entries = Vec::new();
    for (index, endpoint) in endpoints.iter().enumerate() {
        let (endpoint, state) = (bugged_threshold(&world, endpoint), judged[index]);
        if world.has(Bug::Overlap) {
            let second = unwatched(&spine, endpoint.clone(), state, &tasks, &stop);
            by_the_wall(vec![second], &clock, &tasks, &stop);
        }
        if world.has(Bug::PoisonSpreads) {
            entries.push(unwatched(&spine, endpoint.clone(), state, &tasks, &stop));
        }
        if !world.has(Bug::PoisonSpreads) {
            entries.push(crew.post(endpoint, state));
        }
    }
    for entry in &entries {
        let _ = bells.lock().unwrap().insert(entry.endpoint.id.to_string(), entry.bell.clone());
    }
    {
        let mut world = world.lock();
        let doors = file.entries.iter().filter(|it| it.present).map(|it| (it.door, it.every)).collect();
        let from = world.time();
        world.lives.push(Life { from, to: LENGTH, doors });
    }
    let (_changes, changed) = mpsc::channel(schedule::CHANGES);
    match world.bug {
        Some(Bug::BurstTicks) => burst(entries, &tasks, &stop),
        Some(Bug::WallClockSchedule) => by_the_wall(entries, &clock, &tasks, &stop),
        _ => {
            let ring = schedule::ring(entries, changed, clock.clone(), own.stepped(), stop.clone());
            tasks.spawn(ring);
        }
    }
    tasks.spawn(tick(own, stop.clone()));
    tasks.spawn(follow_storing(spine.clone(), store.storing(), stop.clone()));

    let mut audit = Audit::new();
    let end = events(&world, &store, &seen, next, (dir, &idle, &mut audit)).await;
    {
        let uncounted = world.has(Bug::LostUncounted);
        let mut world = world.lock();
        let lost = store.lost();
        world.has_lost |= lost > 0;
        world.lost += if uncounted { 0 } else { lost };
        let to = world.time();
        if let Some(life) = world.lives.last_mut() {
            life.to = to;
        }
    }
    if matches!(end, End::Reload | End::Over) {
        stop.cancel();
        tasks.close();
        let _ = timeout(LAST_WORK, tasks.wait()).await;
        store.sabotage(Sabotage::None);
        store.close();
        let _ = timeout(LAST_COMMIT, writing).await;
    }
    let mut inner = world.lock();
    let now = inner.time();
    inner.base = now;
    inner.began = None;
    drop(inner);
    (end, flushes)
}

/// What `app` gives a thread of its own.
fn tasks_of_their_own() -> TaskTracker {
    TaskTracker::new()
}

type Eyes<'a> = (&'a Path, &'a AtomicBool, &'a mut Audit);

async fn events(
    world: &Arc<World>,
    store: &Store,
    seen: &watch::Receiver<Arc<Facts>>,
    next: &mut usize,
    (dir, idle, audit): Eyes<'_>,
) -> End {
    let (began, base) = {
        let world = world.lock();
        (world.began.unwrap(), world.base)
    };
    while let Some(&(at, event)) = world.plan.events.get(*next) {
        sleep_until(began + at.saturating_sub(base)).await;
        *next += 1;
        world.note(|| format!("{event:?}"));
        match event {
            Event::Read => {
                let facts = seen.borrow().clone();
                check::read(world, store, &facts);
                if idle.load(Ordering::Relaxed) {
                    check::at_rest(world, store, &facts, dir, audit);
                }
            }
            Event::Stall(length) => {
                let from = world.time();
                tokio::time::advance(length).await;
                world.lock().stalls.push((from, from + length));
            }
            Event::Step(by) => {
                let mut world = world.lock();
                let now = world.time();
                let offset = world.offsets.last().unwrap().1 + by;
                world.offsets.push((now, offset));
            }
            Event::Store(mode) => {
                world.lock().mode = mode;
                store.sabotage(if mode == Mode::Fails { Sabotage::FailCommits } else { Sabotage::None });
            }
            Event::Crash | Event::PowerCut => {
                // What was shown a moment ago must still be true after it.
                check::read(world, store, &seen.borrow().clone());
                return if event == Event::Crash { End::Crash } else { End::PowerCut };
            }
            Event::Reload => {
                let mut inner = world.lock();
                let now = inner.moment().wall.as_millisecond();
                let (mut file, mut chance) = (inner.config.clone(), inner.file.clone());
                let said = file.edit(&mut chance, &world.plan.faults, now);
                inner.note(said);
                (inner.config, inner.file) = (file, chance);
                return End::Reload;
            }
        }
        if world.violated() {
            return End::Over;
        }
    }
    End::Over
}

/// `Writer::run`, with its waiting done on virtual time.
async fn write(world: Arc<World>, mut writer: SimulatedWriter, idle: Arc<AtomicBool>) {
    loop {
        while !writer.take_in() {
            if writer.is_closing() {
                writer.end();
                return;
            }
            idle.store(true, Ordering::Relaxed);
            writer.wait().await;
        }
        idle.store(false, Ordering::Relaxed);
        if world.has(Bug::TellBeforeCommit) {
            writer.answer_early();
        }
        while world.lock().mode == Mode::Hangs {
            sleep(PACE).await;
        }
        let takes = {
            let mut world = world.lock();
            let mode = world.mode;
            match mode {
                Mode::Slow => world.disk.ms(50, 9_000),
                _ => world.disk.ms(0, 15),
            }
        };
        sleep(takes).await;
        if writer.settle() {
            sleep(PACE).await;
        } else {
            if writer.is_closing() {
                writer.end();
                return;
            }
            sleep(RETRY).await;
        }
    }
}

type Bells = Arc<Mutex<HashMap<String, Arc<Bell>>>>;

/// A worker beside the crew, which nobody starts again.
fn unwatched(
    spine: &Arc<Spine>,
    endpoint: Arc<Endpoint>,
    state: JudgeState,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> Entry {
    let bell = Arc::new(Bell::new());
    let worker = Worker::new(spine.clone(), endpoint.clone(), bell.clone(), state);
    let until = Until { stop: stop.clone(), leave: CancellationToken::new() };
    tasks.spawn(async move { worker.run(&until).await });
    Entry { endpoint, bell }
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

fn bugged_name(world: &World, mut endpoint: Endpoint) -> Endpoint {
    if world.has(Bug::RenameLosesHistory) {
        endpoint.was.clear();
    }
    endpoint
}

fn bugged_notices(world: &World, mut recorded: Notices, file: Notices) -> Notices {
    match world.bug {
        Some(Bug::FileIsTold) => file,
        Some(Bug::MaintenanceNeverEnds) => {
            for it in &mut recorded.maintenances {
                it.ends_at = plus(it.ends_at, Duration::from_secs(86_400 * 365));
                it.ended_at = None;
            }
            recorded
        }
        _ => recorded,
    }
}

fn bugged_threshold(world: &World, endpoint: &Endpoint) -> Arc<Endpoint> {
    let mut endpoint = endpoint.clone();
    if world.has(Bug::ThresholdOffByOne) {
        endpoint.thresholds.failure = endpoint.thresholds.failure.saturating_sub(1).max(1);
    }
    Arc::new(endpoint)
}

fn again(bells: &Bells, tasks: &TaskTracker) -> Box<dyn Fn(&str) + Send + Sync> {
    let (bells, tasks) = (bells.clone(), tasks.clone());
    Box::new(move |id| {
        let Some(bell) = bells.lock().unwrap().get(id).cloned() else { return };
        tasks.spawn(async move {
            sleep(Duration::from_secs(3)).await;
            bell.ring();
        });
    })
}

fn burst(entries: Vec<Entry>, tasks: &TaskTracker, stop: &CancellationToken) {
    for Entry { endpoint, bell } in entries {
        let Cadence::Every(every) = endpoint.cadence else { continue };
        let mut due = Instant::now() + phase(&endpoint.id, every.min(Duration::from_secs(5)));
        let ringing = async move {
            loop {
                sleep_until(due).await;
                while !bell.ring() {
                    sleep(Duration::from_millis(100)).await;
                }
                due += every;
            }
        };
        let stop = stop.clone();
        tasks.spawn(async move { stop.run_until_cancelled(ringing).await });
    }
}

fn by_the_wall(entries: Vec<Entry>, clock: &Arc<dyn Clock>, tasks: &TaskTracker, stop: &CancellationToken) {
    for Entry { endpoint, bell } in entries {
        let Cadence::Every(every) = endpoint.cadence else { continue };
        let (clock, stop) = (clock.clone(), stop.clone());
        let ringing = async move {
            let mut due = plus(clock.now().wall, phase(&endpoint.id, every.min(Duration::from_secs(5))));
            loop {
                while clock.now().wall < due {
                    sleep(Duration::from_millis(500)).await;
                }
                bell.ring();
                due = plus(due, every);
            }
        };
        tasks.spawn(async move { stop.run_until_cancelled(ringing).await });
    }
}
