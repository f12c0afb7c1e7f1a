//! Opening the database: looked at before it is touched, refused rather than repaired.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension};

use super::error::{Doing, StoreError};
use super::identity::Identity;
use super::inspect::{self, Depth};
use super::lock::Lock;
use super::{backup, logins, migrations};

/// The database, in the data directory.
pub const DATABASE_FILE: &str = "porchlight.db";

/// How long another process may hold the database before we give up on opening or reading it.
const BUSY: Duration = Duration::from_secs(5);
/// How long SQLite itself waits when the writer finds the database held; the
/// writer then looks whether it is to end before it asks again.
pub(super) const WRITER_BUSY: Duration = Duration::from_millis(250);

/// The first SQLite whose log can be reset while another connection writes.
const SAFE_SQLITE: i32 = 3_051_003;

/// A write-ahead log that grew beyond this is cut once it was checkpointed.
pub(super) const WAL_LIMIT: i64 = 64 << 20;

/// Statements kept prepared: more than the room has.
const STATEMENTS: usize = 64;

/// The writing connection, its lock and its file.
pub(super) fn for_writing(dir: &Path) -> Result<(Connection, Lock, Identity), StoreError> {
    let unwritable = |path: &Path, why: &dyn ToString| StoreError::Unwritable {
        path: path.to_owned(),
        why: why.to_string(),
    };
    if rusqlite::version_number() < SAFE_SQLITE {
        return Err(StoreError::OldSqlite { version: rusqlite::version() });
    }
    // What is stored is nobody's but ours.
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|why| unwritable(dir, &why))?;
    let mut lock = Lock::take(dir)?;
    let path = dir.join(DATABASE_FILE);
    let found = inspect::inspect(&path, lock.was_born, Depth::Start)?;
    backup::before_migration(&path, found)?;
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(&path)
        .map_err(|why| unwritable(&path, &why))?;
    let connection = writing(&path)
        .and_then(|connection| migrations::migrate(&connection, found.version).map(|()| connection))
        .map_err(|error| match error {
            StoreError::Sqlite { source, .. } if is_refused_write(&source) => unwritable(&path, &source),
            other => other,
        })?;
    logins::note_restored(&connection, dir)?;
    connection.busy_timeout(WRITER_BUSY).doing("preparing the connection")?;
    lock.born(dir)?;
    // The name of a new file must outlive a power cut as well.
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(|source| StoreError::Io {
        doing: "sync",
        path: dir.to_owned(),
        source,
    })?;
    let identity = Identity::of(&path)?;
    Ok((connection, lock, identity))
}

/// A connection whose commits are on the disk. It must be the only one that writes.
pub(super) fn writing(path: &Path) -> Result<Connection, StoreError> {
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    settle(&connection)?;
    Ok(connection)
}

/// A connection that can change nothing.
pub(super) fn for_reading(dir: &Path) -> Result<Connection, StoreError> {
    let connection = connect(&dir.join(DATABASE_FILE), OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.pragma_update(None, "query_only", true).doing("preparing to read")?;
    Ok(connection)
}

fn connect(path: &Path, access: OpenFlags) -> Result<Connection, StoreError> {
    let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = raw(path, flags).doing("opening the database")?;
    connection.busy_timeout(BUSY).doing("preparing the connection")?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}

#[expect(clippy::disallowed_methods, reason = "the one place that opens the database")]
pub(super) fn raw(path: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
    Connection::open_with_flags(path, flags)
}

/// A commit is on the disk when it is acknowledged, and no file can make us
/// run code or read pages that were never checked.
fn settle(connection: &Connection) -> Result<(), StoreError> {
    let doing = "preparing to write";
    let mode: String = connection
        .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))
        .doing("switching to write-ahead logging")?;
    if mode != "wal" {
        return Err(StoreError::Inconsistent { table: "journal_mode", what: mode });
    }
    connection.pragma_update(None, "synchronous", "FULL").doing(doing)?;
    connection.pragma_update(None, "foreign_keys", true).doing(doing)?;
    connection.pragma_update(None, "trusted_schema", false).doing(doing)?;
    connection.pragma_update(None, "cell_size_check", true).doing(doing)?;
    let _: i64 = connection
        .pragma_update_and_check(None, "journal_size_limit", WAL_LIMIT, |row| row.get(0))
        .doing(doing)?;
    connection.pragma_update(None, "mmap_size", 0).doing(doing)?;
    // A setting that did not take would be noticed at the power cut. That of the
    // map is not answered at all where there can be none.
    for (pragma, wanted) in [("synchronous", 2), ("foreign_keys", 1), ("trusted_schema", 0), ("mmap_size", 0)]
    {
        let set = connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0)).optional();
        let set = set.doing(doing)?.unwrap_or(wanted);
        if set != wanted {
            return Err(StoreError::Inconsistent { table: pragma, what: format!("{set}, not {wanted}") });
        }
    }
    // From the first read on, the log and its index have their files.
    let _: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .doing("looking at the database")?;
    Ok(())
}

/// A file that is there but not for us is the operator's to mend, as one that cannot be written is.
pub(super) fn unreadable(path: &Path, source: std::io::Error) -> StoreError {
    let path = path.to_owned();
    if source.kind() == ErrorKind::PermissionDenied {
        return StoreError::Unwritable { path, why: source.to_string() };
    }
    StoreError::Io { doing: "read", path, source }
}

fn is_refused_write(error: &rusqlite::Error) -> bool {
    use ErrorCode::{CannotOpen, DiskFull, PermissionDenied, ReadOnly, SystemIoFailure};
    let code = error.sqlite_error_code();
    matches!(code, Some(ReadOnly | CannotOpen | PermissionDenied | DiskFull | SystemIoFailure))
}

/// The first `N` bytes of a file, zeros where it is shorter; none when it does not exist.
pub(super) fn head<const N: usize>(path: &Path) -> Result<Option<([u8; N], u64)>, StoreError> {
    let failed = |source| unreadable(path, source);
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(failed(source)),
    };
    let size = file.metadata().map_err(failed)?.len();
    let mut start = Vec::with_capacity(N);
    file.take(u64::try_from(N).unwrap_or_default()).read_to_end(&mut start).map_err(failed)?;
    let mut bytes = [0; N];
    for (byte, read) in bytes.iter_mut().zip(start) {
        *byte = read;
    }
    Ok(Some((bytes, size)))
}
