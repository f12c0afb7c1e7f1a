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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::facts::Storing;
    use crate::store::testing::{Running, open, success};
    use crate::store::{DATABASE_FILE, Reader, Recorded};

    /// The files as a kill leaves them, opened by the next start; its results.
    fn after_a_kill(running: &Running) -> u64 {
        let dir = tempfile::tempdir().unwrap();
        for suffix in ["", "-wal"] {
            let name = format!("{DATABASE_FILE}{suffix}");
            fs::copy(running.dir.path().join(&name), dir.path().join(&name)).unwrap();
        }
        open(dir.path()).unwrap();
        Reader::open(dir.path()).unwrap().count_results().unwrap()
    }

    #[tokio::test]
    async fn a_log_removed_under_us_is_begun_anew_and_takes_nothing_with_it() {
        for removed in [&["-wal"][..], &["-shm"], &["-wal", "-shm"]] {
            let running = Running::new();
            running.succeed("web", 1..=50).await;
            for suffix in removed {
                fs::remove_file(beside(&running.dir.path().join(DATABASE_FILE), suffix)).unwrap();
            }
            assert_eq!(running.store.record(success("web", 51)).await, Recorded::Stored, "{removed:?}");
            assert_eq!(after_a_kill(&running), 51, "{removed:?}");
            running.stop();
        }
    }

    #[tokio::test]
    async fn a_file_that_vanishes_is_noticed_while_nothing_is_stored_and_used_again_when_it_is_back() {
        let running = Running::new();
        running.succeed("web", 1..=5).await;
        let file = running.dir.path().join(DATABASE_FILE);
        let away = running.dir.path().join("away");
        fs::rename(&file, &away).unwrap();
        let mut soundness = running.store.soundness();
        soundness.wait_for(|known| known.vanished).await.unwrap();
        assert_eq!(running.store.record(success("web", 6)).await, Recorded::Waiting);
        // Another file of its name is none of ours.
        fs::copy(&away, &file).unwrap();
        assert_eq!(running.store.record(success("web", 7)).await, Recorded::Waiting);
        fs::rename(&away, &file).unwrap();
        soundness.wait_for(|known| !known.vanished).await.unwrap();
        running.store.storing().wait_for(|it| *it == Storing::Works).await.unwrap();
        assert_eq!(running.store.record(success("web", 8)).await, Recorded::Stored);
        assert_eq!(after_a_kill(&running), 8);
    }
}
