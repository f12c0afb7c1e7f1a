//! The ballast: room on the disk that is given up when it is full. On a full
//! disk not even a checkpoint or a delete works; with this much again, they do.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, fallocate, statvfs};

use super::copy::mebibytes;

/// The file, in the data directory.
pub const BALLAST_FILE: &str = "ballast";

/// Room for hours of results and for folding the write-ahead log in.
const SIZE: u64 = 16 << 20;

/// The part of what is free that may be taken, and that must be free again.
const SHARE: u64 = 4;

/// Less than this would help nobody.
const LEAST: u64 = 64 << 10;

pub(super) struct Ballast {
    path: PathBuf,
    size: u64,
    held: bool,
}

impl Ballast {
    /// Takes it, when there is room.
    pub(super) fn take(dir: &Path) -> Self {
        let path = dir.join(BALLAST_FILE);
        let there = fs::metadata(&path).map_or(0, |meta| meta.len());
        let held = LEAST <= there;
        let size = if held { there } else { SIZE.min(free(dir).unwrap_or_default() / SHARE) };
        let mut ballast = Self { path, size, held };
        ballast.retake();
        ballast
    }

    /// Takes it again once there is so much room that it is no loss.
    pub(super) fn retake(&mut self) {
        let dir = self.path.parent().unwrap_or(&self.path);
        if self.held || self.size < LEAST || free(dir).is_none_or(|free| free < self.size * SHARE) {
            return;
        }
        match allocate(&self.path, self.size) {
            Ok(()) => self.held = true,
            Err(error) => {
                let _ = fs::remove_file(&self.path);
                tracing::debug!("No ballast could be laid beside the database: {error}");
            }
        }
    }

    /// Gives it up; false when there was none.
    pub(super) fn give_up(&mut self) -> bool {
        let given = std::mem::take(&mut self.held) && fs::remove_file(&self.path).is_ok();
        if given {
            tracing::error!(
                "The disk of the database is full: {} MiB kept for this were given up; \
                 free some space, or shorten `keep_results`",
                mebibytes(self.size)
            );
        }
        given
    }
}

/// Bytes that we could still write in `dir`; none when that cannot be told.
pub(super) fn free(dir: &Path) -> Option<u64> {
    let told = statvfs(dir).ok()?;
    told.f_bavail.checked_mul(told.f_frsize)
}

fn allocate(path: &Path, size: u64) -> io::Result<()> {
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    match fallocate(&file, FallocateFlags::empty(), 0, size) {
        Ok(()) => Ok(()),
        // A file system that cannot promise room must be made to give it.
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => fill(file, size),
        Err(error) => Err(error.into()),
    }
}

fn fill(mut file: File, size: u64) -> io::Result<()> {
    let zeros = vec![0; 64 << 10];
    for _ in 0..size / LEAST {
        file.write_all(&zeros)?;
    }
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_really_allocated_given_up_once_and_taken_again() {
        use std::os::unix::fs::MetadataExt;
        let dir = tempfile::tempdir().unwrap();
        let mut ballast = Ballast::take(dir.path());
        let file = dir.path().join(BALLAST_FILE);
        let meta = fs::metadata(&file).unwrap();
        assert_eq!(meta.len(), ballast.size);
        assert!(ballast.size <= meta.blocks() * 512, "a hole holds nothing");
        assert_eq!((ballast.give_up(), ballast.give_up()), (true, false));
        assert!(!file.exists());
        ballast.retake();
        assert!(file.exists());
        // A disk that never has four times as much free.
        ballast.give_up();
        ballast.size = u64::MAX / SHARE;
        ballast.retake();
        assert!(!file.exists());
    }
}
