//! Reports on their way to the worker of their endpoint, a few at most.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};

use crate::domain::kind::{Received, Report};
use crate::domain::moment::Moment;

/// Reports that wait while one is being stored.
pub const WAITING: usize = 16;
/// One device sends a report a second at most, for long; a few together may
/// have waited for a network.
const BURST: u32 = 10;
const REFILL: Duration = Duration::from_secs(1);

/// A report, when it came, and who waits for what becomes of it.
pub struct Letter {
    pub at: Moment,
    pub report: Report,
    pub answer: oneshot::Sender<Received>,
}

#[derive(Default)]
pub struct Mailbox {
    inside: Mutex<Inside>,
    arrived: Notify,
}

struct Inside {
    letters: VecDeque<Letter>,
    /// Whether a worker takes letters out.
    open: bool,
    /// Reports that may still come at once, as of `counted`.
    left: u32,
    counted: Duration,
}

impl Default for Inside {
    fn default() -> Self {
        Self { letters: VecDeque::new(), open: false, left: BURST, counted: Duration::ZERO }
    }
}

impl Mailbox {
    /// Puts a report in; the answer comes when it was taken out and stored.
    pub fn put(&self, report: Report, at: Moment) -> Result<oneshot::Receiver<Received>, Received> {
        let mut inside = self.inside();
        let more = at.mono.saturating_sub(inside.counted).as_millis() / REFILL.as_millis();
        if 0 < more {
            inside.left = inside.left.saturating_add(u32::try_from(more).unwrap_or(BURST)).min(BURST);
            inside.counted = at.mono;
        }
        if !inside.open {
            return Err(Received::NotStored);
        }
        if inside.left == 0 || WAITING <= inside.letters.len() {
            return Err(Received::TooOften);
        }
        inside.left -= 1;
        let (answer, awaited) = oneshot::channel();
        inside.letters.push_back(Letter { at, report, answer });
        drop(inside);
        self.arrived.notify_one();
        Ok(awaited)
    }

    /// The next report, in the order they came.
    pub async fn take(&self) -> Letter {
        loop {
            if let Some(letter) = self.inside().letters.pop_front() {
                return letter;
            }
            self.arrived.notified().await;
        }
    }

    pub fn is_empty(&self) -> bool {
        self.inside().letters.is_empty()
    }

    /// From now on somebody takes reports out.
    pub fn open(&self) {
        self.inside().open = true;
    }

    /// Nobody does any more; those inside are sent back.
    pub fn close(&self) {
        let mut inside = self.inside();
        inside.open = false;
        inside.letters.clear();
    }

    fn inside(&self) -> std::sync::MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    fn at(seconds: u64) -> Moment {
        Moment { wall: Timestamp::UNIX_EPOCH, mono: Duration::from_secs(seconds) }
    }

    fn report() -> Report {
        Report { ok: true, latency: None, message: None }
    }

    #[tokio::test]
    async fn a_few_at_once_are_taken_and_then_one_a_second() {
        let mailbox = Mailbox::default();
        mailbox.open();
        for _ in 0..BURST {
            assert!(mailbox.put(report(), at(100)).is_ok());
            mailbox.take().await;
        }
        assert_eq!(mailbox.put(report(), at(100)).err(), Some(Received::TooOften));
        assert!(mailbox.put(report(), at(101)).is_ok());
        assert_eq!(mailbox.put(report(), at(101)).err(), Some(Received::TooOften));
        mailbox.take().await;
        for _ in 0..BURST {
            assert!(
                mailbox.put(report(), at(10_000)).is_ok(),
                "a long silence saves up no more than a burst"
            );
        }
        assert_eq!(mailbox.put(report(), at(10_000)).err(), Some(Received::TooOften));
    }

    #[tokio::test]
    async fn what_nobody_takes_out_is_sent_back_and_never_grows() {
        let mailbox = Mailbox::default();
        assert_eq!(mailbox.put(report(), at(0)).err(), Some(Received::NotStored), "nobody is there");
        mailbox.open();
        let mut waiting = Vec::new();
        for seconds in 0..1_000 {
            waiting.extend(mailbox.put(report(), at(seconds * 10)));
        }
        assert_eq!(waiting.len(), WAITING);
        mailbox.close();
        for awaited in waiting {
            assert!(awaited.await.is_err());
        }
        assert!(mailbox.is_empty());
    }
}
