//! What the workers count of their knocks; read by whoever shows numbers.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

use crate::domain::endpoint::EndpointId;
use crate::domain::outcome::Outcome;
use crate::meter::{Histogram, Reading, Slots};
use crate::probe::Probed;
use crate::schedule::bell::Bell;

/// Microseconds. A login page on the same continent takes 20 to 500 ms, and no
/// deadline is far beyond 10 s; each bound is a line per phase and endpoint.
const PHASE_BOUNDS: &[u64] = &[5_000, 25_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 10_000_000];
/// Microseconds. A timer is 1 to 5 ms late when all is well.
const LATENESS_BOUNDS: &[u64] =
    &[1_000, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 5_000_000];
/// One more than the largest code of an outcome.
const OUTCOMES: usize = 120;
/// No certificate was seen.
const NONE: i64 = i64::MIN;

/// The names of [`Counted::phases`], in its order.
pub const PHASES: [&str; 5] = ["dns", "connect", "tls", "first_byte", "transfer"];

/// What is counted of all endpoints together, and of each.
pub struct Meters {
    /// How long after it was due a round began.
    pub lateness: Histogram,
    endpoints: Mutex<HashMap<EndpointId, Counting>>,
}

/// One endpoint's numbers, and the bell that counts the rings it dropped.
type Counting = (Arc<Knocks>, Arc<Bell>);

/// What is counted of one endpoint since this process first knocked at it.
pub struct Knocks {
    outcomes: Slots<OUTCOMES>,
    phases: [Histogram; 5],
    total: Histogram,
    /// Seconds since 1970.
    certificate_until: AtomicI64,
}

/// One endpoint's numbers.
#[derive(Debug, Clone)]
pub struct Counted {
    /// The outcomes that were ever seen.
    pub outcomes: Vec<(Outcome, u32)>,
    /// As [`PHASES`]; none for a phase that never was.
    pub phases: [Option<Reading>; 5],
    pub total: Reading,
    pub certificate_until: Option<Timestamp>,
    pub rings_dropped: u64,
}

impl Default for Meters {
    fn default() -> Self {
        Self { lateness: Histogram::new(LATENESS_BOUNDS), endpoints: Mutex::default() }
    }
}

impl Meters {
    /// For the worker of an endpoint: goes on counting where an earlier worker
    /// of the same endpoint stopped.
    pub fn begin(&self, id: &EndpointId, bell: &Arc<Bell>) -> Arc<Knocks> {
        let mut endpoints = self.endpoints.lock().unwrap_or_else(PoisonError::into_inner);
        // What no worker holds any more was taken out of the config.
        endpoints.retain(|known, (knocks, _)| known == id || Arc::strong_count(knocks) > 1);
        let entry = endpoints.entry(id.clone()).or_insert_with(|| (Arc::default(), Arc::clone(bell)));
        entry.1 = Arc::clone(bell);
        Arc::clone(&entry.0)
    }

    /// None before the endpoint has a worker.
    pub fn read(&self, id: &EndpointId) -> Option<Counted> {
        let (knocks, bell) = {
            let endpoints = self.endpoints.lock().unwrap_or_else(PoisonError::into_inner);
            endpoints.get(id)?.clone()
        };
        Some(knocks.read(bell.dropped()))
    }
}

impl Default for Knocks {
    fn default() -> Self {
        Self {
            outcomes: Slots::default(),
            phases: std::array::from_fn(|_| Histogram::new(PHASE_BOUNDS)),
            total: Histogram::new(PHASE_BOUNDS),
            certificate_until: AtomicI64::new(NONE),
        }
    }
}

impl Knocks {
    pub fn count(&self, probed: &Probed) {
        self.outcomes.inc(usize::from(probed.result.outcome.code()));
        let phases = probed.phases;
        let took = [phases.dns, phases.connect, phases.tls, phases.first_byte, phases.transfer];
        for (phase, took) in self.phases.iter().zip(took) {
            if let Some(took) = took {
                phase.time(took);
            }
        }
        self.total.time(probed.result.total);
        if let Some(until) = probed.certificate_until {
            self.certificate_until.store(until.as_second(), Ordering::Relaxed);
        }
    }

    fn read(&self, rings_dropped: u64) -> Counted {
        let outcomes = (0..OUTCOMES).filter_map(|code| {
            let count = self.outcomes.get(code);
            let outcome = Outcome::from_code(u8::try_from(code).ok()?)?;
            (count > 0).then_some((outcome, count))
        });
        let until = self.certificate_until.load(Ordering::Relaxed);
        Counted {
            outcomes: outcomes.collect(),
            phases: std::array::from_fn(|index| {
                self.phases.get(index).map(Histogram::read).filter(|it| it.count() > 0)
            }),
            total: self.total.read(),
            certificate_until: Some(until)
                .filter(|&it| it != NONE)
                .and_then(|it| Timestamp::from_second(it).ok()),
            rings_dropped,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::endpoint::Id;
    use crate::domain::moment::Moment;
    use crate::domain::outcome::{DegradedReason, FailureClass, UnknownReason};
    use crate::domain::probe::{Phases, ProbeResult};

    fn id(text: &str) -> EndpointId {
        Id::parse(text).unwrap()
    }

    fn probed(outcome: Outcome) -> Probed {
        let at = Moment { wall: Timestamp::UNIX_EPOCH, mono: Duration::ZERO };
        let total = Duration::from_millis(30);
        let result = ProbeResult { at, total, outcome, http_status: None, fresh_for: Duration::ZERO };
        Probed {
            phases: Phases { connect: Some(Duration::from_millis(2)), ..Phases::default() },
            certificate_until: Some(Timestamp::from_second(77).unwrap()),
            ..Probed::of(result)
        }
    }

    #[test]
    fn every_outcome_has_a_slot_of_its_own() {
        let mut all = vec![Outcome::Success];
        all.extend(FailureClass::ALL.iter().map(|&it| Outcome::Failure(it)));
        all.extend(DegradedReason::ALL.iter().map(|&it| Outcome::Degraded(it)));
        all.extend(UnknownReason::ALL.iter().map(|&it| Outcome::Unknown(it)));
        let knocks = Knocks::default();
        for &outcome in &all {
            knocks.count(&probed(outcome));
        }
        let read = knocks.read(0);
        assert_eq!(read.outcomes.len(), all.len());
        assert!(read.outcomes.iter().all(|&(_, count)| count == 1));
        assert_eq!(read.total.count(), u64::try_from(all.len()).unwrap());
        assert_eq!(read.phases.iter().flatten().count(), 1, "only the phase that was");
        assert_eq!(read.certificate_until, Timestamp::from_second(77).ok());
    }

    #[test]
    fn a_new_worker_of_an_endpoint_counts_on_and_one_taken_out_is_forgotten() {
        let (meters, bell) = (Meters::default(), Arc::new(Bell::new()));
        let first = meters.begin(&id("web"), &bell);
        let gone = meters.begin(&id("old"), &bell);
        first.count(&probed(Outcome::Success));
        drop((first, gone));
        let second = meters.begin(&id("web"), &bell);
        second.count(&probed(Outcome::Success));
        assert_eq!(meters.read(&id("web")).unwrap().total.count(), 2);
        assert!(meters.read(&id("old")).is_none());
        assert!(meters.read(&id("nobody")).is_none());
    }
}
