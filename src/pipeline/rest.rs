//! When a worker does not heed its bell: it was asked to stay away, or its
//! endpoint is down for so long that asking less often is kinder.

use std::time::Duration;

use super::Worker;
use crate::domain::backoff;
use crate::domain::endpoint::{Cadence, Endpoint};
use crate::domain::judge::JudgeState;
use crate::domain::moment::between;
use crate::domain::outcome::Outcome;
use crate::domain::probe::ProbeResult;
use crate::domain::span::Health;
use crate::schedule::cadence::spread;

/// It answered 503 and said for how long.
const ASKED: &str = "retry_after";
/// It is down for long.
const BACKED_OFF: &str = "down";

/// Nobody knocks, though the bell rings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resting {
    /// The reason of a pause, `retry_after` or `down`.
    pub because: &'static str,
    /// Whose pause it is, if it is one.
    pub host: Option<String>,
    pub left: Duration,
}

#[derive(Default)]
pub(super) struct Rest {
    /// Monotonic.
    pub(super) until: Duration,
    /// It asked for it; else it is down for long.
    asked: bool,
    /// Knocks since its endpoint is down for long.
    rounds: u32,
}

impl Rest {
    /// Decides when an endpoint that was `judged` so before this result is
    /// knocked at again; `asked` is how long it wants us away. Says how much
    /// longer than usual its result speaks for it.
    pub(super) fn after(
        &mut self,
        endpoint: &Endpoint,
        judged: &JudgeState,
        result: &ProbeResult,
        asked: Option<Duration>,
    ) -> Duration {
        let failed = matches!(result.outcome, Outcome::Failure(_));
        let since = judged.since.filter(|_| judged.health == Health::Down);
        let down_for = since.map_or(Duration::ZERO, |since| between(since, result.at.wall));
        self.rounds = if failed && backoff::AFTER <= down_for { self.rounds.saturating_add(1) } else { 0 };
        let widened = backoff::widened(endpoint, self.rounds);
        let every = match endpoint.cadence {
            Cadence::Every(every) => every,
            Cadence::Schedule { .. } => Duration::ZERO,
        };
        // Anywhere between its own interval and the wide one: bells before that are not heeded.
        let more = widened
            .map_or(Duration::ZERO, |wide| spread(&endpoint.id, self.rounds, wide.saturating_sub(every)));
        let backed_off = if more.is_zero() { Duration::ZERO } else { more + every / 2 };
        let asked = asked.unwrap_or_default();
        self.until = result.at.mono.saturating_add(asked.max(backed_off));
        self.asked = backed_off < asked;
        widened.map_or(asked, |wide| wide.saturating_mul(2).max(asked))
    }
}

