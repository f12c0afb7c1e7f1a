//! Breaking the store on purpose, for tests of what happens around it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::error::StoreError;
use super::shared::Shared;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sabotage {
    None,
    /// Every commit fails as if the disk were full.
    FailCommits,
    /// The writer stops before its next transaction, until told otherwise.
    Hang,
    /// Commits are acknowledged before they are on the disk.
    SyncNormal,
}

impl Sabotage {
    pub(super) fn of(shared: &Arc<Shared>) -> Self {
        match shared.sabotage.load(Ordering::Relaxed) {
            0 => Self::None,
            1 => Self::FailCommits,
            3 => Self::SyncNormal,
            _ => Self::Hang,
        }
    }

    pub(super) fn set(self, shared: &Shared) {
        let code = match self {
            Self::None => 0,
            Self::FailCommits => 1,
            Self::Hang => 2,
            Self::SyncNormal => 3,
        };
        shared.sabotage.store(code, Ordering::Relaxed);
    }

    pub(super) fn error() -> StoreError {
        let full = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL);
        let source = rusqlite::Error::SqliteFailure(full, Some("sabotage".into()));
        StoreError::Sqlite { doing: "COMMIT", source }
    }
}
