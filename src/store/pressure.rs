//! When room runs short: deleting at once, and telling of a log that grows.

use std::fs;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::Connection;

use super::copy::{beside, mebibytes};
use super::error::StoreError;
use super::open::WAL_LIMIT;
use super::writer::in_transaction;
use super::{horizon, results};
use crate::domain::moment::minus;

/// Rows in a transaction on a nearly full disk: what they take in the log must
/// fit into the ballast many times over.
const CHUNK: usize = 1_000;

/// Transactions until results get their turn again.
const CHUNKS: usize = 20;

/// Deletes results that are too old; says how many.
pub(super) fn prune_at_once(
    connection: &Connection,
    now: Timestamp,
    keep: Duration,
) -> Result<usize, StoreError> {
    let mut before = now;
    in_transaction(connection, |connection| {
        before = minus(horizon::advance(connection, now)?, keep);
        Ok(())
    })?;
    let mut pruned = 0;
    for _ in 0..CHUNKS {
        let mut chunk = 0;
        in_transaction(connection, |connection| {
            chunk = results::prune(connection, before, now, CHUNK)?;
            Ok(())
        })?;
        if chunk == 0 {
            break;
        }
        pruned += chunk;
    }
    Ok(pruned)
}

/// Says once that the write-ahead log has outgrown its limit, and once that it is well again.
pub(super) fn tell_of_a_long_log(database: &Path, told: &mut bool) {
    let size = log_bytes(database);
    let long = u64::try_from(WAL_LIMIT).is_ok_and(|limit| limit < size);
    if long && !*told {
        tracing::warn!(
            "The write-ahead log of the database has grown to {} MiB, because another program has been \
             reading the database for long; it shrinks when that ends",
            mebibytes(size)
        );
    } else if *told && !long {
        tracing::info!("The write-ahead log of the database is short again");
    }
    *told = long;
}

fn log_bytes(database: &Path) -> u64 {
    fs::metadata(beside(database, "-wal")).map_or(0, |meta| meta.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::facts::Storing;
    use crate::store::testing::{Running, at, success};
    use crate::store::{BALLAST_FILE, DATABASE_FILE, Reader, Recorded, Sabotage};

    #[test]
    fn a_log_that_outgrows_its_limit_is_told_once() {
        let dir = tempfile::tempdir().unwrap();
        let database = dir.path().join(DATABASE_FILE);
        let log = fs::File::create(beside(&database, "-wal")).unwrap();
        let mut told = false;
        for (size, long) in [(1, false), (65 << 20, true), (66 << 20, true), (64 << 20, false)] {
            log.set_len(size).unwrap();
            tell_of_a_long_log(&database, &mut told);
            assert_eq!(told, long, "{size}");
        }
    }

    #[tokio::test]
    async fn a_full_disk_costs_the_ballast_and_what_is_too_old() {
        let running = Running::new();
        let store = &running.store;
        running.succeed("web", 1..=100).await;
        // A pruning that found nothing old enough, and an hour later there is.
        store.prune(at(100), Duration::from_secs(3600)).await.unwrap();
        let ballast = running.dir.path().join(BALLAST_FILE);
        assert!(ballast.exists());
        store.sabotage(Sabotage::FailCommits);
        assert_eq!(store.record(success("web", 3600 + 50)).await, Recorded::Waiting);
        assert!(!ballast.exists());
        store.sabotage(Sabotage::None);
        store.storing().wait_for(|it| *it == Storing::Works).await.unwrap();
        // Those from the 50th second on, and the one that waited.
        assert_eq!(Reader::open(running.dir.path()).unwrap().count_results().unwrap(), 52);
        store.record(success("web", 3600 + 51)).await;
        assert!(ballast.exists(), "the disk has room, so it is laid again");
    }
}
