//! Logins that were tried, and accounts that may not log in: what keeps us from
//! locking an account must outlive us.

use std::fs;
use std::path::Path;

use jiff::Timestamp;
use rusqlite::{Connection, Row};

use super::error::{Doing, StoreError};
use super::tx::Tx;
use super::values::{ms, timestamp};
use crate::domain::login_budget::Ended;
use crate::domain::moment::minus;
use crate::domain::outcome::UnknownReason;

/// Attempts are kept for a day: long beyond any hour that is counted.
const KEEP: std::time::Duration = std::time::Duration::from_secs(86_400);

/// In place of an origin or an account: every one.
pub const EVERY: &str = "*";

/// Lies in the data directory from a restore to the next start.
const RESTORED: &str = "restored";

/// One login that was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginRow {
    pub row: i64,
    pub origin: String,
    pub account: String,
    pub at: Timestamp,
    pub ended: Ended,
}

/// An account that may not log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StopRow {
    pub origin: String,
    pub account: String,
    pub reason: UnknownReason,
    pub since: Timestamp,
}

/// Writes down a login before it is tried; gives back its row.
pub fn add_login(tx: &Tx<'_>, origin: &str, account: &str, at: Timestamp) -> Result<i64, StoreError> {
    let connection = tx.connection();
    connection
        .prepare_cached("DELETE FROM login_attempt WHERE at_ms < ?1")
        .and_then(|mut it| it.execute([ms(minus(at, KEEP))]))
        .doing("forgetting old logins")?;
    insert(connection, origin, account, ms(at))
}

fn insert(connection: &Connection, origin: &str, account: &str, at_ms: i64) -> Result<i64, StoreError> {
    let sql = "INSERT INTO login_attempt (origin, account, at_ms) VALUES (?1, ?2, ?3) RETURNING id";
    connection
        .prepare_cached(sql)
        .and_then(|mut it| it.query_row((origin, account, at_ms), |row| row.get(0)))
        .doing("writing down a login")
}

/// It counts from its end on.
pub fn end_login(tx: &Tx<'_>, row: i64, ended: Ended, at: Timestamp) -> Result<(), StoreError> {
    let sql = "UPDATE login_attempt SET ended = ?2, at_ms = ?3 WHERE id = ?1";
    change(tx, sql, (row, ended.code(), ms(at))).map(|_| ())
}

/// It was not tried after all.
pub fn forget_login(tx: &Tx<'_>, row: i64) -> Result<(), StoreError> {
    change(tx, "DELETE FROM login_attempt WHERE id = ?1", [row]).map(|_| ())
}

pub fn stop_logins(tx: &Tx<'_>, stop: &StopRow) -> Result<(), StoreError> {
    let sql = "INSERT INTO login_stop (origin, account, reason, since_ms) VALUES (?1, ?2, ?3, ?4)
               ON CONFLICT DO NOTHING";
    let values = (stop.origin.as_str(), stop.account.as_str(), stop.reason.code(), ms(stop.since));
    change(tx, sql, values).map(|_| ())
}

/// Lets an account log in again, everywhere; says how many stops there were.
pub fn lift_stops(tx: &Tx<'_>, account: &str) -> Result<usize, StoreError> {
    change(tx, "DELETE FROM login_stop WHERE account = ?1", [account])
}

pub fn known_logins(tx: &Tx<'_>) -> Result<Vec<LoginRow>, StoreError> {
    let sql = "SELECT id, origin, account, at_ms, ended FROM login_attempt ORDER BY id";
    read(tx, sql, |row| {
        let doing = "reading a login";
        let code: u8 = row.get(4).doing(doing)?;
        let what = || format!("end {code}");
        Ok(LoginRow {
            row: row.get(0).doing(doing)?,
            origin: row.get(1).doing(doing)?,
            account: row.get(2).doing(doing)?,
            at: timestamp("login_attempt", row.get(3).doing(doing)?)?,
            ended: Ended::from_code(code)
                .ok_or_else(|| StoreError::Inconsistent { table: "login_attempt", what: what() })?,
        })
    })
}

pub fn known_stops(tx: &Tx<'_>) -> Result<Vec<StopRow>, StoreError> {
    let sql = "SELECT origin, account, reason, since_ms FROM login_stop ORDER BY account, origin";
    read(tx, sql, |row| {
        let doing = "reading why logins are stopped";
        let code: u8 = row.get(2).doing(doing)?;
        let what = || format!("reason {code}");
        Ok(StopRow {
            origin: row.get(0).doing(doing)?,
            account: row.get(1).doing(doing)?,
            reason: UnknownReason::from_code(code)
                .ok_or_else(|| StoreError::Inconsistent { table: "login_stop", what: what() })?,
            since: timestamp("login_stop", row.get(3).doing(doing)?)?,
        })
    })
}

