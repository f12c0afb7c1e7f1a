//! What waits for the writer, in its order and within its bounds.

use std::collections::VecDeque;

use jiff::Timestamp;

use super::error::StoreError;
use super::job::{Entry, Job};
use super::leftovers::Leftovers;

/// Jobs in one commit: bounds how long one takes and what it needs of a nearly full disk.
const BATCH: usize = 5_000;

/// Changes by people and chores that may wait; results have the backlog.
const WORKS: usize = 1_000;

#[derive(Default)]
pub(super) struct Queue {
    /// Results that wait at most.
    backlog: usize,
    /// Of recordings older than all of `recordings`.
    leftovers: Leftovers,
    /// `backlog` at most; each has its result.
    pub(super) recordings: VecDeque<Entry>,
    /// `WORKS` at most, each behind the recordings up to that number.
    pub(super) works: VecDeque<(u64, Job)>,
    /// Changes of health that gave way since storing last worked.
    pub(super) forgotten: u64,
    /// Recordings the writer has in hand.
    pub(super) in_hand: usize,
    /// Whether the writer has a batch in hand.
    pub(super) trying: bool,
    /// Recordings taken in since the start.
    pub(super) arrived: u64,
    pub(super) failing: Option<Failing>,
    pub(super) closing: bool,
    pub(super) gone: bool,
}

#[derive(Clone, Copy)]
pub(super) struct Failing {
    pub(super) since: Timestamp,
    pub(super) lost: u64,
    /// The last recording that may have been told without being stored: the
    /// last to arrive before it failed, or before the latest try. Once all up to
    /// it are stored, storing works, whatever has come since.
    pub(super) through: u64,
    /// The writer does not even fail: nothing is heard of it.
    pub(super) silent: bool,
}

impl Queue {
    pub(super) fn new(backlog: usize) -> Self {
        Self { backlog, ..Self::default() }
    }

    /// Recordings that wait, whole or what is left of them.
    pub(super) fn waiting(&self) -> usize {
        self.leftovers.len() + self.recordings.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting() == 0 && self.works.is_empty()
    }

    /// The number of the oldest recording that waits; what is left of older ones is zero.
    pub(super) fn next_number(&self) -> Option<u64> {
        match self.leftovers.len() {
            0 => self.recordings.front().map(|entry| entry.number),
            _ => Some(0),
        }
    }

    /// Says once a failure that the oldest changes of health gave way.
    fn forget(&mut self, transitions: u64) {
        if transitions == 0 {
            return;
        }
        if self.forgotten == 0 {
            tracing::error!(
                "Too many changes of health wait to be stored: the oldest will be told as a time of which nothing is known"
            );
        }
        self.forgotten += transitions;
    }

    /// Hands out what waits, as much as one commit takes, in the order of arrival.
    pub(super) fn batch(&mut self) -> Option<Vec<Job>> {
        if self.is_empty() {
            return None;
        }
        let mut batch = Vec::new();
        self.in_hand = 0;
        while batch.len() < BATCH
            && let Some(job) = self.pop()
        {
            self.in_hand += usize::from(matches!(job, Job::Record(_)));
            batch.push(job);
        }
        self.trying = true;
        if let Some(failing) = &mut self.failing {
            failing.through = self.arrived;
        }
        Some(batch)
    }

    fn pop(&mut self) -> Option<Job> {
        if let Some(left) = self.leftovers.pop() {
            return Some(Job::Record(left));
        }
        match (self.recordings.front(), self.works.front()) {
            (Some(recording), Some((after, _))) if *after < recording.number => (),
            (Some(_), _) => return self.recordings.pop_front().map(Job::Record),
            (None, _) => (),
        }
        self.works.pop_front().map(|(_, job)| job)
    }

    /// Puts what the writer had in hand before everything that waits; says how
    /// many results were lost for want of room.
    pub(super) fn take_back(&mut self, entries: Vec<Entry>) -> u64 {
        // What was left over meanwhile is younger than all that comes back. There
        // is any only if the backlog is full: then no result that comes back stays.
        let younger = std::mem::take(&mut self.leftovers);
        let mut forgotten = 0;
        let mut recordings = Vec::with_capacity(entries.len());
        for entry in entries {
            match entry.result {
                Some(_) => recordings.push(entry),
                None => forgotten += self.leftovers.push(entry.endpoint, &entry.transitions),
            }
        }
        for entry in recordings.into_iter().rev() {
            self.recordings.push_front(entry);
        }
        let lost = self.make_room();
        forgotten += self.leftovers.append(younger);
        self.forget(forgotten);
        lost
    }

    /// Drops the oldest results beyond the backlog, and keeps their transitions;
    /// says how many.
    pub(super) fn make_room(&mut self) -> u64 {
        let mut lost = 0;
        while self.backlog < self.recordings.len() {
            let Some(oldest) = self.recordings.pop_front() else { break };
            let forgotten = self.leftovers.push(oldest.endpoint, &oldest.transitions);
            self.forget(forgotten);
            lost += 1;
        }
        if let Some(failing) = &mut self.failing {
            failing.lost += lost;
        }
        lost
    }

    /// Takes in work, behind the recordings that came before it.
    pub(super) fn push_work(&mut self, job: Job) -> Result<(), StoreError> {
        if self.works.len() >= WORKS {
            return Err(StoreError::Overloaded);
        }
        self.works.push_back((self.arrived, job));
        Ok(())
    }
}
