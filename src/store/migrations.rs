//! The schema's steps. A released step never changes; a new one is appended.

use rusqlite::Connection;

use super::error::StoreError;

/// Says in the file's header that the database is ours ("Plgt").
pub(super) const APPLICATION_ID: i64 = 0x506C_6774;

const STEPS: &[&str] = &[
    include_str!("migrations/0001_first.sql"),
    include_str!("migrations/0002_announced_end.sql"),
    include_str!("migrations/0003_knocking.sql"),
];

/// The schema this program writes, as `user_version`.
pub(super) fn latest() -> i64 {
    i64::try_from(STEPS.len()).unwrap_or(i64::MAX)
}

/// Takes the missing steps, each in one transaction with its number.
pub(super) fn migrate(connection: &Connection, version: i64) -> Result<(), StoreError> {
    let taken = usize::try_from(version).unwrap_or_default();
    for (number, step) in (1_i64..).zip(STEPS).skip(taken) {
        let stamped = format!(
            "BEGIN EXCLUSIVE;\n{step}\nPRAGMA application_id = {APPLICATION_ID};\nPRAGMA user_version = {number};\nCOMMIT;"
        );
        if let Err(source) = connection.execute_batch(&stamped) {
            // Nothing to roll back when the failure already did.
            let _ = connection.execute_batch("ROLLBACK");
            return Err(StoreError::Sqlite { doing: "bringing the schema up to date", source });
        }
    }
    Ok(())
}
