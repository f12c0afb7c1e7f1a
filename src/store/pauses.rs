//! Hosts that told us to stay away: a restart must not knock there sooner.

use std::time::Duration;

use jiff::Timestamp;

use super::error::{Doing, StoreError};
use super::tx::Tx;
use super::values::{length, ms, timestamp, us};
use crate::domain::moment::minus;
use crate::domain::outcome::UnknownReason;

/// Longer than any pause and what is remembered of it. Older ones are of no use.
const KEEP: Duration = Duration::from_secs(7 * 86_400);

/// As many as are remembered while we run; the newest.
const MOST: i64 = 4096;

/// A host and its last pause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PauseRow {
    pub host: String,
    pub reason: UnknownReason,
    pub since: Timestamp,
    pub length: Duration,
    /// Which it was since the host was fine.
    pub nth: usize,
}

/// Writes a pause down in the place of the one before.
pub fn keep_pause(tx: &Tx<'_>, row: &PauseRow) -> Result<(), StoreError> {
    let doing = "writing down a pause";
    let connection = tx.connection();
    connection
        .prepare_cached("DELETE FROM host_pause WHERE since_ms < ?1")
        .and_then(|mut it| it.execute([ms(minus(row.since, KEEP))]))
        .doing("forgetting old pauses")?;
    let sql = "INSERT OR REPLACE INTO host_pause (host, reason, since_ms, length_us, nth)
               VALUES (?1, ?2, ?3, ?4, ?5)";
    let nth = i64::try_from(row.nth).unwrap_or(i64::MAX);
    let values = (row.host.as_str(), row.reason.code(), ms(row.since), us(row.length), nth);
    connection.prepare_cached(sql).and_then(|mut it| it.execute(values)).doing(doing)?;
    Ok(())
}

/// The host is like any other again.
pub fn forget_pause(tx: &Tx<'_>, host: &str) -> Result<(), StoreError> {
    let sql = "DELETE FROM host_pause WHERE host = ?1";
    tx.connection().prepare_cached(sql).and_then(|mut it| it.execute([host])).doing("forgetting a pause")?;
    Ok(())
}

pub fn known_pauses(tx: &Tx<'_>) -> Result<Vec<PauseRow>, StoreError> {
    let doing = "reading pauses";
    let sql = "SELECT host, reason, since_ms, length_us, nth FROM host_pause
               ORDER BY since_ms DESC, host LIMIT ?1";
    let mut select = tx.connection().prepare_cached(sql).doing(doing)?;
    let mut rows = select.query([MOST]).doing(doing)?;
    let mut read = Vec::new();
    while let Some(row) = rows.next().doing(doing)? {
        let code: u8 = row.get(1).doing(doing)?;
        let what = || format!("reason {code}");
        read.push(PauseRow {
            host: row.get(0).doing(doing)?,
            reason: UnknownReason::from_code(code)
                .ok_or_else(|| StoreError::Inconsistent { table: "host_pause", what: what() })?,
            since: timestamp("host_pause", row.get(2).doing(doing)?)?,
            length: length(row.get(3).doing(doing)?),
            nth: usize::try_from(row.get::<_, i64>(4).doing(doing)?).unwrap_or_default(),
        });
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::{Running, at};

    #[tokio::test]
    async fn a_host_has_one_pause_until_it_is_fine_or_a_week_is_over() {
        let running = Running::new();
        let row = |host: &str, second, nth| PauseRow {
            host: host.to_owned(),
            reason: UnknownReason::Blocked,
            since: at(second),
            length: Duration::from_secs(900),
            nth,
        };
        for row in [row("a:443", 1, 1), row("b:443", 2, 1), row("a:443", 3, 2)] {
            running.store.transact(move |tx| keep_pause(tx, &row)).await.unwrap();
        }
        let known = || running.store.transact(known_pauses);
        assert_eq!(known().await.unwrap(), [row("a:443", 3, 2), row("b:443", 2, 1)]);
        running.store.transact(|tx| forget_pause(tx, "b:443")).await.unwrap();
        assert_eq!(known().await.unwrap(), [row("a:443", 3, 2)]);
        let later = row("c:443", 8 * 86_400, 1);
        running.store.transact(move |tx| keep_pause(tx, &later)).await.unwrap();
        assert_eq!(known().await.unwrap(), [row("c:443", 8 * 86_400, 1)]);
    }
}
