//! Is it us? What the prober knows of its own health: stalls, clock steps, the
//! gates of its networks, and faults that many unrelated hosts show at once.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::SignedDuration;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::gate::Gates;
use crate::clock::Clock;
use crate::meter::Counter;

/// How often [`OwnHealth::tick`] is called.
pub const TICK: Duration = Duration::from_millis(TICK_MILLIS);
const TICK_MILLIS: u64 = 100;
/// Where in its hundred milliseconds each tick falls, in milliseconds: a system
/// that lets us run for a moment in every hundred would else hide from us.
const PHASES: [u64; 5] = [0, 60, 20, 80, 40];
/// A tick later than this was kept waiting; timers are 1 to 5 ms late when all is well.
const LATE: Duration = Duration::from_millis(20);
/// A gap between ticks beyond which we were not running.
const STALL: Duration = Duration::from_millis(500);
/// A wall clock that moved more than this against the monotonic one was set.
const STEP: SignedDuration = SignedDuration::from_secs(5);
/// How long after a step we do not trust what depends on the date.
const STEP_DOUBT: Duration = Duration::from_secs(600);
/// How long a host's answer counts in the group rules.
const GROUP_WINDOW: Duration = Duration::from_secs(120);
/// Fewer hosts than this failing together prove nothing about us.
const GROUP_SIZE: usize = 3;
/// Hosts remembered by a group rule at most.
const GROUP_LIMIT: usize = 1024;

pub struct OwnHealth {
    clock: Arc<dyn Clock>,
    pub gates: Arc<Gates>,
    /// Microseconds on the monotonic clock.
    last_tick: AtomicU64,
    last_stall_end: AtomicU64,
    /// Of all our time, how much we were kept from running.
    missed: AtomicU64,
    clock_doubted_until: AtomicU64,
    /// Wall minus monotonic, as last adopted.
    offset: Mutex<SignedDuration>,
    dns: Mutex<Group>,
    dates: Mutex<Group>,
    stepped: Arc<Notify>,
    /// How often we stood still, and how often the wall clock was set.
    pub stalls: Counter,
    pub steps: Counter,
}

/// The last word of each host on one question: did it fail?
#[derive(Default)]
struct Group {
    hosts: HashMap<String, (Duration, bool)>,
}

