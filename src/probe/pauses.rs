//! Hosts that told us to stay away: we do, for longer each time, and over restarts.
//!
//! | case | rule |
//! | --- | --- |
//! | an answer 429, or one of a bot wall | nobody knocks there for 15 minutes, then 1 hour, then 6 hours |
//! | with a `Retry-After` beside it | for the longer of both |
//! | several such answers at once | one pause |
//! | a success there, or none of this for a day | the next pause is the first again |
//! | a person ends it | knocks go on with the next bell, and the next pause is the first again: they answer for being let in |
//! | a restart, a kill, a crash loop | the pause goes on, and so does their order |
//! | the wall clock was set back meanwhile | the pause begins anew, no longer than it was |
//! | it, or its end, cannot be written down | it is so while we run |

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use super::logins::{Held, Soon};
use crate::domain::moment::{Moment, between, plus};
use crate::domain::outcome::{Outcome, UnknownReason};
use crate::meter::Counter;

/// How long nobody knocks at a host that told us to stay away, time after time.
const LENGTHS: [Duration; 3] =
    [Duration::from_secs(15 * 60), Duration::from_secs(3600), Duration::from_secs(6 * 3600)];
/// So long after its last pause a host is like any other.
pub const FORGIVEN: Duration = Duration::from_secs(86_400);
/// Hosts remembered at once: a target that sends us around must not fill us.
const HOSTS: usize = 4096;

/// All pauses that matter.
#[derive(Default)]
pub struct Pauses {
    hosts: Mutex<HashMap<String, (Pause, usize)>>,
    keeper: OnceLock<Arc<dyn Keeper>>,
    /// Since the start.
    pub begun: Counter,
}

/// Nobody knocks there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pause {
    pub reason: UnknownReason,
    pub since: Timestamp,
    pub length: Duration,
    /// Monotonic.
    pub until: Duration,
}

/// What outlives us of a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    pub reason: UnknownReason,
    pub since: Timestamp,
    pub length: Duration,
    /// Which it was since the host was fine.
    pub nth: usize,
}

/// What became of a person's word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Where a pause was ended; none when none was known by that name.
    pub hosts: Vec<String>,
    /// A restart knows it, too.
    pub kept: bool,
}

/// Remembers pauses over restarts.
pub trait Keeper: Send + Sync {
    /// None when the host is fine again. Whether it is written down. Never long: a knock waits for it.
    fn keep<'a>(&'a self, place: &'a str, pause: Option<Kept>) -> Soon<'a, bool>;
}

impl Pauses {
    /// From now on this one is told; once.
    pub fn keep_with(&self, keeper: Arc<dyn Keeper>) {
        let _ = self.keeper.set(keeper);
    }

    /// Goes on with one that was kept.
    pub fn resume(&self, place: String, kept: Kept, now: Moment) {
        let left = kept.length.saturating_sub(between(kept.since, now.wall));
        let Kept { reason, since, length, nth } = kept;
        let pause =
            Pause { reason, since: since.min(now.wall), length, until: now.mono.saturating_add(left) };
        self.hosts().insert(place, (pause, nth));
    }

    /// Takes in what a host said, and has it written down before anybody is told.
    pub async fn heard(&self, place: &str, outcome: Outcome, wish: Option<Duration>, now: Moment) {
        let changed = match outcome {
            Outcome::Unknown(reason @ (UnknownReason::Throttled | UnknownReason::Blocked)) => {
                self.begin(place, reason, wish, now).map(Some)
            }
            Outcome::Success | Outcome::Degraded(_) => self.forgive(place, now).then_some(None),
            _ => None,
        };
        if let (Some(pause), Some(keeper)) = (changed, self.keeper.get()) {
            // Whoever could not has said so, and it is so while we run.
            let _ = keeper.keep(place, pause).await;
        }
    }

    /// A person says that we may knock there again: at a host and its port, or
    /// at all ports of a host.
    pub async fn end(&self, host: &str, now: Moment) -> Ended {
        let host = host.to_ascii_lowercase();
        let is_named =
            |place: &str| place == host || place.rsplit_once(':').is_some_and(|(name, _)| name == host);
        let mut ended = Ended { hosts: Vec::new(), kept: true };
        {
            let mut known = self.hosts();
            let named = known.iter().filter(|(place, (it, _))| is_named(place) && it.is_remembered(now.mono));
            ended.hosts.extend(named.map(|(place, _)| place.clone()));
            known.retain(|place, _| !ended.hosts.contains(place));
        }
        ended.hosts.sort();
        for place in &ended.hosts {
            tracing::info!("A person ended the pause of {place}: knocks go on there with the next bell");
            if let Some(keeper) = self.keeper.get() {
                ended.kept &= keeper.keep(place, None).await;
            }
        }
        ended
    }

