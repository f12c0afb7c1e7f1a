//! Which warnings of a certificate's end were told: each once, across restarts.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::OptionalExtension;

use super::error::{Doing, StoreError};
use super::tx::Tx;
use super::values::ms;
use crate::domain::certificate::is_news;
use crate::domain::endpoint::EndpointId;
use crate::domain::moment::minus;

/// Beyond the first threshold: a certificate told of that long ago has ended.
const KEEP: Duration = Duration::from_secs(60 * 86_400);
/// Certificates of one endpoint: machines behind one name may have one each.
const MOST: u32 = 16;

/// Writes down that so many days before its end an operator is told of a
/// certificate; false when that was told already.
pub fn tell_certificate(
    tx: &Tx<'_>,
    endpoint: &EndpointId,
    fingerprint: &str,
    days: u32,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let doing = "writing down that a certificate was told of";
    let row = tx.row_of(endpoint)?;
    let connection = tx.connection();
    let told: Option<u32> = connection
        .prepare_cached("SELECT days FROM certificate_told WHERE endpoint = ?1 AND fingerprint = ?2")
        .and_then(|mut it| it.query_row((row, fingerprint), |found| found.get(0)).optional())
        .doing(doing)?;
    if !is_news(told, days) {
        return Ok(false);
    }
    let insert = "INSERT INTO certificate_told (endpoint, fingerprint, days, at_ms) VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT DO UPDATE SET days = excluded.days, at_ms = excluded.at_ms";
    connection
        .prepare_cached(insert)
        .and_then(|mut it| it.execute((row, fingerprint, days, ms(now))))
        .doing(doing)?;
    let forget = "DELETE FROM certificate_told WHERE endpoint = ?1 AND (at_ms < ?2 OR fingerprint NOT IN
        (SELECT fingerprint FROM certificate_told WHERE endpoint = ?1 ORDER BY at_ms DESC LIMIT ?3))";
    connection
        .prepare_cached(forget)
        .and_then(|mut it| it.execute((row, ms(minus(now, KEEP)), MOST)))
        .doing(doing)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::endpoint::Id;
    use crate::store::open;
    use crate::store::tx::Rows;

    #[test]
    fn each_threshold_is_news_once_and_a_renewed_certificate_begins_anew() {
        let dir = tempfile::tempdir().unwrap();
        let (connection, _lock, _) = open::for_writing(dir.path()).unwrap();
        let rows = Rows::default();
        let tx = Tx::new(&connection, &rows);
        let tell = |id: &str, print: &str, days, second| {
            let at = Timestamp::from_second(second).unwrap();
            tell_certificate(&tx, &Id::parse(id).unwrap(), print, days, at).unwrap()
        };
        for (id, print, days, news) in [
            ("web", "one", 14, true),
            ("web", "one", 14, false),
            ("web", "one", 21, false),
            ("web", "one", 7, true),
            ("web", "two", 7, true),
            ("web", "one", 7, false),
            ("app", "one", 7, true),
        ] {
            assert_eq!(tell(id, print, days, 1_000), news, "{id} {print} {days}");
        }
        for index in 0..100 {
            tell("web", &format!("many-{index}"), 3, 2_000 + index);
        }
        let kept: u32 =
            connection.query_row("SELECT count(*) FROM certificate_told", [], |row| row.get(0)).unwrap();
        assert_eq!(kept, MOST + 1, "and that of the other endpoint");
    }
}
