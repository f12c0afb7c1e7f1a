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
