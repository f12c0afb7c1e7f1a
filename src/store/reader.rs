//! A reader: a connection that can change nothing and may not take long.

use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode};

use super::error::{Doing, StoreError};
use super::migrations::{APPLICATION_ID, latest};
use super::open::DATABASE_FILE;
use super::{open, results, spans, tx};
use crate::domain::endpoint::EndpointId;
use crate::domain::span::Span;

/// The longest a query may hold its snapshot: as long as it does, the
/// write-ahead log cannot be used again from its start and grows.
const LIMIT: Duration = Duration::from_secs(5);

pub struct Reader {
    connection: Connection,
    limit: Duration,
}

impl Reader {
    /// Opens the database in `dir` beside a running daemon or without one.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let connection = open::for_reading(dir)?;
        ours(&connection, &dir.join(DATABASE_FILE))?;
        Ok(Self { connection, limit: LIMIT })
    }

    pub fn count_results(&self) -> Result<u64, StoreError> {
        self.limited(results::count)
    }

    /// The whole stored history of an endpoint, oldest first; empty when it is not known.
    pub fn history(&self, endpoint: &EndpointId) -> Result<Vec<Span>, StoreError> {
        self.limited(|connection| match tx::row_of(connection, endpoint)? {
            Some(row) => spans::history(connection, row, Timestamp::MIN),
            None => Ok(Vec::new()),
        })
    }

    /// Runs `query`, interrupted when its time is up.
    pub(super) fn limited<T>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let handle = self.connection.get_interrupt_handle();
        let (limit, (done, waits)) = (self.limit, sync_channel::<()>(0));
        let answer = std::thread::scope(|scope| {
            scope.spawn(move || {
                if waits.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
                    handle.interrupt();
                }
            });
            let answer = query(&self.connection);
            drop(done);
            answer
        });
        answer.map_err(|error| match error {
            StoreError::Sqlite { source, .. }
                if source.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) =>
            {
                StoreError::TooSlow
            }
            other => other,
        })
    }
}

/// Refuses a database of another program or of a newer one of ours.
pub(super) fn ours(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let path = path.to_owned();
    let number = |pragma: &str| {
        connection
            .pragma_query_value(None, pragma, |row| row.get::<_, i64>(0))
            .doing("looking at the database")
    };
    let (found, version) = (number("application_id")?, number("user_version")?);
    if found != APPLICATION_ID {
        return Err(StoreError::Foreign { path, found });
    }
    if latest() < version {
        return Err(StoreError::Newer { path, found: version, known: latest() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::Running;

    #[test]
    fn a_query_that_takes_too_long_is_stopped() {
        let running = Running::new();
        let mut reader = Reader::open(running.dir.path()).unwrap();
        let endless =
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
        reader.limit = Duration::from_millis(20);
        let stopped = reader.limited(|connection| {
            connection.query_row(endless, [], |row| row.get::<_, i64>(0)).doing("counting for ever")
        });
        assert!(matches!(stopped, Err(StoreError::TooSlow)));
        reader.limit = LIMIT;
        assert_eq!(reader.count_results().unwrap(), 0);
    }

    #[test]
    fn a_reader_changes_nothing() {
        let running = Running::new();
        let reader = Reader::open(running.dir.path()).unwrap();
        assert!(reader.connection.execute("DELETE FROM result", []).is_err());
    }
}
