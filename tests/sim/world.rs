//! The world outside: its time, its doors, and all that really happened.

use std::collections::{HashMap, HashSet, VecDeque};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use porchlight::clock::Clock;
use porchlight::domain::endpoint::{Cadence, Endpoint};
use porchlight::domain::flow::Depth;
use porchlight::domain::judge::says;
use porchlight::domain::moment::Moment;
use porchlight::domain::outcome::{DegradedReason, FailureClass, Outcome, UnknownReason};
use porchlight::domain::probe::ProbeResult;
use porchlight::pipeline::Knock;
use porchlight::probe::Probed;
use porchlight::probe::own::OwnHealth;
use tokio::time::Instant;

use crate::bugs::Bug;
use crate::chance::Chance;
use crate::config::Config;
use crate::model::{Fold, Heard, Window};
use crate::plan::{Door, Fault, Mode, Plan, Real};

/// When virtual time began: a Sunday in summer.
pub const EPOCH_MS: i64 = 1_784_462_400_000;
/// The last lines of the trace, for whoever has to understand a failure.
const TAIL: usize = 60;
/// Whether every line is printed, for a single seed.
pub static TRACE: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);
/// What a poisoned probe says as it dies, so that the panic hook can be quiet about it.
pub const POISON: &str = "a poisoned probe";

/// One knock as the door saw it.
#[derive(Debug, Clone)]
pub struct Knocked {
    pub door: usize,
    pub life: usize,
    pub began: Duration,
    pub ended: Duration,
    /// Whether the rules want it confirmed.
    pub confirm: bool,
}

/// One answer that the worker was given.
#[derive(Debug, Clone)]
pub struct Answered {
    pub door: usize,
    pub at: Moment,
    pub life: usize,
    pub total: Duration,
    /// What is true.
    pub outcome: Outcome,
    pub fresh_for: Duration,
}

impl Answered {
    pub fn heard(&self) -> Heard {
        let (wall, mono) = (self.at.wall.as_millisecond(), self.at.mono);
        let says = says(self.outcome).map(|health| health.code());
        Heard { wall, mono, life: self.life, fresh_for: self.fresh_for, says }
    }
}

/// From one start to its end, and who was to be knocked at how often.
#[derive(Debug, Clone)]
pub struct Life {
    pub from: Duration,
    pub to: Duration,
    pub doors: Vec<(usize, Duration)>,
}

pub struct Inner {
    /// World time at which this life began.
    pub base: Duration,
    pub began: Option<Instant>,
    pub life: usize,
    pub lives: Vec<Life>,
    /// Wall minus world time, in milliseconds, from when on.
    pub offsets: Vec<(Duration, i64)>,
    pub stalls: Vec<(Duration, Duration)>,
    pub mode: Mode,
    pub config: Config,
    pub record: Vec<Window>,
    pub knocks: Vec<Knocked>,
    pub in_flight: Vec<u32>,
    pub answers: Vec<Answered>,
    /// The rules applied to all answers of this life, on what was stored before it.
    pub live: Vec<Fold>,
    /// Shown while storing worked: door and wall time.
    pub told: HashSet<(usize, i64)>,
    /// Results lost for want of room, as the store counted them.
    pub lost: u64,
    pub has_lost: bool,
    latency: Vec<Chance>,
    pub file: Chance,
    pub disk: Chance,
    pub hash: u64,
    pub tail: VecDeque<String>,
    pub violation: Option<String>,
}

/// Shared by everything in one run of one seed.
pub struct World {
    pub plan: Plan,
    pub bug: Option<Bug>,
    inner: Mutex<Inner>,
}

impl World {
    pub fn new(plan: Plan, bug: Option<Bug>) -> Self {
        let seed = plan.seed;
        let doors = plan.doors.len();
        let inner = Inner {
            base: Duration::ZERO,
            began: None,
            life: 0,
            lives: Vec::new(),
            offsets: vec![(Duration::ZERO, EPOCH_MS)],
            stalls: Vec::new(),
            mode: Mode::Works,
            config: Config::new(&plan),
            record: Vec::new(),
            knocks: Vec::new(),
            in_flight: vec![0; doors],
            answers: Vec::new(),
            live: vec![Fold::default(); doors],
            told: HashSet::new(),
            lost: 0,
            has_lost: false,
            latency: (0..doors).map(|door| Chance::of(seed, &format!("latency {door}"))).collect(),
            file: Chance::of(seed, "file"),
            disk: Chance::of(seed, "disk"),
            hash: 0xcbf2_9ce4_8422_2325,
            tail: VecDeque::with_capacity(TAIL),
            violation: None,
        };
        Self { plan, bug, inner: Mutex::new(inner) }
    }

