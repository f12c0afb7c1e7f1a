//! Remembering: one writer, group commit, SQLite.
//!
//! - Acknowledged means on the disk: `Stored` and `Ok` come after the flush.
//! - A store that fails or hangs holds nobody up: recordings wait in a bounded
//!   backlog, the page is told, and everything is tried again every second.
//! - A result may be lost to the bound, and is counted; a transition never is.
//! - What looks damaged or foreign is refused at the door and left as it is.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{oneshot, watch};

use crate::domain::endpoint::{Endpoint, EndpointId};
use crate::domain::facts::Storing;
use crate::domain::moment::minus;
use crate::domain::probe::ProbeResult;
use crate::domain::readiness::Soundness;
use crate::domain::span::Transition;

mod backup;
mod ballast;
mod certificates;
mod changes;
mod codes;
mod components;
mod copy;
mod endpoints;
mod error;
mod evidence;
mod horizon;
mod identity;
mod inspect;
mod job;
mod leftovers;
mod load;
mod lock;
mod logins;
mod meters;
mod migrations;
mod newest;
mod notice_rows;
mod notices;
mod open;
mod pressure;
mod queue;
mod reader;
mod results;
mod sabotage;
mod shared;
#[cfg(feature = "simulation")]
mod simulated;
mod sound;
mod spans;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod tx;
mod values;
mod work;
mod writer;

pub use backup::{Copied, backup, restore};
pub use ballast::BALLAST_FILE;
pub use certificates::tell_certificate;
pub use changes::{Changed, changes_since, last_change};
pub use codes::use_code;
pub use components::sync_components;
pub use copy::Progress;
pub use endpoints::{log_redefined, sync_endpoints};
pub use error::StoreError;
pub use evidence::{Kept, Of, Piece};
pub use load::{Loaded, last_known};
pub use lock::{LOCK_FILE, in_use};
pub use logins::{
    EVERY, LoginRow, StopRow, add_login, end_login, forget_login, known_logins, known_stops, lift_stops,
    stop_logins,
};
pub use meters::Meters;
pub use newest::Seen;
pub use notices::sync_notices;
pub use open::DATABASE_FILE;
pub use reader::Reader;
#[doc(hidden)]
pub use sabotage::Sabotage;
#[cfg(feature = "simulation")]
pub use simulated::SimulatedWriter;
pub use tx::Tx;
pub use writer::Writer;

use job::{Chore, Job};
use shared::{Shared, Taken};

/// Results that wait in memory at most while the store fails: some 10 MB, and
/// with 50 endpoints every 10 s almost three hours.
pub const BACKLOG: usize = 50_000;

/// How long a commit may take before its asker goes on without it.
const PATIENCE: Duration = Duration::from_secs(5);

/// Rows deleted in one transaction, so that no result waits long behind it.
const PRUNE_CHUNK: usize = 5_000;

/// How long spans are kept: the longest history that is told, and some days more.
const KEEP_SPANS: Duration = Duration::from_secs(400 * 86_400);

#[derive(Debug, Clone)]
pub struct Options {
    /// Holds the database and its lock; made when missing.
    pub dir: PathBuf,
    /// See [`BACKLOG`].
    pub backlog: usize,
}

/// The asking half of the store; cheap to clone.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
    dir: Arc<PathBuf>,
    evidence: Arc<evidence::Pieces>,
}

/// One result and what the judge concluded from it: stored together or not at all.
#[derive(Debug, Clone)]
pub struct Recording {
    pub endpoint: EndpointId,
    pub result: ProbeResult,
    pub transitions: Vec<Transition>,
}

/// What became of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// On the disk.
    Stored,
    /// In memory, because the store fails; or counted as lost.
    Waiting,
    /// In memory, and the writer does not answer: nobody knows what will
    /// become of it, so it does not count as heard.
    Unanswered,
    /// The store is closed.
    Stopped,
}

impl Store {
    /// Locks the data directory, looks at the database, opens it and brings its
    /// schema up to date. `Writer::run` must then run on a thread of its own.
    pub fn open(options: &Options) -> Result<(Self, Writer), StoreError> {
        let shared = Arc::new(Shared::new(options.backlog));
        let writer = Writer::open(&options.dir, Arc::clone(&shared))?;
        Ok((Self { shared, dir: Arc::new(options.dir.clone()), evidence: Arc::default() }, writer))
    }

    /// What is stored of `endpoints`, with the spans that reach beyond `since`.
    /// Blocks; on a connection of its own, so before or while the writer runs.
    pub fn load(&self, endpoints: &[Endpoint], since: Timestamp) -> Result<Vec<Loaded>, StoreError> {
        load::load(&self.dir, endpoints, since)
    }

    /// Awaits the commit, but not for ever: while the store fails or hangs the
    /// recording waits in the backlog and its asker does not.
    pub async fn record(&self, recording: Recording) -> Recorded {
        let at = recording.result.at.wall;
        let awaited = match self.shared.push(recording) {
            Taken::Awaits(awaited) => awaited,
            Taken::Waits => return Recorded::Waiting,
            Taken::Unanswered => return Recorded::Unanswered,
            Taken::Stopped => return Recorded::Stopped,
        };
        match tokio::time::timeout(PATIENCE, awaited).await {
            Ok(Ok(recorded)) => recorded,
            Ok(Err(_)) if self.shared.is_stopped() => Recorded::Stopped,
            // Its result was dropped from a full backlog.
            Ok(Err(_)) => Recorded::Waiting,
            Err(_) => {
                self.shared.hangs(at);
                Recorded::Unanswered
            }
        }
    }

