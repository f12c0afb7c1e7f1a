//! The writer: owns the one writing connection; whatever waits shares its next commit.
//!
//! While one commit is flushed to the disk, and for [`PACE`] more, the next batch
//! gathers in the queue. Nobody is told "stored" before the flush is done.

mod files;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;

use super::ballast::Ballast;
use super::error::{Doing, StoreError};
use super::identity::Identity;
use super::job::{Chore, Entry, Job};
use super::lock::Lock;
use super::newest::{self, REMEMBER_EVERY};
use super::open;
use super::sabotage::Sabotage;
use super::shared::Shared;
use super::tx::{Rows, Tx};
use super::{Recorded, results, spans};
use crate::meter::Stopwatch;

/// The files are weighed at a commit, and not more often than this.
const WEIGH_AFTER: Duration = Duration::from_secs(1);

/// How often a hang that was asked for looks whether it may end.
const HANG: Duration = Duration::from_millis(5);

/// How often a commit asks for a database that another process holds: 2.5 s in all, half
/// the patience of who waits for it. A store that is held fails, and what it cannot take
/// is told; one that does not answer leaves everybody guessing.
const TRIES: u32 = 10;
/// The same once the store is closing: half a second.
const LAST_TRIES: u32 = 2;

/// The other half of a store; `run` is its thread.
pub struct Writer {
    // In the order they are let go: the lock last.
    connection: Connection,
    rows: Rows,
    identity: Identity,
    /// Results stored since the newest were last remembered.
    unremembered: usize,
    ballast: Ballast,
    /// Whether the write-ahead log was already told to be too long.
    told_of_the_log: bool,
    weighed: Stopwatch,
    dir: PathBuf,
    shared: Arc<Shared>,
    _lock: Lock,
}

/// No commit comes sooner than this after the last: at 500 results a second a
/// flush for each would cost a third of all the time we take. Measured by
/// `cargo bench -- probes`.
const PACE: Duration = Duration::from_millis(20);

impl Writer {
    pub(super) fn open(dir: &Path, shared: Arc<Shared>) -> Result<Self, StoreError> {
        let (connection, lock, identity) = open::for_writing(dir)?;
        shared.meters.weigh(dir);
        Ok(Self {
            connection,
            rows: Rows::default(),
            identity,
            unremembered: 0,
            ballast: Ballast::take(dir),
            told_of_the_log: false,
            weighed: Stopwatch::start(),
            dir: dir.to_owned(),
            shared,
            _lock: lock,
        })
    }

    /// Blocks until the store is closed and everything that waits is stored,
    /// or cannot be. When it returns or panics, the store answers `Stopped`.
    pub fn run(mut self) {
        let mut failed = false;
        while let Some(batch) = self.shared.next(failed) {
            if batch.is_empty() {
                self.look_around();
                continue;
            }
            while Sabotage::of(&self.shared) == Sabotage::Hang {
                std::thread::park_timeout(HANG);
            }
            let results = batch.iter().any(|job| matches!(job, Job::Record(_)));
            failed = !self.take(batch);
            self.remember(REMEMBER_EVERY);
            // A lone result is committed at once; only what follows close upon it waits.
            if results && !failed && !self.shared.is_stopped() {
                std::thread::sleep(PACE);
            }
        }
        self.end();
    }

    pub(super) fn end(mut self) {
        self.remember(1);
        if let Err(error) = self.chore("TRUNCATE") {
            tracing::warn!(error = error.as_dyn(), "The write-ahead log could not be emptied at the end");
        }
    }

    /// Commits a batch and answers everyone in it; says whether it worked.
    pub(super) fn take(&mut self, batch: Vec<Job>) -> bool {
        let mut waiting = Vec::with_capacity(batch.len());
        let mut chores = Vec::new();
        for job in batch {
            match job {
                Job::Chore(chore, answer) => chores.push((chore, answer)),
                job => waiting.push(job),
            }
        }
        let worked = waiting.is_empty() || self.settle(waiting);
        for (chore, answer) in chores {
            let done = match chore {
                Chore::Checkpoint => {
                    self.look_around();
                    self.chore("PASSIVE")
                }
                Chore::Optimise => self.connection.execute_batch("PRAGMA optimize").doing("optimising"),
            };
            // Whoever asked may have gone.
            let _ = answer.send(done);
        }
        worked
    }

