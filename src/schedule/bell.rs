//! A bell: it carries nothing, does nothing, and wakes one worker.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use tokio::sync::Notify;

const IDLE: u8 = 0;
const RUNG: u8 = 1;
const IN_ROUND: u8 = 2;

/// A ring while the last one is not yet answered, or during a round, is
/// dropped and counted: a slow endpoint is never knocked at back to back.
pub struct Bell {
    state: AtomicU8,
    wake: Notify,
    dropped: AtomicU64,
}

impl Bell {
    pub fn new() -> Self {
        Self { state: AtomicU8::new(IDLE), wake: Notify::new(), dropped: AtomicU64::new(0) }
    }

    /// Whether somebody will come.
    pub fn ring(&self) -> bool {
        let rung = self.state.compare_exchange(IDLE, RUNG, Ordering::AcqRel, Ordering::Acquire).is_ok();
        if rung {
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

    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
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
}