    pub fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    pub fn time(&self) -> Duration {
        self.lock().time()
    }

    pub fn moment(&self) -> Moment {
        let mut moment = self.lock().moment();
        if self.has(Bug::FreshByWallClock) {
            let since = moment.wall.as_millisecond() - EPOCH_MS;
            moment.mono = Duration::from_millis(u64::try_from(since).unwrap_or_default());
        }
        moment
    }

    pub fn note(&self, line: impl FnOnce() -> String) {
        let line = line();
        self.lock().note(line);
    }

    /// A named invariant does not hold; the first one counts.
    pub fn check(&self, holds: bool, invariant: &str, what: impl FnOnce() -> String) {
        if !holds {
            let what = what();
            self.lock().violate(invariant, &what);
        }
    }

    pub fn violated(&self) -> bool {
        self.lock().violation.is_some()
    }
}

impl Inner {
    pub fn time(&self) -> Duration {
        self.base + self.began.map_or(Duration::ZERO, |began| Instant::now() - began)
    }

    pub fn wall_at(&self, time: Duration) -> i64 {
        let offset = self.offsets.iter().rev().find(|(from, _)| *from <= time).map_or(0, |it| it.1);
        offset + i64::try_from(time.as_millis()).unwrap()
    }

    pub fn moment(&self) -> Moment {
        let time = self.time();
        let wall = Timestamp::from_millisecond(self.wall_at(time)).unwrap();
        Moment { wall, mono: time - self.base }
    }

    pub fn note(&mut self, line: String) {
        let line = format!("{:>9} {line}", self.time().as_millis());
        for byte in line.bytes() {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        if self.tail.len() == TAIL {
            self.tail.pop_front();
        }
        if TRACE.load(std::sync::atomic::Ordering::Relaxed) {
            eprintln!("{line}");
        }
        self.tail.push_back(line);
    }

    pub fn violate(&mut self, invariant: &str, what: &str) {
        if self.violation.is_none() {
            let at = self.time();
            let tail: Vec<String> = self.tail.iter().cloned().collect();
            self.violation = Some(format!(
                "invariant {invariant} at virtual time {at:?}: {what}\n  {}",
                tail.join("\n  ")
            ));
        }
    }

    /// How much of a stretch nothing of us ran in.
    pub fn stalled(&self, from: Duration, to: Duration) -> Duration {
        let shared = |&(began, ended): &(Duration, Duration)| ended.min(to).saturating_sub(began.max(from));
        self.stalls.iter().map(shared).sum()
    }
}

pub struct WorldClock(pub Arc<World>);

impl Clock for WorldClock {
    fn now(&self) -> Moment {
        self.0.moment()
    }
}

type Again = Box<dyn Fn(&str) + Send + Sync>;

/// What the spine knocks with.
pub struct Doors {
    pub world: Arc<World>,
    pub own: Arc<OwnHealth>,
    /// By id; fixed for a life.
    pub by_id: HashMap<String, usize>,
    /// Rung by a bug after a failure.
    pub again: OnceLock<Again>,
}

/// While a knock is under way; ends with it however it ends.
struct UnderWay<'a>(&'a Doors, usize, usize);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let mut world = self.0.world.lock();
        world.in_flight[self.1] -= 1;
        // A crash drops this outside of virtual time.
        if world.began.is_some() {
            world.knocks[self.2].ended = world.time();
        }
    }
}

impl Knock for Doors {
    fn probe<'a>(
        &'a self,
        endpoint: &'a Endpoint,
        _depth: Depth,
        fresh_for: Duration,
    ) -> Pin<Box<dyn Future<Output = Probed> + Send + 'a>> {
        Box::pin(self.knock(endpoint, fresh_for))
    }
}

