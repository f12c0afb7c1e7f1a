//! What time it is for the pruning: the wall clock, but never suddenly much later.
//!
//! What a wrong clock makes look old and is deleted cannot be brought back, so
//! the time that counts is stored and moves by at most [`STRIDE`] a prune. After
//! a stop it catches up by and by; after [`HELD`] prunes in a row that were held
//! back the clock is believed, for it will not get any righter.

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension};

use super::error::{Doing, StoreError};
use super::values::{ms, timestamp};

/// Twice what passes between two prunes, so that what lags behind catches up.
const STRIDE: SignedDuration = SignedDuration::from_hours(2);
/// A week of prunes: long enough for somebody to see that the page has a wrong date.
const HELD: i64 = 7 * 24;

const PRUNED_AT: &str = "pruned_at";
const PRUNES_HELD: &str = "prunes_held";

/// Moves the time that counts towards `now`, and gives it.
pub(super) fn advance(connection: &Connection, now: Timestamp) -> Result<Timestamp, StoreError> {
    let held = meta(connection, PRUNES_HELD)?.unwrap_or_default();
    let limit = match meta(connection, PRUNED_AT)? {
        _ if held >= HELD => now,
        Some(before) => stride(timestamp("meta", before)?),
        // The first prune: no row is older than the log's first one.
        None => oldest(connection)?.map_or(now, stride),
    };
    let counts = now.min(limit);
    set(connection, PRUNED_AT, ms(counts))?;
    set(connection, PRUNES_HELD, if counts < now { held + 1 } else { 0 })?;
    Ok(counts)
}

fn stride(from: Timestamp) -> Timestamp {
    from.checked_add(STRIDE).unwrap_or(Timestamp::MAX)
}

fn oldest(connection: &Connection) -> Result<Option<Timestamp>, StoreError> {
    let first: Option<i64> = connection
        .query_row("SELECT at_ms FROM result ORDER BY id LIMIT 1", [], |row| row.get(0))
        .optional()
        .doing("looking for the oldest result")?;
    first.map(|at| timestamp("result", at)).transpose()
}

fn meta(connection: &Connection, key: &str) -> Result<Option<i64>, StoreError> {
    connection
        .prepare_cached("SELECT value FROM meta WHERE key = ?1")
        .and_then(|mut it| it.query_row([key], |row| row.get(0)).optional())
        .doing("reading when it was last pruned")
}

fn set(connection: &Connection, key: &str, value: i64) -> Result<(), StoreError> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)")
        .and_then(|mut it| it.execute((key, value)))
        .doing("storing when it was pruned")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::outcome::Outcome;
    use crate::store::migrations::migrate;
    use crate::store::testing::{at, result};

    const HOUR: i64 = 3600;
    const YEAR: i64 = 31_536_000;

    fn database() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        migrate(&connection, 0).unwrap();
        connection
    }

    /// The time that counts, in hours.
    fn hours(connection: &Connection, now: i64) -> i64 {
        advance(connection, at(now * HOUR)).unwrap().as_second() / HOUR
    }

    #[test]
    fn it_follows_the_clock_back_but_only_slowly_ahead() {
        let connection = database();
        assert_eq!([10, 11, 12].map(|now| hours(&connection, now)), [10, 11, 12]);
        assert_eq!([1000, 1001, 15, 16].map(|now| hours(&connection, now)), [14, 16, 15, 16]);
        assert_eq!([3, 4].map(|now| hours(&connection, now)), [3, 4]);
    }

    #[test]
    fn a_first_prune_goes_by_the_oldest_result() {
        let connection = database();
        connection.execute("INSERT INTO endpoint (id, name) VALUES (1, 'web')", []).unwrap();
        crate::store::results::insert(&connection, 1, &result(5 * HOUR, Outcome::Success)).unwrap();
        assert_eq!(hours(&connection, 9000), 7);
    }

    #[test]
    fn what_was_wrong_at_the_start_is_left_behind_after_a_week() {
        let connection = database();
        hours(&connection, 0);
        let now = 56 * YEAR / HOUR;
        for prune in 1..=HELD {
            assert_eq!(hours(&connection, now + prune), 2 * prune);
        }
        assert_eq!(hours(&connection, now + HELD + 1), now + HELD + 1);
        assert_eq!(hours(&connection, now + HELD + 2), now + HELD + 2);
    }
}