    /// Runs `work` on the writer in a transaction of its own and awaits the
    /// commit. What it reads is the newest. An `Err` undoes all it did.
    pub async fn transact<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (job, awaited) = work::transaction(work);
        self.shared.push_job(Job::Work(job))?;
        awaited.await.map_err(|_| StoreError::Stopped)?
    }

    /// As [`Store::transact`], but work that has not begun within `patience` is
    /// called off, and nothing of it will ever happen. Once begun it is awaited.
    pub async fn transact_within<T: Send + 'static>(
        &self,
        patience: Duration,
        work: impl FnOnce(&Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        // Set by the first of the two: the writer that begins, or we who call it off.
        let decided = Arc::new(AtomicBool::new(false));
        let begins = Arc::clone(&decided);
        let mut done = std::pin::pin!(self.transact(move |tx| {
            if begins.swap(true, Ordering::AcqRel) {
                return Err(StoreError::NoAnswer);
            }
            work(tx)
        }));
        match tokio::time::timeout(patience, done.as_mut()).await {
            Ok(done) => done,
            Err(_) if !decided.swap(true, Ordering::AcqRel) => Err(StoreError::NoAnswer),
            Err(_) => done.await,
        }
    }

    /// Whether results reach the disk.
    pub fn storing(&self) -> watch::Receiver<Storing> {
        self.shared.storing.subscribe()
    }

    /// Whether the files are well, apart from whether results reach them.
    pub fn soundness(&self) -> watch::Receiver<Soundness> {
        self.shared.soundness.subscribe()
    }

    /// Reads the whole database on a connection of its own, beside the writer,
    /// and says loudly when it is damaged.
    pub async fn check(&self) -> Result<(), StoreError> {
        let (shared, dir) = (Arc::clone(&self.shared), Arc::clone(&self.dir));
        let checking = tokio::task::spawn_blocking(move || sound::check(&shared, &dir));
        checking.await.map_err(|_| StoreError::Stopped)?
    }

    /// Results lost since the start, for want of room or because they could not be stored.
    pub fn lost(&self) -> u64 {
        self.shared.lost.load(Ordering::Relaxed)
    }

    /// Results that could not be stored before the end; known once the writer has ended.
    pub fn left_behind(&self) -> u64 {
        self.shared.left_behind.load(Ordering::Acquire)
    }

    /// What the store counts of itself.
    pub fn meters(&self) -> &Meters {
        &self.shared.meters
    }

    /// Recordings that wait for a commit.
    pub fn waiting(&self) -> usize {
        self.shared.waiting()
    }

    /// Whether the writer has not ended.
    pub fn is_alive(&self) -> bool {
        !self.shared.is_gone()
    }

    /// Commits since the start.
    pub fn commits(&self) -> u64 {
        self.shared.commits.load(Ordering::Relaxed)
    }

    /// Deletes results older than `keep_results`, spans older than 400 days and
    /// evidence older than 30, a chunk a transaction; says how many rows went. How
    /// old they are is told by [`horizon`], not by `now` alone: the clock may be wrong.
    pub async fn prune(&self, now: Timestamp, keep_results: Duration) -> Result<usize, StoreError> {
        let kept = u64::try_from(keep_results.as_millis()).unwrap_or(u64::MAX);
        self.shared.keep_ms.store(kept, Ordering::Relaxed);
        let today = self.transact(move |tx| horizon::advance(tx.connection(), now)).await?;
        let (results_before, spans_before) = (minus(today, keep_results), minus(today, KEEP_SPANS));
        let evidence_before = minus(today, evidence::KEEP);
        let mut pruned = 0;
        loop {
            let chunk = self
                .transact(move |tx| {
                    let results = results::prune(tx.connection(), results_before, now, PRUNE_CHUNK)?;
                    let spans = spans::prune(tx.connection(), spans_before, PRUNE_CHUNK)?;
                    let evidence = evidence::prune(tx.connection(), evidence_before, PRUNE_CHUNK)?;
                    Ok(results + spans + evidence)
                })
                .await?;
            if chunk == 0 {
                return Ok(pruned);
            }
            pruned += chunk;
        }
    }

    /// Moves the write-ahead log into the database as far as readers let it.
    pub async fn checkpoint(&self) -> Result<(), StoreError> {
        self.chore(Chore::Checkpoint).await
    }

    /// Lets SQLite refresh what it knows about the tables.
    pub async fn optimise(&self) -> Result<(), StoreError> {
        self.chore(Chore::Optimise).await
    }

    async fn chore(&self, chore: Chore) -> Result<(), StoreError> {
        let (answer, awaited) = oneshot::channel();
        self.shared.push_job(Job::Chore(chore, answer))?;
        awaited.await.map_err(|_| StoreError::Stopped)?
    }

    /// Takes nothing in any more; the writer stores what waits and ends.
    /// While the store fails it tries once more and then gives up.
    pub fn close(&self) {
        self.shared.close();
    }

    #[doc(hidden)]
    pub fn sabotage(&self, sabotage: Sabotage) {
        sabotage.set(&self.shared);
    }
}
