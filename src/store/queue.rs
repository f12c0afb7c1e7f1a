//! What waits for the writer: one bounded queue, and whether storing works.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{oneshot, watch};

use super::error::StoreError;
use super::meters::Meters;
use super::tx::Tx;
use super::{Recorded, Recording};
use crate::domain::endpoint::EndpointId;
use crate::domain::facts::Storing;
use crate::domain::probe::ProbeResult;
use crate::domain::readiness::Soundness;
use crate::domain::span::Transition;

/// Jobs in one commit: bounds how long one takes and what it needs of a nearly full disk.
const BATCH: usize = 5_000;

/// How long to wait before a failed commit is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// How long the writer waits for work before it looks whether its files are still there.
const IDLE: Duration = Duration::from_secs(10);

/// Changes by people and chores that may wait; results have the backlog.
const WORKS: usize = 1_000;

pub(super) enum Job {
    Record(Entry),
    Work(Box<dyn Work>),
    Chore(Chore, oneshot::Sender<Result<(), StoreError>>),
}

/// A recording that waits.
pub(super) struct Entry {
    /// Its place in the order of arrival.
    number: u64,
    pub(super) endpoint: EndpointId,
    /// None once it had to be dropped for want of room.
    pub(super) result: Option<ProbeResult>,
    /// Never dropped: health spans are what is told for years.
    pub(super) transitions: Vec<Transition>,
    /// Whoever still awaits the commit.
    pub(super) answer: Option<oneshot::Sender<Recorded>>,
}

/// A transaction that waits, and its asker.
pub(super) trait Work: Send {
    /// Whether what it did is to be kept.
    fn run(&mut self, tx: &Tx<'_>) -> bool;
    fn answer(self: Box<Self>, committed: Result<(), StoreError>);
}

/// What cannot be done inside a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chore {
    Checkpoint,
    Optimise,
}

pub(super) struct Shared {
    queue: Mutex<Queue>,
    bell: Condvar,
    /// The same bell for a writer that is a task and not a thread.
    #[cfg(feature = "simulation")]
    pub(super) arrived: tokio::sync::Notify,
    pub(super) storing: watch::Sender<Storing>,
    pub(super) soundness: watch::Sender<Soundness>,
    /// How long results are kept, in milliseconds, as the last pruning knew it; zero before it.
    pub(super) keep_ms: AtomicU64,
    pub(super) meters: Meters,
    backlog: usize,
    pub(super) sabotage: AtomicU8,
    pub(super) commits: AtomicU64,
    /// Results lost since the start.
    pub(super) lost: AtomicU64,
    /// Results that still waited when the writer ended.
    pub(super) left_behind: AtomicU64,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    /// Recordings in `jobs`.
    waiting: usize,
    /// Of these, the ones that still have their result.
    results: usize,
    /// Recordings the writer has in hand.
    in_hand: usize,
    /// Whether the writer has a batch in hand.
    trying: bool,
    /// Recordings taken in since the start.
    arrived: u64,
    failing: Option<Failing>,
    closing: bool,
    gone: bool,
}

#[derive(Clone, Copy)]
struct Failing {
    since: Timestamp,
    lost: u64,
    /// The last recording that may have been told without being stored: the
    /// last to arrive before it failed, or before the latest try. Once all up to
    /// it are stored, storing works, whatever has come since.
    through: u64,
    /// The writer does not even fail: nothing is heard of it.
    silent: bool,
}

/// How a recording was taken in.
pub(super) enum Taken {
    /// It will be answered.
    Awaits(oneshot::Receiver<Recorded>),
    /// The store fails, so nobody waits for it.
    Waits,
    /// The writer hangs, so nobody knows what will become of it.
    Unanswered,
    Stopped,
}

