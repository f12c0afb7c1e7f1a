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
mod networks;
mod newest;
mod notice_rows;
mod notices;
mod open;
mod pauses;
mod pressure;
mod queue;
mod reader;
mod results;
mod sabotage;
#[cfg(feature = "simulation")]
mod simulated;
mod sound;
mod spans;
#[cfg(test)]
mod testing;
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
pub use networks::log_networks;
pub use newest::Seen;
pub use notices::sync_notices;
pub use open::DATABASE_FILE;
pub use pauses::{PauseRow, forget_pause, keep_pause, known_pauses};
pub use reader::Reader;
#[doc(hidden)]
pub use sabotage::Sabotage;
#[cfg(feature = "simulation")]
pub use simulated::SimulatedWriter;
pub use tx::Tx;
pub use writer::Writer;

use job::{Chore, Job};
use queue::{Shared, Taken};

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
    /// evidence older than 30, a chunk a transaction; says how many rows went. How old they are is told
    /// by [`horizon`], not by `now` alone: the clock may be wrong.
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

#[cfg(test)]
mod tests {
    use super::testing::{Running, at, draw, endpoint, goes_down, goes_up, id, result, success};
    use super::*;
    use crate::domain::judge::{JudgeState, judge};
    use crate::domain::outcome::{Outcome, UnknownReason};
    use crate::domain::span::Health;

    async fn waits_for(store: &Store, fits: impl FnMut(&Storing) -> bool) -> Storing {
        *store.storing().wait_for(fits).await.unwrap()
    }