    /// None while one runs already.
    fn begin(&self, place: &str, reason: UnknownReason, wish: Option<Duration>, now: Moment) -> Option<Kept> {
        let mut hosts = self.hosts();
        let before = hosts.get(place).filter(|(pause, _)| pause.is_remembered(now.mono));
        if before.is_some_and(|(pause, _)| pause.runs(now.mono)) {
            return None;
        }
        let nth = before.map_or(0, |(_, nth)| *nth) + 1;
        let usual = LENGTHS.get(nth - 1).or(LENGTHS.last()).copied().unwrap_or_default();
        let length = usual.max(wish.unwrap_or_default());
        if HOSTS <= hosts.len() {
            hosts.retain(|_, (pause, _)| pause.is_remembered(now.mono));
        }
        if HOSTS <= hosts.len() {
            // The one that ends first, or ended longest ago, is missed least.
            let first =
                hosts.iter().min_by_key(|(_, (pause, _))| pause.until).map(|(place, _)| place.clone());
            first.map(|it| hosts.remove(&it));
        }
        let pause = Pause { reason, since: now.wall, length, until: now.mono.saturating_add(length) };
        hosts.insert(place.to_owned(), (pause, nth));
        drop(hosts);
        self.begun.inc();
        tracing::debug!("{}", pause.held(place).said);
        Some(Kept { reason, since: now.wall, length, nth })
    }

    /// Whether a success forgave something. One that was under way when the
    /// others were told off proves nothing.
    fn forgive(&self, place: &str, now: Moment) -> bool {
        let mut hosts = self.hosts();
        let over = hosts.get(place).is_some_and(|(pause, _)| !pause.runs(now.mono));
        over && hosts.remove(place).is_some()
    }

    /// The pause of this host, if it is not over.
    pub fn running(&self, place: &str, now: Duration) -> Option<Pause> {
        self.hosts().get(place).map(|(pause, _)| *pause).filter(|it| it.runs(now))
    }

    /// Where nobody knocks now, which pause of each it is, and by what name.
    pub fn all_running(&self, now: Duration) -> Vec<(String, Pause, usize)> {
        let hosts = self.hosts();
        let running = hosts.iter().filter(|(_, (pause, _))| pause.runs(now));
        let mut running: Vec<_> =
            running.map(|(place, (pause, nth))| (place.clone(), *pause, *nth)).collect();
        drop(hosts);
        running.sort_by(|a, b| a.0.cmp(&b.0));
        running
    }

    /// At how many hosts nobody knocks now.
    pub fn count(&self, now: Duration) -> usize {
        self.hosts().values().filter(|(pause, _)| pause.runs(now)).count()
    }

    fn hosts(&self) -> MutexGuard<'_, HashMap<String, (Pause, usize)>> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pause {
    fn runs(&self, now: Duration) -> bool {
        now < self.until
    }

    fn is_remembered(&self, now: Duration) -> bool {
        now < self.until.saturating_add(FORGIVEN)
    }

    /// When it is over, by the wall.
    pub fn ends(&self) -> Timestamp {
        plus(self.since, self.length)
    }

