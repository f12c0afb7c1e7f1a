//! When an endpoint is due, and how long one of its results speaks for it.

use std::hash::{BuildHasher, BuildHasherDefault};
use std::time::Duration;

use croner::parser::{CronParser, Seconds, Year};
use jiff::Timestamp;
use tokio::time::Instant;

use crate::domain::endpoint::{Cadence, Endpoint, EndpointId};
use crate::domain::login_budget::Limits;
use crate::domain::moment::between;

/// After a start every endpoint is knocked at once within this, or within its
/// interval when that is shorter.
pub const FIRST_KNOCK: Duration = Duration::from_secs(5);
/// Intervals without a result after which we do not know any more.
const SILENT_INTERVALS: u32 = 3;
/// A first failure is confirmed no sooner than this …
pub const CONFIRM_AFTER: Duration = Duration::from_secs(2);
/// … and within this much more, spread by the endpoint's hash.
pub const CONFIRM_SPREAD: Duration = Duration::from_secs(3);
/// How late a cron endpoint's result may come before we do not know any more.
const SILENT_SLOT: Duration = Duration::from_secs(60);

/// The stable place of an endpoint within `interval`, so that starts are spread.
pub fn phase(id: &EndpointId, interval: Duration) -> Duration {
    let nanos = interval.as_nanos().max(1);
    let hash = u128::from(BuildHasherDefault::<Fnv>::default().hash_one(id.as_str()));
    // Scaling the hash, instead of taking a remainder, keeps the place the
    // same fraction of any interval.
    let place = (hash * nanos) >> 64;
    Duration::from_nanos(u64::try_from(place).unwrap_or(u64::MAX))
}

/// Another stable place within `span` for each `round`, so that those who fail
/// together do not come back together.
pub fn spread(id: &EndpointId, round: u32, span: Duration) -> Duration {
    let hash = u128::from(BuildHasherDefault::<Fnv>::default().hash_one((id.as_str(), round)));
    let place = (hash * span.as_nanos()) >> 64;
    Duration::from_nanos(u64::try_from(place).unwrap_or(u64::MAX))
}

/// The first instant on the endpoint's phase that is at least half an interval
/// after `due` and not already over. Missed ones are skipped; the phase never moves.
pub fn next_due(on_phase: Instant, due: Instant, every: Duration, now: Instant) -> Instant {
    let earliest = (due + every / 2).max(now);
    let behind = earliest.saturating_duration_since(on_phase);
    let skipped = behind.as_nanos().div_ceil(every.as_nanos().max(1));
    on_phase + every.saturating_mul(u32::try_from(skipped).unwrap_or(u32::MAX))
}

/// The first slot of a cron cadence after `now`; none for an interval, or
/// when the expression never comes again.
pub fn next_slot(cadence: &Cadence, now: Timestamp) -> Option<Timestamp> {
    let Cadence::Schedule { cron, zone } = cadence else { return None };
    // As the config read it: seconds may be left out, years are not for endpoints.
    let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
    let cron = parser.parse(cron).ok()?;
    let next = cron.find_next_occurrence(&now.to_zoned(zone.clone()), false).ok()?;
    Some(next.timestamp())
}

/// How long a result of `endpoint` that began at `at` speaks for it: three
/// intervals, but no less than a confirmation may take, or until the next slot
/// is overdue; of one that reports by itself, its allowed silence. A probe that runs into its deadline is not silence, so the
/// deadline comes on top.
pub fn fresh_for(endpoint: &Endpoint, at: Timestamp) -> Duration {
    if let Some(push) = endpoint.kind.push() {
        return push.silence;
    }
    // Of a login that failed we hear again when the next one may be.
    let account = endpoint.flow().and_then(|it| it.account.as_ref());
    let apart = if endpoint.logs_in() { Limits::of(account).failing_apart } else { Duration::ZERO };
    let silence = match &endpoint.cadence {
        Cadence::Every(every) => {
            let intervals = every.saturating_mul(SILENT_INTERVALS);
            // The wait, the rest of a round at its end, and one that comes late.
            let held =
                if apart.is_zero() { apart } else { apart.saturating_add(*every).saturating_add(*every) };
            intervals.max(held).max(CONFIRM_AFTER + CONFIRM_SPREAD)
        }
        cron @ Cadence::Schedule { .. } => {
            let next = next_slot(cron, at).map(|slot| between(at, slot));
            next.unwrap_or(Duration::MAX).saturating_add(SILENT_SLOT)
        }
    };
    silence.saturating_add(endpoint.deadline)
}

/// FNV-1a with a final mix: stable over releases, which std's hasher is not.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl std::hash::Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        // The low bits of FNV are good and the high ones are not, and scaling
        // uses the high ones.
        let mixed = (self.0 ^ (self.0 >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed ^ (mixed >> 32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::endpoint::Id;
    use jiff::tz::TimeZone;

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn missed_ticks_are_skipped_and_the_phase_never_moves() {
        let start = Instant::now();
        let next = |due: u64, now: u64| {
            (next_due(start + seconds(3), start + seconds(due), seconds(10), start + seconds(now)) - start)
                .as_secs()
        };
        assert_eq!(next(13, 13), 23);
        assert_eq!(next(13, 22), 23);
        assert_eq!(next(13, 24), 33);
        assert_eq!(next(13, 94), 103);
    }

    #[test]
    fn the_first_knock_of_a_start_joins_the_phase() {
        let start = Instant::now();
        let next = |first: u64, phase: u64| {
            (next_due(start + seconds(phase), start + seconds(first), seconds(60), start + seconds(first))
                - start)
                .as_secs()
        };
        assert_eq!(next(2, 50), 50);
        assert_eq!(next(4, 20), 80, "not so soon after the first");
    }

    #[test]
    fn phases_are_spread_over_the_interval() {
        let mut tenths = [0_u32; 10];
        for index in 0..1000 {
            let id = Id::parse(&format!("endpoint-{index}")).unwrap();
            let place = phase(&id, seconds(10)).as_secs();
            tenths[usize::try_from(place).unwrap()] += 1;
        }
        assert!(tenths.iter().all(|&count| (50..200).contains(&count)), "{tenths:?}");
    }

    #[test]
    fn a_result_speaks_at_least_until_a_confirmation_is_in() {
        let every = |seconds| {
            let mut endpoint = endpoint();
            endpoint.cadence = Cadence::Every(Duration::from_secs(seconds));
            fresh_for(&endpoint, Timestamp::UNIX_EPOCH).as_secs()
        };
        assert_eq!(every(1), 5 + 2, "the deadline is 2 s");
        assert_eq!(every(60), 180 + 2);
    }

    fn endpoint() -> Endpoint {
        let id = || Id::parse("a").unwrap();
        Endpoint {
            cadence: Cadence::Every(Duration::from_secs(1)),
            deadline: Duration::from_secs(2),
            degraded_after: Duration::from_secs(1),
            ..Endpoint::get(id(), id(), "http://127.0.0.1/".parse().unwrap())
        }
    }

    fn cron(expression: &str, zone: &str) -> Cadence {
        Cadence::Schedule { cron: expression.into(), zone: TimeZone::get(zone).unwrap() }
    }

    #[test]
    fn a_slot_is_read_in_its_zone_and_follows_the_clocks() {
        let next = |now: &str| {
            next_slot(&cron("30 9 * * *", "America/New_York"), now.parse().unwrap()).unwrap().to_string()
        };
        assert_eq!(next("2026-10-31T12:00:00Z"), "2026-10-31T13:30:00Z");
        assert_eq!(next("2026-11-01T12:00:00Z"), "2026-11-01T14:30:00Z");
    }
}