impl OwnHealth {
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let now = clock.now();
        Self {
            last_tick: AtomicU64::new(micros(now.mono)),
            last_stall_end: AtomicU64::new(0),
            missed: AtomicU64::new(0),
            gates: Arc::new(Gates::new(Arc::clone(&clock))),
            clock_doubted_until: AtomicU64::new(0),
            offset: Mutex::new(offset(now)),
            dns: Mutex::default(),
            dates: Mutex::default(),
            stepped: Arc::default(),
            stalls: Counter::default(),
            steps: Counter::default(),
            clock,
        }
    }

    /// Ticks for as long as `doing` takes.
    pub async fn ticking<T>(&self, doing: impl Future<Output = T>) -> T {
        let began = Instant::now();
        let mut doing = std::pin::pin!(doing);
        let mut number = 0_u64;
        loop {
            let due = began + due(number);
            tokio::select! {
                biased;
                done = &mut doing => return done,
                () = sleep_until(due) => (),
            }
            let now = Instant::now();
            self.tick_late(now.saturating_duration_since(due));
            // What was missed is not made up for.
            while began + self::due(number) <= now {
                number += 1;
            }
        }
    }

    /// Called every [`TICK`]; notices when it was not.
    pub fn tick(&self) {
        self.tick_late(Duration::ZERO);
    }

    /// The same by one who knows how late it is.
    fn tick_late(&self, late: Duration) {
        let now = self.clock.now();
        let mono = micros(now.mono);
        let before = self.last_tick.swap(mono, Ordering::AcqRel);
        if LATE < late {
            // It fell somewhere into the time that we missed: in the middle, on average.
            let missed = micros(late * 2).min(mono.saturating_sub(before));
            self.missed.fetch_add(missed, Ordering::AcqRel);
        }
        if micros(STALL) < mono.saturating_sub(before) {
            self.last_stall_end.store(mono, Ordering::Release);
            self.stalls.inc();
            tracing::warn!(
                "We were not running for {} ms; probes in flight are not judged",
                (mono - before) / 1000
            );
        }
        let mut known = self.offset.lock().unwrap_or_else(PoisonError::into_inner);
        let step = offset(now) - *known;
        if STEP < step.abs() {
            tracing::warn!(
                "The wall clock was set by {step:#}; certificates' dates are not judged for a while"
            );
            self.clock_doubted_until.store(micros(now.mono + STEP_DOUBT), Ordering::Release);
            self.stepped.notify_one();
            self.steps.inc();
        }
        // Small differences are drift and are followed.
        *known = offset(now);
    }

    /// When [`OwnHealth::tick`] was last called, on the monotonic clock.
    pub fn ticked_at(&self) -> Duration {
        Duration::from_micros(self.last_tick.load(Ordering::Acquire))
    }

    /// Notified when the wall clock was set.
    pub fn stepped(&self) -> Arc<Notify> {
        self.stepped.clone()
    }

    /// Whether we stood still at some time since `began` (monotonic), even if
    /// the ticker has not woken up yet to say so.
    pub fn stalled_since(&self, began: Duration) -> bool {
        let now = micros(self.clock.now().mono);
        let silent = micros(STALL) < now.saturating_sub(self.last_tick.load(Ordering::Acquire));
        silent || micros(began) < self.last_stall_end.load(Ordering::Acquire)
    }

    /// How much of all our time we were kept from running, as far as ticks can
    /// tell; the difference of two readings is about the time between them.
    pub fn missed(&self) -> Duration {
        let silent = micros(self.clock.now().mono).saturating_sub(self.last_tick.load(Ordering::Acquire));
        // The next tick is due within two of them.
        let silent = if micros(TICK * 2) < silent { silent } else { 0 };
        Duration::from_micros(self.missed.load(Ordering::Acquire).saturating_add(silent))
    }

    /// The same without the time since the last tick: it only ever grows.
    pub fn missed_by_ticks(&self) -> Duration {
        Duration::from_micros(self.missed.load(Ordering::Acquire))
    }

    /// How long ago we last stood still; none when we never did.
    pub fn last_stall(&self) -> Option<Duration> {
        let end = self.last_stall_end.load(Ordering::Acquire);
        let ago = || micros(self.clock.now().mono).saturating_sub(end);
        (0 < end).then(|| Duration::from_micros(ago()))
    }

    /// Whether every host asked of late could not be looked up.
    pub fn doubts_the_network(&self) -> bool {
        let now = self.clock.now().mono;
        let group = self.dns.lock().unwrap_or_else(PoisonError::into_inner);
        let (failing, all) = group.count(now);
        GROUP_SIZE <= failing && failing == all
    }

    /// Whether our wall clock was set so recently that dates prove nothing.
    pub fn doubts_the_clock(&self) -> bool {
        micros(self.clock.now().mono) < self.clock_doubted_until.load(Ordering::Acquire)
    }

    /// Remembers whether `host` could be looked up, and says whether every
    /// host asked of late failed: then the resolver is ours to mend.
    pub fn all_dns_fails(&self, host: &str, failed: bool) -> bool {
        note(&self.dns, host, failed, self.clock.now().mono, |failing, all| failing == all)
    }

    /// Remembers whether `host`'s certificate failed on its dates, and says
    /// whether most do: then the clock is ours to mend.
    pub fn most_dates_fail(&self, host: &str, failed: bool) -> bool {
        note(&self.dates, host, failed, self.clock.now().mono, |failing, all| all < failing * 2)
    }
}

/// `enough` compares the failing hosts with all hosts heard of late.
fn note(
    group: &Mutex<Group>,
    host: &str,
    failed: bool,
    now: Duration,
    enough: fn(usize, usize) -> bool,
) -> bool {
    let mut group = group.lock().unwrap_or_else(PoisonError::into_inner);
    let hosts = &mut group.hosts;
    match hosts.get_mut(host) {
        Some(known) => *known = (now, failed),
        None => {
            hosts.retain(|_, (at, _)| now.saturating_sub(*at) < GROUP_WINDOW);
            if hosts.len() < GROUP_LIMIT {
                hosts.insert(host.to_owned(), (now, failed));
            }
        }
    }
    if !failed {
        return false;
    }
    let (failing, all) = group.count(now);
    GROUP_SIZE <= failing && enough(failing, all)
}

