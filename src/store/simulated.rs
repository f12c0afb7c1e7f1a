//! The writer as a task on virtual time, for a simulation that has no threads.

use std::time::Duration;

use super::Recorded;
use super::job::Job;
use super::writer::Writer;

/// A writer whose waiting is done by somebody else: take a batch in hand, let
/// time pass, settle it.
pub struct SimulatedWriter {
    writer: Writer,
    in_hand: Vec<Job>,
}

impl SimulatedWriter {
    pub fn new(writer: Writer) -> Self {
        Self { writer, in_hand: Vec::new() }
    }

    /// Waits until something may have arrived, or the store is closing.
    pub async fn wait(&mut self) {
        self.writer.shared().arrived.notified().await;
    }

    pub fn is_closing(&self) -> bool {
        self.writer.shared().is_stopped()
    }

    /// Takes what waits in hand; false when nothing does.
    pub fn take_in(&mut self) -> bool {
        self.in_hand = self.writer.shared().next_now().unwrap_or_default();
        !self.in_hand.is_empty()
    }

    /// Commits what is in hand and answers; says whether it worked.
    pub fn settle(&mut self) -> bool {
        self.writer.take(std::mem::take(&mut self.in_hand))
    }

    /// What `Writer::run` does, resting between two commits; panics when one fails.
    pub async fn run(mut self, rest: Duration) {
        loop {
            while !self.take_in() {
                if self.is_closing() {
                    self.end();
                    return;
                }
                self.wait().await;
            }
            assert!(self.settle(), "a commit failed");
            tokio::time::sleep(rest).await;
        }
    }

    /// What `Writer::run` does last.
    pub fn end(self) {
        self.writer.end();
    }

    /// Whether a commit is flushed before it is answered, as SQLite itself says it.
    pub fn flushes(&self) -> bool {
        // 2 is FULL, 3 is EXTRA.
        self.writer.pragma("synchronous").is_some_and(|it| 2 <= it)
    }

    /// A deliberate bug: commits are no longer flushed.
    pub fn stop_flushing(&self) {
        self.writer.set_pragma("synchronous", "NORMAL");
    }

    /// A deliberate bug: says "stored" to whoever waits, before the commit.
    pub fn answer_early(&mut self) {
        for job in &mut self.in_hand {
            if let Job::Record(entry) = job
                && let Some(answer) = entry.answer.take()
            {
                // Whoever asked may have gone.
                let _ = answer.send(Recorded::Stored);
            }
        }
    }
}