    fn settle(&mut self, mut batch: Vec<Job>) -> bool {
        let alone = batch.len() == 1;
        let watch = Stopwatch::start();
        let committed = self.commit(&mut batch, alone);
        let meters = &self.shared.meters;
        meters.commit.time(watch.read());
        meters.batch.observe(u64::try_from(batch.len()).unwrap_or(u64::MAX));
        if WEIGH_AFTER <= self.weighed.read() {
            self.weighed = Stopwatch::start();
            meters.weigh(&self.dir);
        }
        match committed {
            Ok(done) => {
                self.unremembered += done.results;
                self.ballast.retake();
                self.shared.found(|known| known.vanished = false);
                // First the news that storing works, then the answers.
                self.shared.committed(done.refused);
                for job in batch {
                    match job {
                        Job::Record(Entry { answer: Some(answer), .. }) => {
                            let _ = answer.send(Recorded::Stored);
                        }
                        Job::Work(work) => work.answer(Ok(())),
                        Job::Record(_) | Job::Chore(..) => (),
                    }
                }
                true
            }
            Err(error) => {
                meters.failed.inc();
                self.give_back(batch, error);
                false
            }
        }
    }

    fn give_back(&mut self, batch: Vec<Job>, error: StoreError) {
        self.roll_back("ROLLBACK");
        if error.is_full() && self.ballast.give_up() {
            self.relieve(&batch);
        }
        let news = match &error {
            StoreError::Vanished { .. } => self.shared.found(|known| known.vanished = true),
            error if error.is_damage() => self.shared.found(|known| known.damaged = true),
            _ => false,
        };
        if news {
            tracing::error!(
                error = error.as_dyn(),
                "The database cannot be written to any more; results wait in memory"
            );
        }
        // That the file is gone may also have been told while nothing was stored.
        let told = news || matches!(error, StoreError::Vanished { .. });
        let error = Arc::new(error);
        let (mut entries, mut answers) = (Vec::new(), Vec::new());
        for job in batch {
            match job {
                Job::Record(mut entry) => {
                    answers.extend(entry.answer.take());
                    entries.push(entry);
                }
                Job::Work(work) => work.answer(Err(StoreError::NotCommitted { source: Arc::clone(&error) })),
                Job::Chore(..) => (),
            }
        }
        self.shared.failed(entries, (!told).then_some(&*error));
        for answer in answers {
            let _ = answer.send(Recorded::Waiting);
        }
    }

    fn commit(&mut self, batch: &mut [Job], alone: bool) -> Result<Done, StoreError> {
        self.hold_on()?;
        if Sabotage::of(&self.shared) == Sabotage::SyncNormal {
            self.run_sql("PRAGMA synchronous = NORMAL")?;
        }
        self.begin()?;
        let tx = Tx::new(&self.connection, &self.rows);
        let mut done = Done::default();
        for job in batch {
            match job {
                // A commit of its own needs no savepoint: the usual case of a quiet disk.
                Job::Record(entry) if alone => match record(&tx, entry) {
                    Ok(()) => done.results += 1,
                    Err(error) if error.is_of_the_work() => {
                        refuse(entry, &error);
                        self.roll_back("ROLLBACK");
                        return Ok(Done { refused: 1, ..done });
                    }
                    Err(error) => return Err(error),
                },
                Job::Record(entry) => {
                    self.run_sql("SAVEPOINT job")?;
                    match record(&tx, entry) {
                        Ok(()) => done.results += 1,
                        Err(error) if error.is_of_the_work() => {
                            refuse(entry, &error);
                            done.refused += 1;
                            self.roll_back("ROLLBACK TO job");
                        }
                        Err(error) => return Err(error),
                    }
                    self.run_sql("RELEASE job")?;
                }
                Job::Work(work) => {
                    self.run_sql("SAVEPOINT job")?;
                    if !work.run(&tx) {
                        self.roll_back("ROLLBACK TO job");
                    }
                    self.run_sql("RELEASE job")?;
                }
                Job::Chore(..) => (),
            }
        }
        if Sabotage::of(&self.shared) == Sabotage::FailCommits {
            return Err(Sabotage::error());
        }
        self.run_sql("COMMIT")?;
        Ok(done)
    }

