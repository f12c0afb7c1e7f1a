//! The log of results: appended to at one end, pruned at the other.

use jiff::{SignedDuration, Timestamp};
use rusqlite::Connection;

use super::error::{Doing, StoreError};
use super::newest;
use super::values::{ms, us};
use crate::domain::probe::ProbeResult;

/// A result from further ahead than this was written under a wrong clock; left
/// in place it would stop the pruning until that time comes.
const WRONG_CLOCK: SignedDuration = SignedDuration::from_hours(24);

pub(super) fn insert(connection: &Connection, endpoint: i64, result: &ProbeResult) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO result (endpoint, at_ms, outcome, total_us, http_status) VALUES (?1, ?2, ?3, ?4, ?5)",
        )
        .and_then(|mut it| {
            let (at, total) = (ms(result.at.wall), us(result.total));
            it.execute((endpoint, at, result.outcome.code(), total, result.http_status))
        })
        .doing("storing a result")?;
    Ok(())
}

/// Deletes the oldest results, at most `chunk` of them, as far as they are from
/// before `before`; says how many. The very last one stays, so that numbers
/// never start again, and what is deleted stays remembered as the newest of
/// its endpoint where it was.
pub(super) fn prune(
    connection: &Connection,
    before: Timestamp,
    now: Timestamp,
    chunk: usize,
) -> Result<usize, StoreError> {
    newest::remember(connection)?;
    let wrong = ms(now.checked_add(WRONG_CLOCK).unwrap_or(Timestamp::MAX));
    let chunk = i64::try_from(chunk).unwrap_or(i64::MAX);
    // The first result to keep among the next `chunk`, else the one after them.
    let sql = "
        WITH next AS (SELECT id, at_ms FROM result ORDER BY id LIMIT ?3)
        DELETE FROM result
        WHERE id < (SELECT max(id) FROM result)
          AND id < coalesce((SELECT min(id) FROM next WHERE at_ms BETWEEN ?1 AND ?2),
                            (SELECT max(id) + 1 FROM next))";
    connection
        .prepare_cached(sql)
        .and_then(|mut it| it.execute((ms(before), wrong, chunk)))
        .doing("pruning results")
}

/// How many results are stored. Reads the whole log: a second for every ten million.
pub(super) fn count(connection: &Connection) -> Result<u64, StoreError> {
    let count: i64 = connection
        .query_row("SELECT count(*) FROM result", [], |row| row.get(0))
        .doing("counting results")?;
    Ok(u64::try_from(count).unwrap_or_default())
}
