//! Evidence: what failing probes saw, for operators. It waits for nobody and
//! nobody waits for it: what there is no room for is counted and lost.
//!
//! | kind | kept |
//! | --- | --- |
//! | the last trouble of an endpoint | one, the newest |
//! | the starts of its outages | the newest [`STARTS`] |
//! | both | [`KEEP`]; of an endpoint that was removed, too |

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::Connection;

use super::error::{Doing, StoreError};
use super::job::Job;
use super::reader::Reader;
use super::tx::{self, Tx};
use super::values::{ms, timestamp};
use super::{Store, work};
use crate::domain::endpoint::EndpointId;
use crate::meter::Counter;

/// How long evidence is kept.
pub(super) const KEEP: Duration = Duration::from_secs(30 * 86_400);
/// Starts of outages that are kept of one endpoint: more than three a day.
const STARTS: i64 = 100;
/// Evidence that waits for the next commit at most: 4 MB when each is as long as it may be.
const WAITING: usize = 256;

/// What one piece of evidence is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    LastTrouble,
    OutageStart,
}

impl Of {
    fn code(self) -> u8 {
        match self {
            Self::LastTrouble => 0,
            Self::OutageStart => 1,
        }
    }
}

/// One piece on its way to the disk.
#[derive(Debug, Clone)]
pub struct Piece {
    pub endpoint: EndpointId,
    pub at: Timestamp,
    pub of: Of,
    /// The code of the outcome.
    pub outcome: u8,
    /// JSON, redacted and cut to size by whoever made it.
    pub seen: String,
}

/// One piece that was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    pub at: Timestamp,
    pub of: Of,
    pub seen: String,
}

/// What waits, and what became of the rest.
#[derive(Debug, Default)]
pub struct Pieces {
    waiting: Mutex<Vec<Piece>>,
    /// The writer has been asked to come for them.
    asked: AtomicBool,
    pub stored: Counter,
    pub lost: Counter,
}

/// Held by the writer's job; however that ends, it may be asked anew.
struct Turn(Arc<Pieces>);

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.asked.store(false, Ordering::Release);
    }
}

