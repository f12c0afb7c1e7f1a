//! What the askers and the writer share: the queue and its bell, and whether
//! storing works.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{oneshot, watch};

use super::error::StoreError;
use super::job::{Entry, Job};
use super::meters::Meters;
use super::queue::{Failing, Queue};
use super::{Recorded, Recording};
use crate::domain::facts::Storing;
use crate::domain::readiness::Soundness;

/// How long to wait before a failed commit is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// How long the writer waits for work before it looks whether its files are still there.
const IDLE: Duration = Duration::from_secs(10);

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
    pub(super) sabotage: AtomicU8,
    pub(super) commits: AtomicU64,
    /// Results lost since the start.
    pub(super) lost: AtomicU64,
    /// Results that still waited when the writer ended.
    pub(super) left_behind: AtomicU64,
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
            queue: Mutex::new(Queue::new(backlog)),
            bell: Condvar::new(),
            #[cfg(feature = "simulation")]
            arrived: tokio::sync::Notify::new(),
            storing: watch::Sender::new(Storing::Works),
            soundness: watch::Sender::new(Soundness::default()),
            keep_ms: AtomicU64::new(0),
            meters: Meters::default(),
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
        queue.recordings.push_back(entry);
        let lost = queue.make_room();
        self.lost.fetch_add(lost, Ordering::Relaxed);
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
        queue.push_work(job)?;
        drop(queue);
        self.ring();
        Ok(())
    }

    /// Someone lost patience with a commit: the writer hangs.
    pub(super) fn hangs(&self, since: Timestamp) {
        let mut queue = self.lock();
        if queue.in_hand + queue.waiting() == 0 || queue.gone {
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
        queue.waiting() + queue.in_hand
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
    /// time of the next try; empty when none came for a while. None when closing
    /// and there is nothing more to do.
    pub(super) fn next(&self, failed: bool) -> Option<Vec<Job>> {
        let mut queue = self.lock();
        if failed {
            if queue.closing {
                return None;
            }
            let waited = self.bell.wait_timeout_while(queue, RETRY, |queue| !queue.closing);
            queue = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        let idle = |queue: &mut Queue| queue.is_empty() && !queue.closing;
        let waited = self.bell.wait_timeout_while(queue, IDLE, idle);
        queue = waited.unwrap_or_else(PoisonError::into_inner).0;
        if queue.is_empty() && !queue.closing {
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
        self.lost.fetch_add(refused, Ordering::Relaxed);
        let next = queue.next_number();
        let Some(failing) = &mut queue.failing else { return };
        failing.lost += refused;
        failing.silent = false;
        if next.is_none_or(|next| failing.through < next) {
            let lost = failing.lost;
            tracing::info!(lost, forgotten = queue.forgotten, "Results are being stored again");
            queue.failing = None;
            queue.forgotten = 0;
        }
        self.tell(&queue);
    }

    /// The batch in hand was not committed: its recordings go back to the front.
    /// The first time `untold` is said, the reason unless the log has it already.
    pub(super) fn failed(&self, entries: Vec<Entry>, untold: Option<&StoreError>) {
        let mut queue = self.lock();
        queue.in_hand = 0;
        queue.trying = false;
        let since =
            entries.iter().filter_map(|entry| entry.result.as_ref()).map(|result| result.at.wall).next();
        if queue.failing.is_none()
            && let Some(since) = since
        {
            if let Some(error) = untold {
                tracing::error!(error = error.as_dyn(), "Results cannot be stored and wait in memory");
            }
            queue.failing = Some(Failing { since, lost: 0, through: 0, silent: false });
        }
        let arrived = queue.arrived;
        if let Some(failing) = &mut queue.failing {
            failing.through = arrived;
            failing.silent = false;
        }
        let lost = queue.take_back(entries);
        self.lost.fetch_add(lost, Ordering::Relaxed);
        self.tell(&queue);
    }

    /// The writer has ended: nothing is taken in any more, and what still waits is lost.
    pub(super) fn gone(&self) {
        let mut queue = self.lock();
        queue.gone = true;
        if !queue.recordings.is_empty() {
            let left = u64::try_from(queue.recordings.len()).unwrap_or(u64::MAX);
            self.left_behind.store(left, Ordering::Release);
            tracing::error!(lost = left, "The store stopped with results it could not store");
        }
        // Dropping an answer tells its asker.
        let waited = (std::mem::take(&mut queue.recordings), std::mem::take(&mut queue.works));
        drop(queue);
        drop(waited);
    }

    fn tell(&self, queue: &Queue) {
        let now = match queue.failing {
            None => Storing::Works,
            Some(Failing { since, lost, .. }) => {
                let waiting = u64::try_from(queue.waiting() + queue.in_hand).unwrap_or(u64::MAX);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::span::apply;
    use crate::store::job::Chore;
    use crate::store::leftovers::LEFT_OVER;
    use crate::store::testing::{at, draw, goes_down, goes_up, success};

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
        shared.failed(batch, Some(&StoreError::TooSlow));
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
    fn what_waits_is_bounded_however_often_health_changes() {
        let shared = Shared::new(10);
        shared.push(success("web", 0));
        let mut batch = records(shared.next(false).unwrap());
        for round in 0..100 {
            shared.failed(batch, Some(&StoreError::TooSlow));
            for second in (round * 1_000 + 1)..=(round * 1_000 + 1_000) {
                let name = ["web", "app", "api"][usize::try_from(second % 3).unwrap()];
                shared.push(if second % 2 == 0 { goes_up(name, second) } else { goes_down(name, second) });
                assert!(shared.waiting() <= 10 + 3);
            }
            batch = records(shared.next(false).unwrap());
            assert!(batch.iter().map(|it| it.transitions.len()).sum::<usize>() <= 10 + 3 * LEFT_OVER);
        }
        assert_eq!(shared.lost.load(Ordering::Relaxed), 100_000 + 1 - 10);
    }

    #[test]
    fn what_comes_back_goes_before_what_was_left_over_meanwhile() {
        let shared = Shared::new(2);
        shared.push(goes_up("web", 1));
        shared.push(goes_down("web", 2));
        let batch = records(shared.next(false).unwrap());
        for second in 3..=6 {
            shared.push(if second % 2 == 0 { goes_down("web", second) } else { goes_up("web", second) });
        }
        shared.failed(batch, Some(&StoreError::TooSlow));
        let mut history = Vec::new();
        for entry in records(shared.next(false).unwrap()) {
            entry.transitions.iter().for_each(|&it| apply(&mut history, it));
        }
        assert_eq!(draw(&history), "U1-2 D2-3 U3-4 D4-5 U5-6 D6-");
    }

    #[test]
    fn work_runs_between_what_came_before_it_and_what_came_after() {
        let shared = Shared::new(100);
        let chore = || Job::Chore(Chore::Optimise, oneshot::channel().0);
        shared.push_job(chore()).unwrap();
        shared.push(success("web", 1));
        shared.push_job(chore()).unwrap();
        shared.push_job(chore()).unwrap();
        shared.push(success("web", 2));
        let batch = shared.next(false).unwrap();
        let order: String =
            batch.iter().map(|it| if matches!(it, Job::Record(_)) { 'r' } else { 'w' }).collect();
        assert_eq!(order, "wrwwr");
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
