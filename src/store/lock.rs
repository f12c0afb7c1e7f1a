//! The lock file: one daemon a data directory, and the mark that a database was born.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::error::StoreError;

/// The file that is locked, in the data directory.
pub const LOCK_FILE: &str = "porchlight.lock";

/// Written once the database exists: from then on an empty one is damage.
const BORN: &str = "born";

/// Who uses the database in `dir` now, as the error that says so. A look: it makes and keeps nothing.
pub fn in_use(dir: &Path) -> Option<StoreError> {
    let mut file = File::open(dir.join(LOCK_FILE)).ok()?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => Some(busy(dir, &mut file)),
        _ => None,
    }
}

fn busy(dir: &Path, file: &mut File) -> StoreError {
    let mut text = String::new();
    // A lock file that cannot be read only costs us the pid.
    let _ = file.read_to_string(&mut text);
    StoreError::Busy { dir: dir.to_owned(), pid: text.lines().next().unwrap_or("unknown").to_owned() }
}

/// Held as long as the database is open.
pub(super) struct Lock {
    file: File,
    pub(super) was_born: bool,
}

impl Lock {
    pub(super) fn take(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join(LOCK_FILE);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let unwritable =
            |why: std::io::Error| StoreError::Unwritable { path: path.clone(), why: why.to_string() };
        let mut file = options.open(&path).map_err(unwritable)?;
        match file.try_lock() {
            Ok(()) => (),
            Err(TryLockError::WouldBlock) => return Err(busy(dir, &mut file)),
            Err(TryLockError::Error(source)) => return Err(StoreError::Io { doing: "lock", path, source }),
        }
        let mut text = String::new();
        // One that cannot be read bears no mark.
        let _ = file.read_to_string(&mut text);
        let mut lock = Self { file, was_born: text.lines().any(|line| line == BORN) };
        lock.write(lock.was_born).map_err(unwritable)?;
        Ok(lock)
    }

    /// Marks that the database exists.
    pub(super) fn born(&mut self, dir: &Path) -> Result<(), StoreError> {
        if self.was_born {
            return Ok(());
        }
        self.was_born = true;
        self.write(true)
            .map_err(|why| StoreError::Unwritable { path: dir.join(LOCK_FILE), why: why.to_string() })
    }

    fn write(&mut self, born: bool) -> std::io::Result<()> {
        let mut text = format!("{}\n", std::process::id());
        if born {
            text.push_str(BORN);
            text.push('\n');
        }
        // Longer first, then cut: a full disk between the two loses no mark.
        self.file.rewind()?;
        self.file.write_all(text.as_bytes())?;
        self.file.set_len(u64::try_from(text.len()).unwrap_or_default())
    }
}