impl Doors {
    async fn knock(&self, endpoint: &Endpoint, fresh_for: Duration) -> Probed {
        let index = self.by_id[endpoint.id.as_str()];
        let (at, really) = (self.world.moment(), self.world.lock().moment());
        let began = Instant::now();
        let door = &self.world.plan.doors[index];
        let (way, real, latency, dies) = {
            let mut world = self.world.lock();
            let time = world.time();
            world.in_flight[index] += 1;
            let in_flight = world.in_flight[index];
            if in_flight > 1 {
                world.violate("I3", &format!("{in_flight} knocks at door {index} at once"));
            }
            let number = world.knocks.len();
            let life = world.life;
            world.knocks.push(Knocked { door: index, life, began: time, ended: time, confirm: false });
            let real = door.at(time);
            let calm = crate::plan::LENGTH - crate::plan::CALM <= time;
            let chance = &mut world.latency[index];
            let latency =
                latency(real, door, chance, |fault| !calm && self.world.plan.faults.contains(&fault));
            let dies = door.poisoned && !calm && chance.one_in(3);
            (UnderWay(self, index, number), real, latency, dies)
        };
        let answer = tokio::time::sleep_until(began + latency);
        let in_time = tokio::time::timeout_at(began + endpoint.deadline, answer).await.is_ok();
        if dies {
            self.world.note(|| format!("knock {index} panics"));
            std::panic::panic_any(POISON);
        }
        let total = began.elapsed();
        let failure = |class| Outcome::Failure(class);
        let mut outcome = match (real, in_time) {
            (Real::Ours, _) => Outcome::Unknown(UnknownReason::OwnNetwork),
            (_, false) => failure(FailureClass::TimeoutTtfb),
            (Real::Refuses | Real::Swallows, true) => failure(FailureClass::ConnectRefused),
            (Real::Throttles, true) => Outcome::Unknown(UnknownReason::Throttled),
            (Real::Up | Real::Slow, true) if endpoint.degraded_after < total => {
                Outcome::Degraded(DegradedReason::Slow)
            }
            (Real::Up | Real::Slow, true) => Outcome::Success,
        };
        if self.own.stalled_since(at.mono) {
            outcome = Outcome::Unknown(UnknownReason::OwnStall);
        }
        let answered = {
            let mut world = self.world.lock();
            let (life, fresh) = (world.life, self::fresh_for(endpoint));
            let answered = Answered { door: index, at: really, life, total, outcome, fresh_for: fresh };
            let confirm = world.live[index].hear(answered.heard(), door.failure, door.success);
            world.knocks[way.2].confirm = confirm;
            world.note(format!("door {index} answers {}", outcome.reason().unwrap_or("success")));
            world.answers.push(answered.clone());
            answered
        };
        drop(way);
        if matches!(outcome, Outcome::Failure(_))
            && let Some(again) = self.again.get()
        {
            again(endpoint.id.as_str());
        }
        self.reported(&answered, at, fresh_for)
    }

    /// What the worker is told: the truth, but for a bug.
    fn reported(&self, answered: &Answered, at: Moment, fresh_for: Duration) -> Probed {
        let ours = matches!(answered.outcome, Outcome::Unknown(reason) if reason.is_ours());
        let outcome = match self.world.bug {
            Some(Bug::OwnFaultIsDown) if ours => Outcome::Failure(FailureClass::ConnectTimeout),
            Some(Bug::OwnFaultIsUp) if ours => Outcome::Success,
            _ => answered.outcome,
        };
        let day = Duration::from_secs(86_400);
        let fresh_for = if self.world.has(Bug::SilenceStaysGreen) { day } else { fresh_for };
        let result = ProbeResult { at, total: answered.total, outcome, http_status: None, fresh_for };
        Probed::of(result)
    }
}

/// The rule once more: three intervals, but no less than a confirmation may
/// take, and the deadline.
pub fn fresh_for(endpoint: &Endpoint) -> Duration {
    let Cadence::Every(every) = endpoint.cadence else { unreachable!() };
    (every * 3).max(Duration::from_secs(5)) + endpoint.deadline
}

/// Answers mostly come quickly, some very late.
fn latency(real: Real, door: &Door, chance: &mut Chance, has: impl Fn(Fault) -> bool) -> Duration {
    let usual = chance.ms(20, 400);
    // Drawn always, so that one seed's doors answer alike whatever its faults are.
    let (tail, edge, rare) = (chance.between(1, 200), chance.between(0, 3), chance.one_in(12));
    let after = door.deadline / 2 + Duration::from_millis(1);
    match real {
        Real::Swallows => door.deadline * 10,
        Real::Slow => after + usual.min(door.deadline / 4),
        Real::Up if rare && has(Fault::Edge) => {
            let ns = Duration::from_nanos(edge);
            door.deadline + ns - Duration::from_nanos(1)
        }
        // Pareto-like: one in ten is ten times as late.
        Real::Up if has(Fault::Tail) => usual * u32::try_from(200 / tail).unwrap(),
        _ => usual,
    }
}
