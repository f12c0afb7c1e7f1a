//! The log of what people changed in the configuration.

use jiff::Timestamp;
use rusqlite::OptionalExtension;

use super::error::{Doing, StoreError};
use super::tx::Tx;
use super::values::ms;

/// A change on record, as it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    pub what: String,
    pub subject: String,
    pub detail: String,
}

/// The number of the last change on record.
pub fn last_change(tx: &Tx<'_>) -> Result<i64, StoreError> {
    tx.connection()
        .query_row("SELECT coalesce(max(id), 0) FROM change", [], |row| row.get(0))
        .doing("looking at the last change")
}

/// What has been written down since the change of that number, oldest first.
pub fn changes_since(tx: &Tx<'_>, last: i64) -> Result<Vec<Changed>, StoreError> {
    let doing = "reading what changed";
    let mut select = tx
        .connection()
        .prepare_cached("SELECT what, subject, detail FROM change WHERE ?1 < id ORDER BY id")
        .doing(doing)?;
    let changed = |row: &rusqlite::Row<'_>| {
        Ok(Changed { what: row.get(0)?, subject: row.get(1)?, detail: row.get(2)? })
    };
    let rows = select.query_map([last], changed).doing(doing)?;
    rows.collect::<Result<_, _>>().doing(doing)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    ComponentAdded,
    ComponentChanged,
    ComponentRemoved,
    ComponentRenamed,
    EndpointAdded,
    EndpointChanged,
    EndpointRemoved,
    EndpointRenamed,
    EndpointReturned,
    NetworkAdded,
    NetworkChanged,
    NetworkRemoved,
    NoticePublished,
    NoticeChanged,
    NoticeEnded,
    NoticeRefused,
}

impl What {
    /// Stored, so a released one never changes.
    pub(super) fn wire(self) -> &'static str {
        match self {
            Self::ComponentAdded => "component_added",
            Self::ComponentChanged => "component_changed",
            Self::ComponentRemoved => "component_removed",
            Self::ComponentRenamed => "component_renamed",
            Self::EndpointAdded => "endpoint_added",
            Self::EndpointChanged => "endpoint_changed",
            Self::EndpointRemoved => "endpoint_removed",
            Self::EndpointRenamed => "endpoint_renamed",
            Self::EndpointReturned => "endpoint_returned",
            Self::NetworkAdded => "network_added",
            Self::NetworkChanged => "network_changed",
            Self::NetworkRemoved => "network_removed",
            Self::NoticePublished => "notice_published",
            Self::NoticeChanged => "notice_changed",
            Self::NoticeEnded => "notice_ended",
            Self::NoticeRefused => "notice_refused",
        }
    }
}

/// Logs a change. A refused edit stays in the file and is met again at every
/// load, so what the subject's last entry already says is not said twice.
pub(super) fn log(
    tx: &Tx<'_>,
    at: Timestamp,
    what: What,
    subject: &str,
    detail: &str,
) -> Result<(), StoreError> {
    let doing = "logging a change";
    let connection = tx.connection();
    if what == What::NoticeRefused {
        let last: Option<(String, String)> = connection
            .prepare_cached("SELECT what, detail FROM change WHERE subject = ?1 AND what LIKE 'notice%' ORDER BY id DESC LIMIT 1")
            .and_then(|mut it| it.query_row([subject], |row| Ok((row.get(0)?, row.get(1)?))).optional())
            .doing(doing)?;
        if last.is_some_and(|(said, with)| said == what.wire() && with == detail) {
            return Ok(());
        }
    }
    connection
        .prepare_cached("INSERT INTO change (at_ms, what, subject, detail) VALUES (?1, ?2, ?3, ?4)")
        .and_then(|mut it| it.execute((ms(at), what.wire(), subject, detail)))
        .doing(doing)?;
    Ok(())
}