/// A backup knows nothing of the logins since it was made; the next start
/// counts one of every account instead.
pub(super) fn mark_restored(dir: &Path) -> Result<(), StoreError> {
    let path = dir.join(RESTORED);
    fs::write(&path, "").map_err(|why| StoreError::Unwritable { path, why: why.to_string() })
}

pub(super) fn note_restored(connection: &Connection, dir: &Path) -> Result<(), StoreError> {
    let path = dir.join(RESTORED);
    let Ok(made) = fs::metadata(&path).and_then(|it| it.modified()) else { return Ok(()) };
    let at = Timestamp::try_from(made).unwrap_or(Timestamp::MAX);
    insert(connection, EVERY, EVERY, ms(at))?;
    // What cannot be removed is counted once more, by the time it was made.
    let _ = fs::remove_file(&path);
    Ok(())
}

fn read<T>(
    tx: &Tx<'_>,
    sql: &str,
    one: impl Fn(&Row<'_>) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let doing = "reading logins";
    let mut select = tx.connection().prepare_cached(sql).doing(doing)?;
    let mut rows = select.query([]).doing(doing)?;
    let mut read = Vec::new();
    while let Some(row) = rows.next().doing(doing)? {
        read.push(one(row)?);
    }
    Ok(read)
}

fn change(tx: &Tx<'_>, sql: &str, values: impl rusqlite::Params) -> Result<usize, StoreError> {
    tx.connection().prepare_cached(sql).and_then(|mut it| it.execute(values)).doing("writing down logins")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::{Running, at};

    #[tokio::test]
    async fn a_login_is_on_record_until_it_is_a_day_old_or_given_back() {
        let running = Running::new();
        let add = |second| move |tx: &Tx<'_>| add_login(tx, "https://a", "probe", at(second));
        let first = running.store.transact(add(1)).await.unwrap();
        let second = running.store.transact(add(2)).await.unwrap();
        running.store.transact(move |tx| end_login(tx, first, Ended::LetIn, at(1))).await.unwrap();
        running.store.transact(move |tx| forget_login(tx, second)).await.unwrap();
        let known = running.store.transact(known_logins).await.unwrap();
        assert_eq!(known.iter().map(|it| (it.at, it.ended)).collect::<Vec<_>>(), [(at(1), Ended::LetIn)]);
        running.store.transact(add(86_402)).await.unwrap();
        let known = running.store.transact(known_logins).await.unwrap();
        assert_eq!(known.iter().map(|it| it.at).collect::<Vec<_>>(), [at(86_402)]);
    }

    #[tokio::test]
    async fn a_stop_keeps_its_first_reason_until_it_is_lifted() {
        let running = Running::new();
        for (reason, second) in [(UnknownReason::Challenge, 1), (UnknownReason::AccountLocked, 2)] {
            let (origin, account) = ("https://a".to_owned(), "probe".to_owned());
            let stop = StopRow { origin, account, reason, since: at(second) };
            running.store.transact(move |tx| stop_logins(tx, &stop)).await.unwrap();
        }
        let known = running.store.transact(known_stops).await.unwrap();
        assert_eq!(
            known.iter().map(|it| (it.reason, it.since)).collect::<Vec<_>>(),
            [(UnknownReason::Challenge, at(1))]
        );
        assert_eq!(running.store.transact(|tx| lift_stops(tx, "other")).await.unwrap(), 0);
        assert_eq!(running.store.transact(|tx| lift_stops(tx, "probe")).await.unwrap(), 1);
        assert!(running.store.transact(known_stops).await.unwrap().is_empty());
    }

    #[test]
    fn a_restore_counts_once_as_a_login_of_everybody() {
        let dir = tempfile::tempdir().unwrap();
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(include_str!("migrations/0003_knocking.sql")).ok();
        let count = || {
            connection
                .query_row("SELECT count(*) FROM login_attempt", [], |row| row.get::<_, i64>(0))
                .unwrap()
        };
        note_restored(&connection, dir.path()).unwrap();
        assert_eq!(count(), 0);
        mark_restored(dir.path()).unwrap();
        note_restored(&connection, dir.path()).unwrap();
        note_restored(&connection, dir.path()).unwrap();
        assert_eq!(count(), 1);
    }
}
