//! The log of results: appended to at one end, pruned at the other.

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension};

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
///
/// A result from far ahead of `now` says nothing by its own time: it goes only
/// when one written after it is old. So neither a clock that is ahead nor one
/// that is behind makes young results look old.
pub(super) fn prune(
    connection: &Connection,
    before: Timestamp,
    now: Timestamp,
    chunk: usize,
) -> Result<usize, StoreError> {
    let doing = "pruning results";
    let wrong = ms(now.checked_add(WRONG_CLOCK).unwrap_or(Timestamp::MAX));
    let front: Option<i64> = connection
        .prepare_cached("SELECT iif(at_ms < ?1, id, NULL) FROM result WHERE at_ms <= ?2 ORDER BY id LIMIT 1")
        .and_then(|mut it| it.query_row((ms(before), wrong), |row| row.get(0)).optional())
        .doing(doing)?
        .flatten();
    let Some(front) = front else { return Ok(0) };
    newest::remember(connection)?;
    let chunk = i64::try_from(chunk).unwrap_or(i64::MAX);
    // Among the next `chunk`: up to the last old one that is before the first one to keep.
    let sql = "
        WITH next AS (SELECT id, at_ms FROM result ORDER BY id LIMIT ?3),
             keep AS (SELECT min(id) AS id FROM next WHERE at_ms BETWEEN ?1 AND ?2),
             old AS (SELECT max(id) AS id FROM next
                     WHERE at_ms < ?1 AND id < coalesce((SELECT id FROM keep), id + 1))
        DELETE FROM result
        WHERE id <= (SELECT max(id) FROM next)
          AND id <= max(?4, coalesce((SELECT id FROM old), 0))
          AND id < (SELECT max(id) FROM result)";
    connection
        .prepare_cached(sql)
        .and_then(|mut it| it.execute((ms(before), wrong, chunk, front)))
        .doing(doing)
}

/// How many results are stored. Reads the whole log: a second for every ten million.
pub(super) fn count(connection: &Connection) -> Result<u64, StoreError> {
    let count: i64 = connection
        .query_row("SELECT count(*) FROM result", [], |row| row.get(0))
        .doing("counting results")?;
    Ok(u64::try_from(count).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::outcome::{FailureClass, Outcome};
    use crate::store::migrations::migrate;
    use crate::store::testing::{at, result};
    use crate::store::{DATABASE_FILE, open};

    fn seconds(connection: &Connection) -> Vec<i64> {
        let mut select = connection.prepare("SELECT at_ms / 1000 FROM result ORDER BY id").unwrap();
        let rows = select.query_map([], |row| row.get(0)).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    }

    fn with_results_at(seconds: impl IntoIterator<Item = i64>) -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        migrate(&connection, 0).unwrap();
        connection.execute("INSERT INTO endpoint (id, name) VALUES (1, 'web')", []).unwrap();
        for second in seconds {
            insert(&connection, 1, &result(second, Outcome::Success)).unwrap();
        }
        connection
    }

    #[test]
    fn a_result_takes_at_most_28_bytes_on_the_disk() {
        const ROWS: u32 = 100_000;
        let dir = tempfile::tempdir().unwrap();
        let (connection, _lock, _) = open::for_writing(dir.path()).unwrap();
        connection.execute_batch("BEGIN").unwrap();
        for row in 1..=50 {
            connection
                .execute("INSERT INTO endpoint (id, name) VALUES (?1, 'endpoint-' || ?1)", [row])
                .unwrap();
        }
        for row in 0..ROWS {
            let mut seen = result(1_764_000_000 + i64::from(row / 5), Outcome::Success);
            // A tenth is slow, and one in fifty fails.
            seen.total =
                Duration::from_micros(if row % 10 == 0 { 4_000_000 } else { 180_000 } + u64::from(row % 977));
            if row % 50 == 49 {
                seen.outcome = Outcome::Failure(FailureClass::Http5xx);
            }
            insert(&connection, 1 + i64::from(row % 50), &seen).unwrap();
        }
        newest::remember(&connection).unwrap();
        connection.execute_batch("COMMIT").unwrap();
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
        let size = std::fs::metadata(dir.path().join(DATABASE_FILE)).unwrap().len();
        let pages: i64 = connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
        assert_eq!(size, pages.unsigned_abs() * 4096);
        assert!(size <= 28 * u64::from(ROWS), "{size} bytes for {ROWS} results");
    }

    #[test]
    fn old_results_go_a_chunk_at_a_time_and_younger_ones_stay() {
        let connection = with_results_at(1..=10);
        assert_eq!(prune(&connection, at(8), at(100), 5).unwrap(), 5);
        assert_eq!(seconds(&connection), [6, 7, 8, 9, 10]);
        assert_eq!(prune(&connection, at(8), at(100), 5).unwrap(), 2);
        assert_eq!(prune(&connection, at(8), at(100), 5).unwrap(), 0);
        assert_eq!(seconds(&connection), [8, 9, 10]);
    }

    #[test]
    fn the_last_result_stays_and_the_newest_are_remembered() {
        let connection = with_results_at(1..=3);
        connection.execute("INSERT INTO endpoint (id, name) VALUES (2, 'app')", []).unwrap();
        insert(&connection, 2, &result(4, Outcome::Success)).unwrap();
        assert_eq!(prune(&connection, at(50), at(100), 5).unwrap(), 3);
        assert_eq!(seconds(&connection), [4]);
        let newest = newest::read(&connection).unwrap();
        assert_eq!(newest.known(1).unwrap().map(|it| it.at), Some(at(3)));
        assert_eq!(newest.known(2).unwrap().map(|it| it.at), Some(at(4)));
    }

    #[test]
    fn results_from_a_wrong_clock_do_not_stop_the_pruning() {
        const YEAR: i64 = 31_536_000;
        let connection = with_results_at([1, 2, 9 * YEAR, 3, 60, 2, 61]);
        assert_eq!(prune(&connection, at(50), at(100), 100).unwrap(), 4);
        assert_eq!(seconds(&connection), [60, 2, 61]);
        // However many there are, once what came after them is old.
        let ahead = std::iter::repeat_n(9 * YEAR, 10);
        let connection = with_results_at(ahead.chain([5, 60]));
        assert_eq!(prune(&connection, at(50), at(100), 4).unwrap(), 4);
        assert_eq!(prune(&connection, at(50), at(100), 100).unwrap(), 7);
        assert_eq!(seconds(&connection), [60]);
    }

    #[test]
    fn a_clock_that_is_behind_does_not_make_results_look_like_ones_from_a_wrong_clock() {
        const YEAR: i64 = 31_536_000;
        let connection = with_results_at([9 * YEAR, 9 * YEAR + 1, 9 * YEAR + 2, 100, 9 * YEAR + 3]);
        assert_eq!(prune(&connection, at(50), at(100), 100).unwrap(), 0);
        assert_eq!(seconds(&connection).len(), 5);
    }
}