impl Shared {
    pub(super) fn new(backlog: usize) -> Self {
        Self {
            queue: Mutex::default(),
            bell: Condvar::new(),
            #[cfg(feature = "simulation")]
            arrived: tokio::sync::Notify::new(),
            storing: watch::Sender::new(Storing::Works),
            soundness: watch::Sender::new(Soundness::default()),
            keep_ms: AtomicU64::new(0),
            meters: Meters::default(),
            backlog,
            sabotage: AtomicU8::new(0),
            commits: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            left_behind: AtomicU64::new(0),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // A panic elsewhere leaves the queue whole: no step of ours panics midway.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn push(&self, recording: Recording) -> Taken {
        let mut queue = self.lock();
        if queue.closing || queue.gone {
            return Taken::Stopped;
        }
        queue.arrived += 1;
        let mut entry = Entry {
            number: queue.arrived,
            endpoint: recording.endpoint,
            result: Some(recording.result),
            transitions: recording.transitions,
            answer: None,
        };
        let taken = match queue.failing {
            Some(failing) if failing.silent => Taken::Unanswered,
            // Once the next try is under way, storing may work again before
            // this one is stored: then nobody may take it for told.
            Some(_) if !queue.trying => Taken::Waits,
            _ => {
                let (answer, awaited) = oneshot::channel();
                entry.answer = Some(answer);
                Taken::Awaits(awaited)
            }
        };
        queue.waiting += 1;
        queue.results += 1;
        queue.jobs.push_back(Job::Record(entry));
        self.make_room(&mut queue);
        if queue.failing.is_some() {
            self.tell(&queue);
        }
        drop(queue);
        self.ring();
        taken
    }

    pub(super) fn push_job(&self, job: Job) -> Result<(), StoreError> {
        let mut queue = self.lock();
        if queue.closing || queue.gone {
            return Err(StoreError::Stopped);
        }
        if queue.jobs.len() - queue.waiting >= WORKS {
            return Err(StoreError::Overloaded);
        }
        queue.jobs.push_back(job);
        drop(queue);
        self.ring();
        Ok(())
    }

    /// Someone lost patience with a commit: the writer hangs.
    pub(super) fn hangs(&self, since: Timestamp) {
        let mut queue = self.lock();
        if queue.in_hand + queue.waiting == 0 || queue.gone {
            return;
        }
        let through = queue.arrived;
        let failing = queue.failing.get_or_insert(Failing { since, lost: 0, through, silent: false });
        if !failing.silent {
            tracing::error!("The database does not answer: results wait in memory");
            failing.silent = true;
            failing.through = through;
            self.tell(&queue);
        }
    }

    /// How long results are kept; none before the first pruning.
    pub(super) fn keep(&self) -> Option<Duration> {
        let keep = self.keep_ms.load(Ordering::Relaxed);
        (keep > 0).then(|| Duration::from_millis(keep))
    }

    /// Changes what is known of the files; says whether it was news.
    pub(super) fn found(&self, change: impl FnOnce(&mut Soundness)) -> bool {
        self.soundness.send_if_modified(|known| {
            let before = *known;
            change(known);
            before != *known
        })
    }

    /// Recordings that wait, those in the writer's hand included.
    pub(super) fn waiting(&self) -> usize {
        let queue = self.lock();
        queue.waiting + queue.in_hand
    }

    pub(super) fn is_gone(&self) -> bool {
        self.lock().gone
    }

    pub(super) fn is_stopped(&self) -> bool {
        let queue = self.lock();
        queue.closing || queue.gone
    }

    pub(super) fn close(&self) {
        self.lock().closing = true;
        self.ring();
    }

    /// Wakes the one writer.
    fn ring(&self) {
        self.bell.notify_one();
        #[cfg(feature = "simulation")]
        self.arrived.notify_one();
    }

    /// The writer's next batch. Waits for one, and after a failure first for the
    /// time of the next try; empty when none came for a while. None when closing and there is nothing more to do.
    pub(super) fn next(&self, failed: bool) -> Option<Vec<Job>> {
        let mut queue = self.lock();
        if failed {
            if queue.closing {
                return None;
            }
            let waited = self.bell.wait_timeout_while(queue, RETRY, |queue| !queue.closing);
            queue = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        let idle = |queue: &mut Queue| queue.jobs.is_empty() && !queue.closing;
        let waited = self.bell.wait_timeout_while(queue, IDLE, idle);
        queue = waited.unwrap_or_else(PoisonError::into_inner).0;
        if queue.jobs.is_empty() && !queue.closing {
            return Some(Vec::new());
        }
        queue.batch()
    }

    /// The next batch if there is one already.
    #[cfg(feature = "simulation")]
    pub(super) fn next_now(&self) -> Option<Vec<Job>> {
        self.lock().batch()
    }

    /// The batch in hand was committed; `refused` results of it never can be.
    pub(super) fn committed(&self, refused: u64) {
        self.commits.fetch_add(1, Ordering::Relaxed);
        let mut queue = self.lock();
        queue.in_hand = 0;
        queue.trying = false;
        self.lose(&mut queue, refused);
        let next = queue.jobs.iter().find_map(Job::entry).map(|entry| entry.number);
        let Some(failing) = &mut queue.failing else { return };
        failing.silent = false;
        if next.is_none_or(|next| failing.through < next) {
            tracing::info!(lost = failing.lost, "Results are being stored again");
            queue.failing = None;
        }
        self.tell(&queue);
    }

    /// The batch in hand was not committed: its recordings go back to the front.
    pub(super) fn failed(&self, entries: Vec<Entry>, error: &StoreError) {
        let mut queue = self.lock();
        queue.in_hand = 0;
        queue.trying = false;
        let since =
            entries.iter().filter_map(|entry| entry.result.as_ref()).map(|result| result.at.wall).next();
        if queue.failing.is_none()
            && let Some(since) = since
        {
            tracing::error!(error = error.as_dyn(), "Results cannot be stored and wait in memory");
            queue.failing = Some(Failing { since, lost: 0, through: 0, silent: false });
        }
        let arrived = queue.arrived;
        if let Some(failing) = &mut queue.failing {
            failing.through = arrived;
            failing.silent = false;
        }
        for entry in entries.into_iter().rev() {
            queue.waiting += 1;
            queue.results += usize::from(entry.result.is_some());
            queue.jobs.push_front(Job::Record(entry));
        }
        self.make_room(&mut queue);
        self.tell(&queue);
    }

    /// The writer has ended: nothing is taken in any more, and what still waits is lost.
    pub(super) fn gone(&self) {
        let mut queue = self.lock();
        queue.gone = true;
        if queue.results > 0 {
            let left = u64::try_from(queue.results).unwrap_or(u64::MAX);
            self.left_behind.store(left, Ordering::Release);
            tracing::error!(lost = left, "The store stopped with results it could not store");
        }
        // Dropping an answer tells its asker.
        let jobs = std::mem::take(&mut queue.jobs);
        drop(queue);
        drop(jobs);
    }

    /// Drops the oldest results beyond the backlog, and keeps their transitions.
    fn make_room(&self, queue: &mut Queue) {
        while queue.results > self.backlog {
            let oldest =
                queue.jobs.iter().position(|job| job.entry().is_some_and(|entry| entry.result.is_some()));
            let Some(index) = oldest else { return };
            let emptied = match queue.jobs.get_mut(index) {
                Some(Job::Record(entry)) => {
                    entry.result = None;
                    entry.transitions.is_empty()
                }
                _ => return,
            };
            if emptied {
                queue.jobs.remove(index);
                queue.waiting -= 1;
            }
            queue.results -= 1;
            self.lose(queue, 1);
        }
    }

    fn lose(&self, queue: &mut Queue, count: u64) {
        self.lost.fetch_add(count, Ordering::Relaxed);
        if let Some(failing) = &mut queue.failing {
            failing.lost += count;
        }
    }

    fn tell(&self, queue: &Queue) {
        let now = match queue.failing {
            None => Storing::Works,
            Some(Failing { since, lost, .. }) => {
                let waiting = u64::try_from(queue.waiting + queue.in_hand).unwrap_or(u64::MAX);
                Storing::Fails { since, waiting, lost }
            }
        };
        self.storing.send_if_modified(|told| {
            let changed = *told != now;
            *told = now;
            changed
        });
    }
}

impl Queue {
    /// Hands out what waits, as much as one commit takes.
    fn batch(&mut self) -> Option<Vec<Job>> {
        if self.jobs.is_empty() {
            return None;
        }
        let count = self.jobs.len().min(BATCH);
        let batch: Vec<Job> = self.jobs.drain(..count).collect();
        let records = || batch.iter().filter_map(Job::entry);
        self.in_hand = records().count();
        self.trying = true;
        if let Some(failing) = &mut self.failing {
            failing.through = self.arrived;
        }
        self.waiting -= self.in_hand;
        self.results -= records().filter(|entry| entry.result.is_some()).count();
        Some(batch)
    }
}

impl Job {
    fn entry(&self) -> Option<&Entry> {
        match self {
            Self::Record(entry) => Some(entry),
            Self::Work(_) | Self::Chore(..) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::{at, success};

    fn records(batch: Vec<Job>) -> Vec<Entry> {
        let entry = |job| if let Job::Record(entry) = job { Some(entry) } else { None };
        batch.into_iter().filter_map(entry).collect()
    }

    #[test]
    fn under_constant_load_storing_works_again_once_what_failed_is_stored() {
        let shared = Shared::new(100);
        let told = || *shared.storing.borrow();
        shared.push(success("web", 1));
        let batch = records(shared.next(false).unwrap());
        shared.push(success("web", 2));
        shared.failed(batch, &StoreError::TooSlow);
        assert_eq!(told(), Storing::Fails { since: at(1), waiting: 2, lost: 0 });
        assert!(matches!(shared.push(success("web", 3)), Taken::Waits));
        assert!(matches!(shared.push(success("web", 4)), Taken::Waits));
        // From here on something always arrives while a commit is under way, and
        // is not told before it is stored itself.
        let batch = records(shared.next(false).unwrap());
        assert_eq!(batch.len(), 4);
        assert!(matches!(shared.push(success("web", 5)), Taken::Awaits(_)));
        shared.committed(0);
        assert_eq!(told(), Storing::Works);
        assert!(matches!(shared.push(success("web", 6)), Taken::Awaits(_)));
    }

    #[test]
    fn a_good_commit_ends_the_silence() {
        let shared = Shared::new(100);
        shared.push(success("web", 1));
        shared.next(false).unwrap();
        shared.push(success("web", 2));
        shared.hangs(at(1));
        assert!(matches!(shared.push(success("web", 3)), Taken::Unanswered));
        shared.committed(0);
        assert!(matches!(*shared.storing.borrow(), Storing::Fails { waiting: 2, .. }));
        assert!(matches!(shared.push(success("web", 4)), Taken::Waits));
        shared.next(false).unwrap();
        shared.push(success("web", 5));
        shared.committed(0);
        assert_eq!(*shared.storing.borrow(), Storing::Works);
    }
}
