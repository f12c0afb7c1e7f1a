//! A bell: it carries nothing, does nothing, and wakes one worker.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

const IDLE: u8 = 0;
const RUNG: u8 = 1;
const IN_ROUND: u8 = 2;

/// A ring while the last one is not yet answered, or during a round, is
/// dropped and counted: a slow endpoint is never knocked at back to back.
pub struct Bell {
    state: AtomicU8,
    wake: Notify,
    dropped: AtomicU64,
    /// When it is to ring next, for those who want to know.
    due: Mutex<Option<Instant>>,
    made: Instant,
    /// When the ring that is to be answered was due, in microseconds since it was made.
    was_due: AtomicU64,
}

impl Bell {
    pub fn new() -> Self {
        Self {
            state: AtomicU8::new(IDLE),
            wake: Notify::new(),
            dropped: AtomicU64::new(0),
            due: Mutex::default(),
            made: Instant::now(),
            was_due: AtomicU64::new(0),
        }
    }

    /// Whether somebody will come.
    pub fn ring(&self) -> bool {
        self.ring_due(Instant::now())
    }

    /// A ring that should have been at `due`.
    pub fn ring_due(&self, due: Instant) -> bool {
        let rung = self.state.compare_exchange(IDLE, RUNG, Ordering::AcqRel, Ordering::Acquire).is_ok();
        if rung {
            self.was_due.store(micros(due.saturating_duration_since(self.made)), Ordering::Release);
            self.wake.notify_one();
        } else {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        rung
    }

    /// Waits for a ring and begins a round.
    pub async fn answer(&self) {
        self.wake.notified().await;
        self.state.store(IN_ROUND, Ordering::Release);
    }

    /// The round is over; the next ring counts again.
    pub fn done(&self) {
        self.state.store(IDLE, Ordering::Release);
    }

    /// Whether a ring would be answered now.
    pub fn is_idle(&self) -> bool {
        self.state.load(Ordering::Acquire) == IDLE
    }

    /// How long until it is to ring; none when nothing rings it.
    pub fn due_in(&self) -> Option<Duration> {
        let due = *self.due.lock().unwrap_or_else(PoisonError::into_inner);
        Some(due?.saturating_duration_since(Instant::now()))
    }

    pub(super) fn set_due(&self, due: Option<Instant>) {
        *self.due.lock().unwrap_or_else(PoisonError::into_inner) = due;
    }

    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// How long after its time the last ring is asked about.
    pub fn lateness(&self) -> Duration {
        let due = Duration::from_micros(self.was_due.load(Ordering::Acquire));
        self.made.elapsed().saturating_sub(due)
    }
}

fn micros(length: Duration) -> u64 {
    u64::try_from(length.as_micros()).unwrap_or(u64::MAX)
}

impl Default for Bell {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn rings_before_and_during_a_round_are_dropped_and_counted() {
        let bell = Bell::new();
        assert!(bell.ring());
        assert!(!bell.ring(), "not yet answered");
        bell.answer().await;
        assert!(!bell.ring(), "in a round");
        bell.done();
        assert_eq!(bell.dropped(), 2);
        assert!(bell.ring());
        bell.answer().await;
    }

    #[tokio::test]
    async fn lateness_counts_from_when_the_ring_was_due_and_not_from_when_it_came() {
        let now = Instant::now();
        let Some(made) = now.checked_sub(Duration::from_secs(10)) else { return };
        let bell = Bell { made, ..Bell::new() };
        bell.ring_due(made + Duration::from_secs(7));
        bell.answer().await;
        let late = bell.lateness();
        assert!(Duration::from_secs(3) <= late && late < Duration::from_secs(60), "{late:?}");
    }
}