impl Pieces {
    fn take(&self) -> Vec<Piece> {
        std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Store {
    /// Stores evidence with some commit soon. Never waits; says whether there was room.
    pub fn keep_evidence(&self, piece: Piece) -> bool {
        let pieces = &self.evidence;
        {
            let mut waiting = pieces.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            if WAITING <= waiting.len() {
                pieces.lost.inc();
                return false;
            }
            waiting.push(piece);
        }
        // Those that come before the writer does share one transaction.
        if !pieces.asked.swap(true, Ordering::AcqRel) {
            let turn = Turn(Arc::clone(pieces));
            let (job, _) = work::transaction(move |tx| {
                // What is pushed from here on asks again.
                let pieces = Arc::clone(&turn.0);
                drop(turn);
                write_all(tx, &pieces)
            });
            // A writer that has too much to do is asked again with the next piece.
            return self.shared.push_job(Job::Work(job)).is_ok();
        }
        true
    }

    /// What became of evidence since the start.
    pub fn evidence(&self) -> &Pieces {
        &self.evidence
    }

    /// What is kept of an endpoint, newest first. Blocks; on a connection of its own.
    pub fn kept_evidence(&self, endpoint: &EndpointId) -> Result<Option<Vec<Kept>>, StoreError> {
        Reader::open(&self.dir)?.evidence(endpoint)
    }
}

impl Reader {
    /// What is kept of an endpoint, newest first; none when nobody knows it.
    pub fn evidence(&self, endpoint: &EndpointId) -> Result<Option<Vec<Kept>>, StoreError> {
        self.limited(|connection| match tx::row_of(connection, endpoint)? {
            Some(row) => read(connection, row).map(Some),
            None => Ok(None),
        })
    }
}

fn write_all(tx: &Tx<'_>, pieces: &Pieces) -> Result<(), StoreError> {
    let taken = pieces.take();
    let count = u64::try_from(taken.len()).unwrap_or(u64::MAX);
    let written = taken.iter().try_for_each(|piece| write(tx, piece));
    match &written {
        Ok(()) => pieces.stored.add(count),
        Err(_) => pieces.lost.add(count),
    }
    written
}

fn write(tx: &Tx<'_>, piece: &Piece) -> Result<(), StoreError> {
    let doing = "storing evidence";
    let (row, connection, kind) = (tx.row_of(&piece.endpoint)?, tx.connection(), piece.of.code());
    match piece.of {
        Of::LastTrouble => connection
            .prepare_cached("DELETE FROM evidence WHERE endpoint = ?1 AND kind = 0")
            .and_then(|mut it| it.execute([row])),
        Of::OutageStart => connection
            .prepare_cached(
                "DELETE FROM evidence WHERE endpoint = ?1 AND kind = 1 AND id NOT IN
                 (SELECT id FROM evidence WHERE endpoint = ?1 AND kind = 1 ORDER BY id DESC LIMIT ?2)",
            )
            .and_then(|mut it| it.execute((row, STARTS - 1))),
    }
    .doing(doing)?;
    connection
        .prepare_cached(
            "INSERT INTO evidence (endpoint, at_ms, kind, outcome, seen) VALUES (?1, ?2, ?3, ?4, ?5)",
        )
        .and_then(|mut it| it.execute((row, ms(piece.at), kind, piece.outcome, &piece.seen)))
        .doing(doing)?;
    Ok(())
}

fn read(connection: &Connection, row: i64) -> Result<Vec<Kept>, StoreError> {
    let doing = "reading evidence";
    let mut select = connection
        .prepare_cached("SELECT at_ms, kind, seen FROM evidence WHERE endpoint = ?1 ORDER BY id DESC")
        .doing(doing)?;
    let mut rows = select.query([row]).doing(doing)?;
    let mut kept = Vec::new();
    while let Some(row) = rows.next().doing(doing)? {
        let kind: u8 = row.get(1).doing(doing)?;
        kept.push(Kept {
            at: timestamp("evidence", row.get(0).doing(doing)?)?,
            of: if kind == Of::OutageStart.code() { Of::OutageStart } else { Of::LastTrouble },
            seen: row.get(2).doing(doing)?,
        });
    }
    Ok(kept)
}

/// Deletes at most `chunk` pieces from before `before`; says how many.
pub(super) fn prune(connection: &Connection, before: Timestamp, chunk: usize) -> Result<usize, StoreError> {
    connection
        .prepare_cached(
            "DELETE FROM evidence WHERE id IN (SELECT id FROM evidence WHERE at_ms < ?1 ORDER BY id LIMIT ?2)",
        )
        .and_then(|mut it| it.execute((ms(before), i64::try_from(chunk).unwrap_or(i64::MAX))))
        .doing("pruning evidence")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::{Running, at, endpoint, id, success};
    use crate::store::{Recorded, Sabotage, sync_endpoints};

    fn piece(endpoint: &str, second: i64, of: Of) -> Piece {
        Piece { endpoint: id(endpoint), at: at(second), of, outcome: 1, seen: format!("{{\"n\":{second}}}") }
    }

    async fn stored(running: &Running, name: &str) -> Vec<(i64, Of)> {
        // Whatever was pushed before is committed with this at the latest.
        running.store.transact(|_| Ok(())).await.unwrap();
        let kept = running.store.kept_evidence(&id(name)).unwrap().unwrap_or_default();
        kept.iter().map(|it| (it.at.as_second(), it.of)).collect()
    }

    #[tokio::test]
    async fn the_newest_trouble_and_the_newest_outages_are_kept() {
        let running = Running::new();
        for second in 1..=250 {
            running.store.keep_evidence(piece("web", second, Of::OutageStart));
            running.store.keep_evidence(piece("web", second, Of::LastTrouble));
            running.store.transact(|_| Ok(())).await.unwrap();
        }
        let kept = stored(&running, "web").await;
        assert_eq!(kept.iter().filter(|it| it.1 == Of::LastTrouble).count(), 1);
        let starts: Vec<i64> = kept.iter().filter(|it| it.1 == Of::OutageStart).map(|it| it.0).collect();
        assert_eq!((starts.len(), starts[0], starts[99]), (100, 250, 151));
        assert_eq!(running.store.evidence().stored.get(), 500);
        assert!(running.store.kept_evidence(&id("nobody")).unwrap().is_none());
    }

    #[tokio::test]
    async fn evidence_outlives_a_restart_a_renaming_and_a_removal() {
        let running = Running::new();
        running.store.keep_evidence(piece("web", 5, Of::OutageStart));
        assert_eq!(stored(&running, "web").await, [(5, Of::OutageStart)]);
        let running = running.restart();
        let renamed = vec![endpoint("site", &["web"])];
        running.store.transact(move |tx| sync_endpoints(tx, &renamed, at(6))).await.unwrap();
        assert_eq!(stored(&running, "site").await, [(5, Of::OutageStart)]);
        running.store.transact(move |tx| sync_endpoints(tx, &[], at(7))).await.unwrap();
        assert_eq!(stored(&running, "site").await, [(5, Of::OutageStart)]);
    }

    #[tokio::test]
    async fn old_evidence_is_pruned() {
        let running = Running::new();
        let month = i64::try_from(KEEP.as_secs()).unwrap();
        for second in [1, month] {
            running.store.keep_evidence(piece("web", second, Of::OutageStart));
        }
        stored(&running, "web").await;
        running.store.prune(at(month + 10), Duration::from_secs(1)).await.unwrap();
        assert_eq!(stored(&running, "web").await, [(month, Of::OutageStart)]);
    }

    #[tokio::test]
    async fn evidence_that_finds_no_room_is_counted_and_costs_no_result() {
        let running = Running::new();
        running.store.sabotage(Sabotage::Hang);
        // The writer takes what it finds first, so one batch more than waits fits.
        let taken =
            (0..1000).filter(|second| running.store.keep_evidence(piece("web", *second, Of::OutageStart)));
        assert!(taken.count() <= 2 * WAITING);
        running.store.sabotage(Sabotage::None);
        assert_eq!(running.store.record(success("web", 1)).await, Recorded::Stored);
        let kept = stored(&running, "web").await.len();
        assert!(0 < kept, "{kept}");
        let counts = running.store.evidence();
        assert_eq!(counts.stored.get() + counts.lost.get(), 1000);
    }

    #[tokio::test]
    async fn a_result_is_stored_where_evidence_cannot_be() {
        let running = Running::new();
        let broken = |tx: &Tx<'_>| {
            tx.connection().execute_batch("DROP TABLE evidence").unwrap();
            Ok(())
        };
        running.store.transact(broken).await.unwrap();
        running.store.keep_evidence(piece("web", 1, Of::OutageStart));
        assert_eq!(running.store.record(success("web", 1)).await, Recorded::Stored);
        assert_eq!(running.store.evidence().lost.get(), 1);
    }
}