impl Worker {
    /// Why no bell is heeded now, and for how long.
    pub fn resting(&self) -> Option<Resting> {
        let now = self.spine.clock.now().mono;
        let pause = self.spine.prober.pause(&self.endpoint());
        let pause = pause.map(|(host, it)| (it.until, it.reason.wire(), Some(host)));
        let (until, because, host) = {
            let rest = self.rest();
            let own = (rest.until, if rest.asked { ASKED } else { BACKED_OFF }, None);
            pause.filter(|it| own.0 <= it.0).unwrap_or(own)
        };
        let left = until.saturating_sub(now);
        (!left.is_zero()).then_some(Resting { because, host, left })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::endpoint::Id;
    use crate::domain::judge::judge;
    use crate::domain::moment::Moment;
    use crate::domain::outcome::FailureClass;
    use crate::domain::request::Method;
    use crate::domain::span::Transition;
    use crate::schedule::cadence::{CONFIRM_AFTER, CONFIRM_SPREAD, phase};
    use jiff::Timestamp;

    const DOWN: Outcome = Outcome::Failure(FailureClass::Http5xx);

    fn poster() -> Endpoint {
        let id = || Id::parse("a").unwrap();
        let mut endpoint = Endpoint::get(id(), id(), "http://a.example/".parse().unwrap());
        endpoint.flow_mut().unwrap().first.request.method = Method::Post;
        endpoint
    }

    fn result(second: u64, outcome: Outcome) -> ProbeResult {
        let start = Moment { wall: Timestamp::UNIX_EPOCH, mono: Duration::ZERO };
        let at = start.after(Duration::from_secs(second));
        ProbeResult { at, total: Duration::ZERO, outcome, http_status: None, fresh_for: Duration::ZERO }
    }

    fn down_since_the_start() -> JudgeState {
        let down = Transition { health: Health::Down, from: Timestamp::UNIX_EPOCH };
        JudgeState::resumed(down, None, Timestamp::UNIX_EPOCH)
    }

    /// Seconds of the knocks at an endpoint that is down for a day, as its bell and its rest have it.
    fn knocks(endpoint: &Endpoint, every: u64) -> Vec<u64> {
        let (mut rest, judged, mut knocks) = (Rest::default(), down_since_the_start(), Vec::new());
        for second in (0..86_400).step_by(usize::try_from(every).unwrap()) {
            if rest.until <= Duration::from_secs(second) {
                rest.after(endpoint, &judged, &result(second, DOWN), None);
                knocks.push(second);
            }
        }
        knocks
    }

    #[test]
    fn what_is_down_for_long_is_asked_less_often_and_never_more_often() {
        let knocks = knocks(&poster(), 30);
        let apart: Vec<u64> = knocks.windows(2).map(|it| it[1] - it[0]).collect();
        assert!(apart.iter().all(|it| (30..=330).contains(it)), "{apart:?}");
        let early = knocks.iter().filter(|it| **it <= 600).count();
        assert!((19..=21).contains(&early), "on its interval for ten minutes: {early}");
        let healthy = 86_400 / 30;
        assert!(knocks.len() < healthy / 3, "{} of {healthy}", knocks.len());
    }

    #[test]
    fn a_page_that_is_down_is_asked_for_at_its_interval() {
        let id = || Id::parse("a").unwrap();
        let page = Endpoint::get(id(), id(), "http://a.example/".parse().unwrap());
        assert_eq!(knocks(&page, 30).len(), 86_400 / 30);
    }

    #[test]
    fn it_knocks_as_ever_once_it_is_up_again_and_rests_when_asked() {
        let (mut rest, endpoint) = (Rest::default(), poster());
        for second in [700, 800, 900] {
            rest.after(&endpoint, &down_since_the_start(), &result(second, DOWN), None);
        }
        assert!(Duration::from_secs(900) < rest.until);
        rest.after(&endpoint, &down_since_the_start(), &result(1000, Outcome::Success), None);
        assert_eq!(rest.until, Duration::from_secs(1000));
        let asked = Some(Duration::from_secs(120));
        let longer = rest.after(&endpoint, &JudgeState::new(), &result(2000, DOWN), asked);
        assert_eq!((rest.until, longer), (Duration::from_secs(2120), Duration::from_secs(120)));
    }

    const EVERY: u64 = 60;
    const NEIGHBOURS: u64 = 500;
    const OUTAGE: std::ops::Range<u64> = 3_600..7_200;
    const HEALED: u64 = 9_000;

    /// When each of many endpoints of one host is knocked at, in milliseconds, from a start
    /// through an outage of all of them: bells, confirmations, the judge and the rest.
    fn lives(of: &Endpoint) -> Vec<Vec<u64>> {
        let life = |number: u64| {
            let id = Id::parse(&format!("neighbour-{number}")).unwrap();
            let every = Duration::from_secs(EVERY);
            let endpoint = Endpoint { id: id.clone(), cadence: Cadence::Every(every), ..of.clone() };
            let millis = |it: Duration| u64::try_from(it.as_millis()).unwrap();
            let confirm_after = millis(CONFIRM_AFTER + phase(&id, CONFIRM_SPREAD));
            let (mut rest, mut state, mut knocks) = (Rest::default(), JudgeState::new(), Vec::new());
            let mut knock = |at: u64| {
                let start = Moment { wall: Timestamp::UNIX_EPOCH, mono: Duration::ZERO };
                let outcome = if OUTAGE.contains(&(at / 1000)) { DOWN } else { Outcome::Success };
                let at_moment = start.after(Duration::from_millis(at));
                let result = ProbeResult { at: at_moment, fresh_for: every * 10, ..result(0, outcome) };
                if Duration::from_millis(at) < rest.until {
                    return false;
                }
                rest.after(&endpoint, &state, &result, None);
                let judgement = judge(state, endpoint.thresholds, &result);
                state = judgement.state;
                knocks.push(at);
                judgement.confirm
            };
            let first = millis(phase(&id, every));
            for bell in (first..HEALED * 1000).step_by(usize::try_from(EVERY * 1000).unwrap()) {
                if knock(bell) {
                    knock(bell + confirm_after);
                }
            }
            knocks
        };
        (0..NEIGHBOURS).map(life).collect()
    }

    /// How many of `times` fall into each `span` seconds between the two.
    fn counts(times: &[u64], between: std::ops::Range<u64>, span: u64) -> Vec<u64> {
        let buckets = (between.end - between.start) / span;
        let mut counts = vec![0; usize::try_from(buckets).unwrap()];
        for second in times.iter().map(|it| it / 1000).filter(|it| between.contains(it)) {
            if let Some(count) = counts.get_mut(usize::try_from((second - between.start) / span).unwrap()) {
                *count += 1;
            }
        }
        counts
    }

    fn page() -> Endpoint {
        let id = || Id::parse("a").unwrap();
        Endpoint::get(id(), id(), "http://a.example/".parse().unwrap())
    }

    #[test]
    fn a_host_that_is_down_is_asked_no_more_often_than_when_it_was_well() {
        for endpoint in [page(), poster()] {
            let lives = lives(&endpoint);
            let all: Vec<u64> = lives.iter().flatten().copied().collect();
            let healthy = counts(&all, 600..3_600, 60).into_iter().max().unwrap();
            assert_eq!(healthy, NEIGHBOURS);
            // While each is found to be down it is asked once more, and never again.
            let begins = OUTAGE.start..OUTAGE.start + EVERY + 5;
            for knocks in &lives {
                let asked = knocks.iter().filter(|it| begins.contains(&(*it / 1000))).count();
                assert!(asked <= 3, "a bell, its confirmation, and a bell that falls into the 5 s: {asked}");
            }
            for minute in begins.end..HEALED - 60 {
                let asked = counts(&all, minute..minute + 60, 60)[0];
                assert!(asked * 10 <= healthy * 11, "{asked} in the minute after second {minute}");
            }
        }
    }

    #[test]
    fn those_who_failed_together_come_back_spread() {
        for endpoint in [page(), poster()] {
            let lives = lives(&endpoint);
            let back = lives.iter().map(|it| it.iter().copied().find(|at| OUTAGE.end * 1000 <= *at).unwrap());
            let back: Vec<u64> = back.collect();
            let (first, last) = (back.iter().min().unwrap() / 1000, back.iter().max().unwrap() / 1000);
            assert!(30 <= last - first, "within {} s", last - first);
            let all: Vec<u64> = lives.iter().flatten().copied().collect();
            for (times, until) in [(&back, last), (&all, OUTAGE.end + 600)] {
                let counts = counts(times, OUTAGE.end..until, 10);
                let (all, of) = (counts.iter().sum::<u64>(), u64::try_from(counts.len()).unwrap());
                let peak = *counts.iter().max().unwrap();
                assert!(peak * of <= 2 * all, "{peak} in ten seconds at most: {counts:?}");
            }
        }
    }
}
