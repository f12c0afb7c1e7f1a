//! The newest results of each endpoint, without an index on the log.
//!
//! A table remembers them up to one result; a start reads only the log after
//! that. The writer brings the table up to date every [`REMEMBER_EVERY`]
//! results, before pruning and when it ends, so a start reads at most about
//! that many rows (some milliseconds), however long the log is.

use std::collections::HashMap;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension};
use std::time::Duration;

use super::error::{Doing, StoreError};
use super::values::{length, outcome, timestamp};
use crate::domain::judge::says;
use crate::domain::outcome::Outcome;

/// Results stored between two updates of the table.
pub(super) const REMEMBER_EVERY: usize = 20_000;

const THROUGH: &str = "newest_through";

/// A stored result, as far as it is needed to go on after a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    pub at: Timestamp,
    pub total: Duration,
    pub outcome: Outcome,
}

/// The row of one result.
#[derive(Debug, Clone, Copy)]
struct Row {
    result: i64,
    at_ms: i64,
    outcome: u8,
    total_us: i64,
}

impl Row {
    fn seen(self) -> Result<Seen, StoreError> {
        Ok(Seen {
            at: timestamp("result", self.at_ms)?,
            total: length(self.total_us),
            outcome: outcome(self.outcome)?,
        })
    }
}

/// By endpoint row and whether it said something.
#[derive(Debug, Default)]
pub(super) struct Newest {
    rows: HashMap<(i64, bool), Row>,
    through: i64,
}

impl Newest {
    /// The last result that said something.
    pub(super) fn known(&self, endpoint: i64) -> Result<Option<Seen>, StoreError> {
        self.rows.get(&(endpoint, true)).map(|row| row.seen()).transpose()
    }

    /// The last result, whatever it said.
    pub(super) fn any(&self, endpoint: i64) -> Result<Option<Seen>, StoreError> {
        let both = [true, false].map(|known| self.rows.get(&(endpoint, known)));
        both.into_iter().flatten().max_by_key(|row| row.result).map(|row| row.seen()).transpose()
    }
}

/// What the table and the log after it say. Reads only.
pub(super) fn read(connection: &Connection) -> Result<Newest, StoreError> {
    let doing = "reading the newest results";
    let through = connection
        .prepare_cached("SELECT value FROM meta WHERE key = ?1")
        .and_then(|mut it| it.query_row([THROUGH], |row| row.get(0)).optional())
        .doing(doing)?;
    let mut newest = Newest { rows: HashMap::new(), through: through.unwrap_or_default() };
    let sources = [
        "SELECT endpoint, result, at_ms, outcome, total_us FROM newest WHERE ?1 >= 0",
        "SELECT endpoint, id, at_ms, outcome, total_us FROM result WHERE id > ?1 ORDER BY id",
    ];
    for sql in sources {
        let mut select = connection.prepare_cached(sql).doing(doing)?;
        let mut rows = select.query([newest.through]).doing(doing)?;
        while let Some(row) = rows.next().doing(doing)? {
            let read = || {
                let found = Row {
                    result: row.get(1)?,
                    at_ms: row.get(2)?,
                    outcome: row.get(3)?,
                    total_us: row.get(4)?,
                };
                Ok((row.get(0)?, found))
            };
            let (endpoint, found): (i64, Row) = read().doing(doing)?;
            let known = says(outcome(found.outcome)?).is_some();
            newest.rows.insert((endpoint, known), found);
            newest.through = newest.through.max(found.result);
        }
    }
    Ok(newest)
}

/// Brings the table up to date with the log.
pub(super) fn remember(connection: &Connection) -> Result<(), StoreError> {
    let newest = read(connection)?;
    write(connection, &newest).doing("remembering the newest results")
}

fn write(connection: &Connection, newest: &Newest) -> rusqlite::Result<()> {
    let mut replace = connection.prepare_cached(
        "INSERT OR REPLACE INTO newest (endpoint, known, result, at_ms, outcome, total_us)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for (&(endpoint, known), row) in &newest.rows {
        replace.execute((endpoint, known, row.result, row.at_ms, row.outcome, row.total_us))?;
    }
    connection
        .prepare_cached("INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)")?
        .execute((THROUGH, newest.through))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::outcome::UnknownReason;
    use crate::store::migrations::migrate;
    use crate::store::results;
    use crate::store::testing::{at, result};

    #[test]
    fn the_table_and_the_log_after_it_say_the_same_as_the_log_alone() {
        let connection = Connection::open_in_memory().unwrap();
        migrate(&connection, 0).unwrap();
        connection.execute("INSERT INTO endpoint (id, name) VALUES (1, 'web'), (2, 'app')", []).unwrap();
        let told = |connection: &Connection| {
            let newest = read(connection).unwrap();
            [1, 2].map(|row| {
                (newest.known(row).unwrap().map(|it| it.at), newest.any(row).unwrap().map(|it| it.at))
            })
        };
        let throttled = Outcome::Unknown(UnknownReason::Throttled);
        let log =
            [(1, 10, Outcome::Success), (1, 20, throttled), (2, 25, throttled), (1, 30, Outcome::Success)];
        let mut expected = [(None, None); 2];
        for (endpoint, second, outcome) in log {
            results::insert(&connection, endpoint, &result(second, outcome)).unwrap();
            let one = &mut expected[usize::from(endpoint == 2)];
            one.1 = Some(at(second));
            if outcome != throttled {
                one.0 = Some(at(second));
            }
            assert_eq!(told(&connection), expected);
            remember(&connection).unwrap();
            assert_eq!(told(&connection), expected);
        }
    }
}
