//! What can go wrong with the store, told so that an operator can act.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error(
        "another porchlight (pid {pid}) already uses the data directory {dir}; \
         stop it first, or set `data` in [store] of this config to a directory of its own"
    )]
    Busy { dir: PathBuf, pid: String },

    #[error(
        "the database {path} was written by a newer porchlight (schema {found}, this one knows {known}); \
         run the newer version, or restore a backup made before the upgrade"
    )]
    Newer { path: PathBuf, found: i64, known: i64 },

    #[error(
        "{path} is an SQLite database of another program (application id {found}); \
         move it away, or choose another data directory"
    )]
    Foreign { path: PathBuf, found: i64 },

    #[error(
        "the database {path} is damaged ({what}) and was left as it is; restore a backup, \
         or move the data directory away to start without history"
    )]
    Damaged { path: PathBuf, what: String },

    #[error("cannot write to {path} ({why}); {}", mend(why))]
    Unwritable { path: PathBuf, why: String },

    #[error(
        "there is no room beside {path} for a copy of the database ({need} MiB); \
         free that much and try again, nothing was changed"
    )]
    NoRoom { path: PathBuf, need: u64 },

    #[error("another porchlight writes {path} just now; wait until it is done, or choose another name")]
    Copying { path: PathBuf },

    #[error("{path} is there already and is not overwritten; choose another name, or move it away")]
    Exists { path: PathBuf },

    #[error(
        "there is already a database at {path}, which is not overwritten; name another data directory \
         (--data, or `data` in [store]), or move the file away"
    )]
    HasDatabase { path: PathBuf },

    #[error("there is no database at {path}; look at the name, and at `data` in [store] of the config")]
    Missing { path: PathBuf },

    #[error(
        "this porchlight was built with SQLite {version}, which may lose commits; build it with 3.51.3 or later"
    )]
    OldSqlite { version: &'static str },

    #[error("could not {doing} {path}")]
    Io { doing: &'static str, path: PathBuf, source: io::Error },

    #[error("the database failed while {doing}")]
    Sqlite { doing: &'static str, source: rusqlite::Error },

    /// The work was done but its commit failed, so nothing of it remains.
    #[error("nothing was changed")]
    NotCommitted { source: Arc<Self> },

    /// A row this program could not have written.
    #[error("the table `{table}` holds a row that makes no sense ({what})")]
    Inconsistent { table: &'static str, what: String },

    #[error(
        "the database file {path} was removed or replaced while it was in use; put it back and storing goes on, \
         or stop porchlight, restore a backup and start it again"
    )]
    Vanished { path: PathBuf },

    #[error("the write-ahead log beside {path} was removed or replaced while it was in use")]
    LogVanished { path: PathBuf },

    #[error("the query took longer than it may and was stopped")]
    TooSlow,

    #[error("too many changes already wait for the database; try again later")]
    Overloaded,

    #[error("the database did not answer in time")]
    NoAnswer,

    #[error("the store is stopped")]
    Stopped,
}

/// What helps when a file cannot be written.
fn mend(why: &str) -> &'static str {
    if why.contains("No space left") || why.contains("disk is full") || why.contains("quota") {
        "free some space and try again"
    } else {
        "the directory must belong to the user that runs porchlight and lie on a writable disk"
    }
}

impl StoreError {
    /// For the log, which tells the whole chain.
    pub(super) fn as_dyn(&self) -> &(dyn std::error::Error + 'static) {
        self
    }

    /// Whether another process holds the database.
    pub(super) fn is_busy(&self) -> bool {
        use rusqlite::ErrorCode::{DatabaseBusy, DatabaseLocked};
        matches!(self, Self::Sqlite { source, .. }
            if matches!(source.sqlite_error_code(), Some(DatabaseBusy | DatabaseLocked)))
    }

    /// Whether the disk has no room left.
    pub(super) fn is_full(&self) -> bool {
        use rusqlite::ffi::{SQLITE_FULL, SQLITE_IOERR_SHMSIZE};
        let Self::Sqlite { source, .. } = self else { return false };
        let code = source.sqlite_error().map(|it| it.extended_code);
        code.is_some_and(|code| [SQLITE_FULL, SQLITE_IOERR_SHMSIZE].contains(&code))
    }

    /// Whether the file itself is broken.
    pub(super) fn is_damage(&self) -> bool {
        use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
        matches!(self, Self::Damaged { .. })
            || matches!(self, Self::Sqlite { source, .. }
                if matches!(source.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase)))
    }

    /// Whether the work itself is at fault, so that trying again cannot help.
    pub(super) fn is_of_the_work(&self) -> bool {
        use rusqlite::ErrorCode::{ConstraintViolation, TooBig, TypeMismatch};
        match self {
            Self::Sqlite { source, .. } => {
                matches!(source.sqlite_error_code(), Some(ConstraintViolation | TooBig | TypeMismatch))
            }
            Self::Inconsistent { .. } => true,
            _ => false,
        }
    }
}

/// Says what was being done when SQLite failed.
pub(super) trait Doing<T> {
    fn doing(self, doing: &'static str) -> Result<T, StoreError>;
}

impl<T> Doing<T> for rusqlite::Result<T> {
    fn doing(self, doing: &'static str) -> Result<T, StoreError> {
        self.map_err(|source| StoreError::Sqlite { doing, source })
    }
}