    /// The endpoints and seconds of all results, in the order of the log.
    async fn log(store: &Store) -> Vec<(String, i64)> {
        let read = |tx: &Tx<'_>| {
            let mut select = tx
                .connection()
                .prepare("SELECT name, at_ms / 1000 FROM result JOIN endpoint ON endpoint.id = endpoint ORDER BY result.id")
                .unwrap();
            let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
            Ok(rows.collect::<Result<_, _>>().unwrap())
        };
        store.transact(read).await.unwrap()
    }

    #[tokio::test]
    async fn acknowledged_means_another_connection_sees_it() {
        let running = Running::new();
        let reader = Reader::open(running.dir.path()).unwrap();
        for second in 1..=20 {
            assert_eq!(running.store.record(goes_down("web", second)).await, Recorded::Stored);
            assert_eq!(reader.count_results().unwrap(), second.unsigned_abs());
        }
        assert_eq!(draw(&reader.history(&id("web")).unwrap()), "D1-");
        assert!(reader.history(&id("nobody")).unwrap().is_empty());
    }

    #[tokio::test]
    async fn whatever_waits_shares_the_next_commit() {
        let running = Running::new();
        running.store.sabotage(Sabotage::Hang);
        let records = (0..200).map(|second| running.store.record(success("web", second)));
        let release = async { running.store.sabotage(Sabotage::None) };
        let answers = tokio::join!(join_all(records), release).0;
        assert!(answers.iter().all(|&it| it == Recorded::Stored));
        assert!(running.store.commits() <= 2, "{} commits", running.store.commits());
        assert_eq!(log(&running.store).await.len(), 200);
    }

    #[tokio::test]
    async fn a_failing_store_keeps_recordings_and_their_order_until_it_recovers() {
        let running = Running::new();
        let store = &running.store;
        assert_eq!(store.record(goes_up("web", 1)).await, Recorded::Stored);
        store.sabotage(Sabotage::FailCommits);
        for second in 2..=40 {
            assert_eq!(store.record(success("web", second)).await, Recorded::Waiting);
        }
        assert_eq!(store.record(goes_down("web", 41)).await, Recorded::Waiting);
        let told = *store.storing().borrow();
        assert_eq!(told, Storing::Fails { since: at(2), waiting: 40, lost: 0 });
        store.sabotage(Sabotage::None);
        waits_for(store, |it| *it == Storing::Works).await;
        assert_eq!(store.record(success("web", 42)).await, Recorded::Stored);
        let seconds: Vec<i64> = log(store).await.into_iter().map(|(_, second)| second).collect();
        assert_eq!(seconds, (1..=42).collect::<Vec<_>>());
        let loaded = store.load(&[endpoint("web", &[])], at(0)).unwrap();
        assert_eq!(draw(&loaded[0].history), "U1-41 D41-");
    }

    #[tokio::test]
    async fn beyond_the_backlog_the_oldest_results_are_lost_and_counted_but_no_transition() {
        let running = Running::with_backlog(10);
        let store = &running.store;
        store.sabotage(Sabotage::FailCommits);
        store.record(goes_up("web", 1)).await;
        store.record(goes_down("web", 2)).await;
        for second in 3..=25 {
            store.record(success("web", second)).await;
        }
        let told = *store.storing().borrow();
        // Ten results, and the transitions that are left of two recordings, in one.
        assert_eq!(told, Storing::Fails { since: at(1), waiting: 11, lost: 15 });
        assert_eq!(store.lost(), 15);
        store.sabotage(Sabotage::None);
        waits_for(store, |it| *it == Storing::Works).await;
        let seconds: Vec<i64> = log(store).await.into_iter().map(|(_, second)| second).collect();
        assert_eq!(seconds, (16..=25).collect::<Vec<_>>());
        let loaded = store.load(&[endpoint("web", &[])], at(0)).unwrap();
        assert_eq!(draw(&loaded[0].history), "U1-2 D2-");
    }

    #[tokio::test]
    async fn work_that_is_called_off_never_happens() {
        let running = Running::new();
        let store = &running.store;
        let add = |name: &'static str| move |tx: &Tx<'_>| tx.row_of(&id(name));
        store.sabotage(Sabotage::Hang);
        let called_off = store.transact_within(Duration::from_millis(50), add("late")).await;
        assert!(matches!(called_off, Err(StoreError::NoAnswer)), "{called_off:?}");
        store.sabotage(Sabotage::None);
        store.transact_within(Duration::from_secs(60), add("early")).await.unwrap();
        let known = store.transact(|tx| endpoints::read(tx.connection())).await.unwrap();
        let known: Vec<&str> = known.iter().map(|it| it.id.as_str()).collect();
        assert_eq!(known, ["early"]);
    }

    #[tokio::test]
    async fn a_hanging_store_holds_an_asker_up_only_until_its_patience_ends() {
        let running = Running::new();
        let store = &running.store;
        store.sabotage(Sabotage::Hang);
        assert_eq!(store.record(success("web", 1)).await, Recorded::Unanswered);
        assert!(matches!(*store.storing().borrow(), Storing::Fails { waiting: 1, .. }));
        assert_eq!(store.record(success("web", 2)).await, Recorded::Unanswered);
        store.sabotage(Sabotage::None);
        waits_for(store, |it| *it == Storing::Works).await;
        assert_eq!(log(store).await.len(), 2);
    }

    #[tokio::test]
    async fn a_recording_that_can_never_be_stored_does_not_hold_the_others_up() {
        let running = Running::new();
        let store = &running.store;
        let poison = |tx: &Tx<'_>| {
            let trigger = "CREATE TRIGGER poison BEFORE INSERT ON result WHEN NEW.at_ms = 13000
                           BEGIN SELECT raise(ABORT, 'poison'); END";
            tx.connection().execute_batch(trigger).unwrap();
            Ok(())
        };
        store.transact(poison).await.unwrap();
        assert_eq!(store.record(success("web", 13)).await, Recorded::Waiting);
        store.sabotage(Sabotage::Hang);
        let records = (10..=20).map(|second| store.record(success("web", second)));
        let release = async { store.sabotage(Sabotage::None) };
        let answers = tokio::join!(join_all(records), release).0;
        assert_eq!(answers.iter().filter(|&&it| it == Recorded::Stored).count(), 10);
        assert_eq!(log(store).await.len(), 10);
        assert_eq!(store.lost(), 2);
        assert_eq!(*store.storing().borrow(), Storing::Works);
    }

    async fn join_all<T: Send + 'static>(all: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
        let mut all: Vec<_> = all.map(Box::pin).collect();
        let mut answers = Vec::new();
        // Each is asked once before any is awaited.
        for one in &mut all {
            std::future::poll_fn(|context| {
                assert!(one.as_mut().poll(context).is_pending());
                std::task::Poll::Ready(())
            })
            .await;
        }
        for one in all {
            answers.push(one.await);
        }
        answers
    }

    #[tokio::test]
    async fn a_transaction_that_fails_undoes_itself_and_nothing_else() {
        let running = Running::new();
        let store = &running.store;
        store.sabotage(Sabotage::Hang);
        let failing = store.transact(|tx| {
            tx.row_of(&id("ghost"))?;
            Err::<(), _>(StoreError::TooSlow)
        });
        let release = async { store.sabotage(Sabotage::None) };
        let (before, failed, after, ()) =
            tokio::join!(store.record(success("web", 1)), failing, store.record(success("web", 2)), release);
        assert_eq!((before, after), (Recorded::Stored, Recorded::Stored));
        assert!(matches!(failed, Err(StoreError::TooSlow)));
        // The ghost's row is gone and so must be what the writer knew of it.
        assert_eq!(store.record(success("ghost", 3)).await, Recorded::Stored);
        let names: Vec<String> = log(store).await.into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["web", "web", "ghost"]);
    }

    #[tokio::test]
    async fn a_transaction_whose_commit_fails_says_so() {
        let running = Running::new();
        running.store.sabotage(Sabotage::FailCommits);
        let failed = running.store.transact(|tx| tx.row_of(&id("web"))).await;
        assert!(matches!(failed, Err(StoreError::NotCommitted { .. })), "{failed:?}");
        assert_eq!(*running.store.storing().borrow(), Storing::Works);
    }

    #[tokio::test]
    async fn after_close_what_waited_is_stored_and_nothing_more_is_taken() {
        let running = Running::new();
        let store = running.store.clone();
        store.sabotage(Sabotage::Hang);
        let last = store.record(success("web", 1));
        let close = async {
            store.close();
            store.sabotage(Sabotage::None);
        };
        assert_eq!(tokio::join!(last, close).0, Recorded::Stored);
        assert_eq!(store.record(success("web", 2)).await, Recorded::Stopped);
        assert!(matches!(store.transact(|_| Ok(())).await, Err(StoreError::Stopped)));
        assert!(matches!(store.checkpoint().await, Err(StoreError::Stopped)));
        let dir = running.stop();
        assert_eq!(Reader::open(dir.path()).unwrap().count_results().unwrap(), 1);
    }

    #[tokio::test]
    async fn a_store_closed_while_it_fails_ends_all_the_same() {
        let running = Running::new();
        running.store.sabotage(Sabotage::FailCommits);
        assert_eq!(running.store.record(success("web", 1)).await, Recorded::Waiting);
        running.stop();
    }

    #[tokio::test]
    async fn a_database_that_is_taken_away_acknowledges_nothing() {
        let running = Running::new();
        assert_eq!(running.store.record(success("web", 1)).await, Recorded::Stored);
        std::fs::remove_file(running.dir.path().join(DATABASE_FILE)).unwrap();
        assert_eq!(running.store.record(success("web", 2)).await, Recorded::Waiting);
        assert!(matches!(*running.store.storing().borrow(), Storing::Fails { .. }));
    }

    #[tokio::test]
    async fn a_clock_400_days_ahead_prunes_nothing_that_is_not_almost_due() {
        const DAY: i64 = 86_400;
        let running = Running::new();
        let store = &running.store;
        let keep = Duration::from_secs(86_400);
        for day in 0..5 {
            store.record(goes_up("web", day * DAY)).await;
            store.record(goes_down("web", day * DAY + 100)).await;
        }
        let rows = async || log(store).await.len();
        // A first prune has nothing to go by and takes nothing; later ones follow the clock.
        for hour in 0..=72 {
            store.prune(at(2 * DAY + hour * 3600), keep).await.unwrap();
        }
        assert_eq!(rows().await, 2);
        assert_eq!(store.load(&[endpoint("web", &[])], at(0)).unwrap()[0].history.len(), 10);
        store.record(goes_up("web", 5 * DAY)).await;
        // The clock jumps and stays there for a day.
        for hour in 0..24 {
            store.prune(at(405 * DAY + hour * 3600), keep).await.unwrap();
        }
        assert_eq!(rows().await, 1, "what was due a day later at most");
        assert_eq!(store.load(&[endpoint("web", &[])], at(0)).unwrap()[0].history.len(), 11);
    }

    #[tokio::test]
    async fn a_restart_goes_on_where_it_was() {
        let running = Running::new();
        let unknown = result(50, Outcome::Unknown(UnknownReason::Throttled));
        let unknown = Recording { endpoint: id("web"), result: unknown, transitions: vec![] };
        for recording in
            [goes_up("web", 10), goes_down("web", 20), success("web", 40), unknown, success("app", 5)]
        {
            assert_eq!(running.store.record(recording).await, Recorded::Stored);
        }
        let endpoints = [endpoint("web", &[]), endpoint("app", &[]), endpoint("new", &[])];
        let before = running.store.load(&endpoints, at(0)).unwrap();
        let running = running.restart();
        let loaded = running.store.load(&endpoints, at(20)).unwrap();

        let [web, app, new] = &loaded[..] else { panic!("{loaded:?}") };
        assert_eq!(draw(&web.history), "D20-");
        assert_eq!(web.last_known.map(|it| it.at), Some(at(40)));
        assert_eq!(web.last.map(|it| it.outcome), Some(Outcome::Unknown(UnknownReason::Throttled)));
        let down = Transition { health: Health::Down, from: at(20) };
        assert_eq!(web.state, JudgeState::resumed(down, None, at(40)));
        assert!(app.history.is_empty());
        assert_eq!(app.last_known.map(|it| it.at), Some(at(5)));
        assert_eq!((&new.state, new.last), (&JudgeState::new(), None));
        for (before, after) in before.iter().zip(&loaded) {
            assert_eq!(
                (before.state, before.last, before.last_known),
                (after.state, after.last, after.last_known)
            );
        }
    }

    #[tokio::test]
    async fn a_silence_remembers_the_health_before_it() {
        let running = Running::new();
        let mut state = JudgeState::new();
        let web = endpoint("web", &[]);
        // Up at 10; silent; at 1000 one failure: unknown since 10, though the
        // span of being up began at 10 as well and is replaced.
        let failure = Outcome::Failure(crate::domain::outcome::FailureClass::Reset);
        for (second, outcome) in [(10, Outcome::Success), (1000, failure)] {
            let result = result(second, outcome);
            let thresholds = crate::domain::endpoint::Thresholds { failure: 2, success: 1 };
            let judgement = judge(state, thresholds, &result);
            state = judgement.state;
            let recording = Recording { endpoint: id("web"), result, transitions: judgement.transitions };
            assert_eq!(running.store.record(recording).await, Recorded::Stored);
        }
        let running = running.restart();
        let loaded = running.store.load(&[web], at(0)).unwrap();
        assert_eq!(draw(&loaded[0].history), "?10-");
        let silence = Transition { health: Health::Unknown, from: at(10) };
        assert_eq!(loaded[0].state, JudgeState::resumed(silence, Some(Health::Up), at(1000)));
    }
}
