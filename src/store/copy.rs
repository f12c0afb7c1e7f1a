//! Writing a copy of a database: page by page from one snapshot, to a file nobody
//! else sees until it is whole, checked and on the disk.

use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, fchown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, ErrorCode, OpenFlags};
use rustix::fs::{CWD, Mode, OFlags, RenameFlags, renameat_with};
use rustix::io::Errno;

use super::error::{Doing, StoreError};

/// Pages copied at a time: a megabyte.
const STEP: i32 = 256;

/// Steps between two flushes: left to the end, a gigabyte would be flushed at
/// once, and every commit of the daemon beside us would wait for it.
const FLUSH_EVERY: u32 = 8;

/// SQLite's way to files for which somebody else keeps others out.
const NO_LOCKS: &str = "unix-none";

/// How often a name is tried for while others make and remove files under it.
const TRIES: u32 = 10;

/// How far a copy is, in pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    pub done: u64,
    pub of: u64,
}

/// A file that is being written, locked meanwhile; gone when it is dropped before it was kept.
pub(super) struct Part {
    pub(super) path: PathBuf,
    file: File,
    kept: bool,
}

impl Part {
    /// Makes it anew; what a killed process left under the name goes.
    pub(super) fn create(path: PathBuf) -> Result<Self, StoreError> {
        for _ in 0..TRIES {
            let (file, new) = match opened(&path, OFlags::CREATE | OFlags::EXCL) {
                Err(Errno::EXIST) => (opened(&path, OFlags::empty()), false),
                other => (other, true),
            };
            let file = match file {
                Err(Errno::NOENT) if !new => continue,
                other => other.map_err(|why| refused(&path, &why.into()))?,
            };
            match file.try_lock() {
                Ok(()) => (),
                Err(TryLockError::WouldBlock) => break,
                Err(TryLockError::Error(source)) => {
                    return Err(StoreError::Io { doing: "lock", path, source });
                }
            }
            // Until it was locked, others could give it its name or take it away.
            match (is_at(&file, &path), new) {
                (true, true) => return Ok(Self { path, file, kept: false }),
                // Nobody writes it any more. It may be readable by whoever made it, so it is not written on.
                (true, false) => fs::remove_file(&path).map_err(|why| refused(&path, &why))?,
                (false, _) => (),
            }
        }
        Err(StoreError::Copying { path })
    }

    /// Gives what root restores to the owner of `dir`, who is to use it.
    pub(super) fn owned_as(self, dir: &Path) -> Result<Self, StoreError> {
        if rustix::process::geteuid().is_root() {
            fs::metadata(dir)
                .and_then(|dir| fchown(&self.file, Some(dir.uid()), Some(dir.gid())))
                .map_err(|why| refused(&self.path, &why))?;
        }
        Ok(self)
    }

    /// Fills it with what `from` sees now. `pause` rests between the steps, for
    /// whoever writes beside us.
    pub(super) fn fill(
        &self,
        from: &Connection,
        pause: Duration,
        watch: &mut dyn FnMut(Progress),
    ) -> Result<(), StoreError> {
        let doing = "copying the database";
        // The snapshot stays the same to the end: without it every commit beside
        // us would make the copy begin again.
        let snapshot = from.unchecked_transaction().doing(doing)?;
        let _: i64 = snapshot
            .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
            .doing("looking at the database")?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        // Ours is the lock on it; SQLite's own would be refused beside it on NFS.
        let mut to = Connection::open_with_flags_and_vfs(&self.path, flags, NO_LOCKS).doing(doing)?;
        // The file is thrown away unless all of it gets to the disk.
        to.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF").doing(doing)?;
        let backup = Backup::new(&snapshot, &mut to).doing(doing)?;
        let full = |source: rusqlite::Error| match source.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => self.no_room(from),
            _ => StoreError::Sqlite { doing, source },
        };
        for step in 1_u32.. {
            let stepped = backup.step(STEP).map_err(full)?;
            let progress = backup.progress();
            let count = |pages: i32| u64::try_from(pages).unwrap_or_default();
            let of = count(progress.pagecount);
            watch(Progress { done: of.saturating_sub(count(progress.remaining)), of });
            if stepped == StepResult::Done {
                break;
            }
            if step % FLUSH_EVERY == 0 {
                self.file.sync_data().map_err(|source| self.failed(source))?;
            }
            if !pause.is_zero() {
                std::thread::sleep(pause);
            }
        }
        drop(backup);
        to.close().map_err(|(_, source)| full(source))?;
        self.file.sync_all().map_err(|source| self.failed(source))
    }

    /// Gives it its name, which must be free, and lets that reach the disk as well.
    pub(super) fn keep(mut self, name: &Path) -> Result<(), StoreError> {
        let renamed = match renameat_with(CWD, &self.path, CWD, name, RenameFlags::NOREPLACE) {
            // A file system that cannot rename so; a link does not replace either.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
                fs::hard_link(&self.path, name).and_then(|()| fs::remove_file(&self.path))
            }
            other => other.map_err(io::Error::from),
        };
        match renamed {
            Ok(()) => self.kept = true,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(StoreError::Exists { path: name.to_owned() });
            }
            Err(why) => return Err(refused(name, &why)),
        }
        sync_dir(name)
    }

    fn no_room(&self, from: &Connection) -> StoreError {
        let number = |pragma| from.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
        let need = number("page_count").unwrap_or_default() * number("page_size").unwrap_or_default();
        StoreError::NoRoom { path: self.path.clone(), need: mebibytes(need.unsigned_abs()) }
    }

    fn failed(&self, source: io::Error) -> StoreError {
        StoreError::Io { doing: "write", path: self.path.clone(), source }
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.kept {
            // What cannot be removed is overwritten by the next try.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Lets the names in the directory of `path` reach the disk.
pub(super) fn sync_dir(path: &Path) -> Result<(), StoreError> {
    let dir = match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    };
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(|source| StoreError::Io {
        doing: "sync",
        path: dir.to_owned(),
        source,
    })
}

/// The path with something appended to its last name.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

/// For messages; never less than one.
pub(super) fn mebibytes(bytes: u64) -> u64 {
    bytes.div_ceil(1 << 20).max(1)
}

/// For nobody but us, and never through a link that somebody laid there.
fn opened(path: &Path, how: OFlags) -> Result<File, Errno> {
    let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC | how;
    rustix::fs::open(path, flags, Mode::RUSR | Mode::WUSR).map(File::from)
}

/// Whether the file still is what the path leads to.
fn is_at(file: &File, path: &Path) -> bool {
    let (own, there) = (file.metadata(), fs::symlink_metadata(path));
    matches!((own, there), (Ok(own), Ok(there)) if (own.dev(), own.ino()) == (there.dev(), there.ino()))
}

fn refused(path: &Path, why: &io::Error) -> StoreError {
    StoreError::Unwritable { path: path.to_owned(), why: why.to_string() }
}
