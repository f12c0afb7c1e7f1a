//! Codes of second factors that were used: written down before one is sent.

use super::error::{Doing, StoreError};
use super::tx::Tx;

/// A clock that was set back by more than this was wrong before; what it wrote
/// down then would keep an account out for as long.
const SET_BACK: u64 = 86_400;

/// Writes down that the code of the period that began then, in seconds since
/// 1970, is used; false when that one or a later one was before.
pub fn use_code(tx: &Tx<'_>, account: &str, began: u64) -> Result<bool, StoreError> {
    let doing = "writing down that a code is used";
    let at = |seconds: u64| i64::try_from(seconds).unwrap_or(i64::MAX);
    let sql = "INSERT INTO totp_used (account, began_s) VALUES (?1, ?2)
               ON CONFLICT DO UPDATE SET began_s = excluded.began_s
               WHERE began_s < excluded.began_s OR ?3 < began_s";
    let changed = tx
        .connection()
        .prepare_cached(sql)
        .and_then(|mut it| it.execute((account, at(began), at(began.saturating_add(SET_BACK)))))
        .doing(doing)?;
    Ok(changed == 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::Running;

    #[tokio::test]
    async fn a_code_is_used_once_and_none_before_it_afterwards() {
        let running = Running::new();
        let day = SET_BACK;
        for (account, began, fresh) in [
            ("one", 30, true),
            ("one", 30, false),
            ("one", 0, false),
            ("two", 30, true),
            ("one", 60, true),
            ("one", 3 * day, true),
            ("one", 2 * day, false),
            ("one", 90, true),
            ("one", 90, false),
        ] {
            let used = running.store.transact(move |tx| use_code(tx, account, began)).await.unwrap();
            assert_eq!(used, fresh, "{account} {began}");
        }
    }
}