impl Group {
    /// Hosts heard of late: how many fail, and how many there are.
    fn count(&self, now: Duration) -> (usize, usize) {
        let recent = || self.hosts.values().filter(|(at, _)| now.saturating_sub(*at) < GROUP_WINDOW);
        (recent().filter(|(_, failed)| *failed).count(), recent().count())
    }
}

/// When the tick of this number is due, counted from the first.
fn due(number: u64) -> Duration {
    let phase = usize::try_from(number % 5).ok().and_then(|it| PHASES.get(it)).copied();
    Duration::from_millis(number.saturating_mul(TICK_MILLIS).saturating_add(phase.unwrap_or_default()))
}

fn micros(mono: Duration) -> u64 {
    u64::try_from(mono.as_micros()).unwrap_or(u64::MAX)
}

fn offset(now: crate::domain::moment::Moment) -> SignedDuration {
    now.wall.as_duration() - SignedDuration::try_from(now.mono).unwrap_or(SignedDuration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use jiff::Timestamp;

    fn made() -> (Arc<ManualClock>, OwnHealth) {
        let clock = Arc::new(ManualClock::at(Timestamp::UNIX_EPOCH));
        (clock.clone(), OwnHealth::new(clock))
    }

    #[test]
    fn a_gap_between_ticks_is_a_stall_for_what_was_in_flight() {
        let (clock, own) = made();
        let began = clock.now().mono;
        clock.advance(Duration::from_millis(100));
        own.tick();
        assert!(!own.stalled_since(began));
        clock.advance(Duration::from_secs(6));
        assert!(own.stalled_since(began), "before the ticker woke up");
        own.tick();
        assert!(own.stalled_since(began), "and after");
        assert!(!own.stalled_since(clock.now().mono), "but not for what began since");
    }

    #[test]
    fn short_stops_add_up_to_what_we_missed() {
        let (clock, own) = made();
        let advance = |ms| clock.advance(Duration::from_millis(ms));
        for late in [0, 5, 20] {
            advance(100);
            own.tick_late(Duration::from_millis(late));
        }
        assert_eq!(own.missed(), Duration::ZERO, "timers are late now and then");
        advance(100);
        own.tick_late(Duration::from_millis(35));
        assert_eq!(own.missed(), Duration::from_millis(70));
        // A stop of 400 ms is no stall; a tick was due soon after it began.
        advance(410);
        own.tick_late(Duration::from_millis(350));
        assert_eq!(own.missed(), Duration::from_millis(480), "never more than there was");
        assert!(!own.stalled_since(Duration::ZERO));
        advance(300);
        assert_eq!(own.missed(), Duration::from_millis(780), "before the ticker woke up");
    }

    #[test]
    fn ticks_fall_everywhere_in_a_hundred_milliseconds_and_keep_their_order() {
        let dues: Vec<u128> = (0..=10).map(|number| due(number).as_millis()).collect();
        assert_eq!(dues, [0, 160, 220, 380, 440, 500, 660, 720, 880, 940, 1000]);
    }

    #[test]
    fn a_clock_that_was_set_is_doubted_for_a_while() {
        let (clock, own) = made();
        clock.step_wall(SignedDuration::from_secs(4));
        own.tick();
        assert!(!own.doubts_the_clock(), "drift");
        clock.step_wall(SignedDuration::from_hours(400 * 24));
        own.tick();
        assert!(own.doubts_the_clock());
        clock.advance(STEP_DOUBT);
        own.tick();
        assert!(!own.doubts_the_clock());
    }

    #[test]
    fn it_takes_three_hosts_to_blame_ourselves() {
        let (clock, own) = made();
        assert!(!own.all_dns_fails("a", true));
        assert!(!own.all_dns_fails("b", true));
        assert!(!own.all_dns_fails("b", true), "the same host twice is one host");
        assert!(own.all_dns_fails("c", true));
        assert!(!own.all_dns_fails("d", false));
        assert!(!own.all_dns_fails("c", true), "one answer proves the resolver");
        clock.advance(GROUP_WINDOW);
        assert!(!own.all_dns_fails("c", true), "old words do not count");
    }

    #[test]
    fn most_dates_failing_is_more_than_half() {
        let (_, own) = made();
        for host in ["a", "b", "c"] {
            own.most_dates_fail(host, true);
        }
        own.most_dates_fail("d", false);
        assert!(own.most_dates_fail("a", true));
        own.most_dates_fail("e", false);
        own.most_dates_fail("f", false);
        assert!(!own.most_dates_fail("a", true));
    }
}