    /// Why no request is sent there.
    pub fn held(&self, place: &str) -> Held {
        let did =
            if self.reason == UnknownReason::Throttled { "asked us to slow down" } else { "blocked us" };
        let [since, until] = [self.since, self.ends()].map(|it| it.strftime("%Y-%m-%d %H:%M:%S UTC"));
        let said = format!(
            "nobody knocks at {place} until {until}: it {did} at {since}; \
             where it lets us in again, `porchlight pause end {place}` ends the wait"
        );
        Held { reason: self.reason, said }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THROTTLED: UnknownReason = UnknownReason::Throttled;

    fn at(seconds: u64) -> Moment {
        let start = Moment { wall: Timestamp::UNIX_EPOCH, mono: Duration::ZERO };
        start.after(Duration::from_secs(seconds))
    }

    fn minutes(pauses: &Pauses, now: Moment) -> u64 {
        pauses.running("a:443", now.mono).map_or(0, |it| (it.until - now.mono).as_secs() / 60)
    }

    #[test]
    fn each_pause_is_longer_until_a_success() {
        let pauses = Pauses::default();
        let away = |second| pauses.begin("a:443", THROTTLED, None, at(second)).map(|it| it.nth);
        assert_eq!([away(0), away(1)], [Some(1), None], "two at once are one");
        assert_eq!(minutes(&pauses, at(0)), 15);
        assert_eq!(pauses.count(at(1).mono), 1);
        assert!(pauses.running("b:443", at(1).mono).is_none());
        assert_eq!(minutes(&pauses, at(900)), 0);
        assert_eq!(away(900), Some(2));
        assert_eq!(minutes(&pauses, at(900)), 60);
        assert!(!pauses.forgive("a:443", at(901)), "what was under way opens nothing");
        assert_eq!(minutes(&pauses, at(901)), 59);
        assert_eq!([away(10_000), away(80_000)], [Some(3), Some(4)]);
        assert_eq!(minutes(&pauses, at(80_000)), 360, "and no longer");
        assert!(pauses.forgive("a:443", at(200_000)));
        assert_eq!(away(200_001), Some(1));
        assert_eq!(minutes(&pauses, at(200_001)), 15);
        assert_eq!(pauses.begun.get(), 5);
    }

    #[test]
    fn a_day_without_a_word_forgives() {
        let pauses = Pauses::default();
        let away = |second| pauses.begin("a:443", THROTTLED, None, at(second)).map(|it| it.nth);
        assert_eq!([away(0), away(900 + 86_399)], [Some(1), Some(2)]);
        assert_eq!(away(900 + 86_399 + 3600 + 86_400), Some(1));
    }

    #[test]
    fn a_longer_wish_is_heeded_and_a_shorter_is_not() {
        for (wish, length) in [(60, 15), (3600, 60)] {
            let pauses = Pauses::default();
            pauses.begin("a:443", THROTTLED, Some(Duration::from_secs(wish)), at(0));
            assert_eq!(minutes(&pauses, at(0)), length);
        }
    }

    #[test]
    fn a_pause_goes_on_after_a_restart_whatever_the_clock_says() {
        let kept =
            Kept { reason: THROTTLED, since: at(1000).wall, length: Duration::from_secs(3600), nth: 2 };
        // At which second by the wall it starts again, and what is left.
        for (wall, left) in [(1000, 60), (2800, 30), (4600, 0), (90_000, 0), (0, 60)] {
            let pauses = Pauses::default();
            let now = Moment { mono: Duration::ZERO, ..at(wall) };
            pauses.resume("a:443".to_owned(), kept, now);
            assert_eq!(minutes(&pauses, now), left, "{wall}");
            let later = now.after(Duration::from_secs(3601));
            let next = pauses.begin("a:443", THROTTLED, None, later).map(|it| it.nth);
            assert_eq!(next, Some(3), "the order goes on, too");
        }
    }

    #[test]
    fn hosts_without_number_are_not_remembered_without_bound() {
        let pauses = Pauses::default();
        for host in 0..2 * HOSTS {
            pauses.begin(&format!("h{host}:443"), THROTTLED, None, at(0));
        }
        assert_eq!(pauses.count(at(1).mono), HOSTS);
    }

    #[tokio::test]
    async fn what_begins_and_what_is_forgiven_is_written_down_and_nothing_else() {
        #[derive(Default)]
        struct Book(Mutex<Vec<Option<usize>>>);
        impl Keeper for Book {
            fn keep<'a>(&'a self, place: &'a str, pause: Option<Kept>) -> Soon<'a, bool> {
                assert_eq!(place, "a:443");
                self.0.lock().unwrap().push(pause.map(|it| it.nth));
                Box::pin(std::future::ready(true))
            }
        }
        let (pauses, book) = (Pauses::default(), Arc::new(Book::default()));
        pauses.keep_with(book.clone());
        let throttled = Outcome::Unknown(THROTTLED);
        for (second, outcome) in [
            (0, Outcome::Success),
            (1, throttled),
            (2, throttled),
            (3, Outcome::Success),
            (901, Outcome::Unknown(UnknownReason::OwnStall)),
            (902, throttled),
            (9000, Outcome::Success),
            (9001, Outcome::Success),
        ] {
            pauses.heard("a:443", outcome, None, at(second)).await;
        }
        assert_eq!(*book.0.lock().unwrap(), [Some(1), Some(2), None]);
        pauses.heard("a:443", throttled, None, at(9002)).await;
        pauses.end("a:443", at(9003)).await;
        pauses.end("a:443", at(9004)).await;
        assert_eq!(book.0.lock().unwrap()[3..], [Some(1), None], "and what a person ends, once");
    }

    #[tokio::test]
    async fn a_person_ends_a_pause_by_its_host_and_the_next_is_the_first_again() {
        // What a person types, and where it ends a pause.
        for (typed, hosts) in [
            ("a:443", vec!["a:443"]),
            ("A:443", vec!["a:443"]),
            ("a", vec!["a:443", "a:8443"]),
            ("[::1]", vec!["[::1]:443"]),
            ("a:44", vec![]),
            ("443", vec![]),
            ("", vec![]),
        ] {
            let pauses = Pauses::default();
            for place in ["a:443", "a:8443", "b:443", "[::1]:443"] {
                pauses.begin(place, THROTTLED, None, at(0));
                pauses.begin(place, THROTTLED, None, at(900));
            }
            let ended = pauses.end(typed, at(901)).await;
            assert_eq!(ended, Ended { hosts: hosts.iter().map(|it| (*it).to_owned()).collect(), kept: true });
            assert_eq!(pauses.count(at(901).mono), 4 - hosts.len(), "{typed}");
            for host in hosts {
                assert_eq!(pauses.begin(host, THROTTLED, None, at(902)).map(|it| it.nth), Some(1));
            }
        }
    }
}
