//! Whether the files we write to are still those that bear their names: a file
//! removed or replaced under us takes commits into nowhere.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::copy::beside;
use super::error::StoreError;

#[derive(Debug)]
pub(super) struct Identity {
    pub(super) path: PathBuf,
    database: Mark,
    /// The write-ahead log and its index, each with its name.
    log: Vec<(PathBuf, Mark)>,
}

/// Which file it is, whatever its name.
#[derive(Debug, PartialEq, Eq)]
struct Mark {
    device: u64,
    inode: u64,
}

impl Identity {
    /// Of a database that is open and was read from, so that its log exists.
    pub(super) fn of(path: &Path) -> Result<Self, StoreError> {
        let vanished = || StoreError::Vanished { path: path.to_owned() };
        let names = ["-wal", "-shm"].map(|suffix| beside(path, suffix));
        let log = names.into_iter().filter_map(|name| Some((name.clone(), mark(&name)?)));
        Ok(Self { path: path.to_owned(), database: mark(path).ok_or_else(vanished)?, log: log.collect() })
    }

    /// Three `stat`s, a hundredth of what the commit after them costs.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        if mark(&self.path).as_ref() != Some(&self.database) {
            return Err(StoreError::Vanished { path: self.path.clone() });
        }
        if self.log.iter().any(|(name, kept)| mark(name).as_ref() != Some(kept)) {
            return Err(StoreError::LogVanished { path: self.path.clone() });
        }
        Ok(())
    }
}

fn mark(path: &Path) -> Option<Mark> {
    let meta = fs::metadata(path).ok()?;
    Some(Mark { device: meta.dev(), inode: meta.ino() })
}