    /// Waits for another process that holds the database, but not beyond the end.
    fn begin(&self) -> Result<(), StoreError> {
        let (mut tries, mut last_tries) = (0, 0);
        loop {
            let begun = self.run_sql("BEGIN IMMEDIATE");
            if !matches!(&begun, Err(error) if error.is_busy()) {
                return begun;
            }
            tries += 1;
            last_tries += u32::from(self.shared.is_stopped());
            if tries == TRIES || last_tries == LAST_TRIES {
                return begun;
            }
        }
    }

    fn run_sql(&self, sql: &'static str) -> Result<(), StoreError> {
        self.connection.prepare_cached(sql).and_then(|mut it| it.execute([])).doing(sql)?;
        Ok(())
    }

    /// Undoes, and forgets what was learnt from rows that are gone. SQLite may
    /// have undone everything itself; then there is nothing left to undo.
    fn roll_back(&self, sql: &'static str) {
        self.rows.borrow_mut().clear();
        if !self.connection.is_autocommit()
            && let Err(error) = self.run_sql(sql)
        {
            tracing::warn!(error = error.as_dyn(), "Could not roll back");
        }
    }

    /// Remembers the newest results when at least `from` were stored since.
    fn remember(&mut self, from: usize) {
        if self.unremembered < from {
            return;
        }
        // If it fails, a start reads more of the log; nothing is lost.
        match in_transaction(&self.connection, newest::remember) {
            Ok(()) => self.unremembered = 0,
            Err(error) => {
                tracing::warn!(error = error.as_dyn(), "Could not remember the newest results");
                self.unremembered = 0;
            }
        }
    }

    fn chore(&mut self, how: &str) -> Result<(), StoreError> {
        self.hold_on()?;
        self.connection
            .query_row(&format!("PRAGMA wal_checkpoint({how})"), [], |_| Ok(()))
            .doing("moving the write-ahead log into the database")
    }
}

#[cfg(feature = "simulation")]
impl Writer {
    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(super) fn pragma(&self, name: &str) -> Option<i64> {
        self.connection.pragma_query_value(None, name, |row| row.get(0)).ok()
    }

    pub(super) fn set_pragma(&self, name: &str, value: &str) {
        if let Err(error) = self.connection.pragma_update(None, name, value) {
            tracing::warn!("Could not set `{name}`: {error}");
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.shared.gone();
    }
}

#[derive(Default)]
struct Done {
    results: usize,
    refused: u64,
}

fn record(tx: &Tx<'_>, entry: &Entry) -> Result<(), StoreError> {
    let row = tx.row_of(&entry.endpoint)?;
    if let Some(result) = &entry.result {
        results::insert(tx.connection(), row, result)?;
    }
    for &transition in &entry.transitions {
        spans::apply(tx.connection(), row, transition)?;
    }
    Ok(())
}

/// A recording that can never be stored must not keep the others from it.
fn refuse(entry: &mut Entry, error: &StoreError) {
    tracing::error!(error = error.as_dyn(), endpoint = %entry.endpoint, "A result cannot be stored and is dropped");
    if let Some(answer) = entry.answer.take() {
        let _ = answer.send(Recorded::Waiting);
    }
}

pub(super) fn in_transaction(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let tx = connection.unchecked_transaction().doing("starting a transaction")?;
    work(&tx)?;
    tx.commit().doing("committing")
}
