//! Looking at a database file before it is opened for writing. Nothing here changes a byte of it.
//!
//! | found | answer |
//! | --- | --- |
//! | no file, no write-ahead log | a first start |
//! | no file or an empty one, but a filled write-ahead log | damaged |
//! | an empty file, and a database was born here before | damaged |
//! | not SQLite, a cut file, or one that fails `quick_check` | damaged |
//! | a write-ahead log that is none | damaged |
//! | another program's application id, or tables without one | foreign |
//! | a schema beyond ours | newer |

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::error::StoreError;
use super::migrations::{APPLICATION_ID, latest};
use super::open::head;

/// Larger databases are not read through at start: it would take over half a second.
const QUICK_CHECK_LIMIT: u64 = 64 << 20;

const MAGIC: &[u8] = b"SQLite format 3\0";

/// The two numbers a write-ahead log can begin with.
const WAL_MAGIC: [[u8; 4]; 2] = [[0x37, 0x7f, 0x06, 0x82], [0x37, 0x7f, 0x06, 0x83]];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    /// The schema the file has; zero when it has none yet.
    pub(super) version: i64,
}

pub(super) fn inspect(path: &Path, was_born: bool) -> Result<Found, StoreError> {
    let damaged = |what: String| StoreError::Damaged { path: path.to_owned(), what };
    let wal_path = beside(path, "-wal");
    let (wal_start, wal_size) = head::<4>(&wal_path)?.unwrap_or_default();
    let Some((start, size)) = head::<16>(path)? else {
        if wal_size > 0 {
            return Err(damaged("the file is gone, but its write-ahead log is not".into()));
        }
        if was_born {
            tracing::warn!("The database `{}` is gone: starting a new one without history", path.display());
        }
        return Ok(Found { version: 0 });
    };
    if size == 0 {
        if wal_size > 0 || was_born {
            return Err(damaged("the file is empty, but was not before".into()));
        }
        return Ok(Found { version: 0 });
    }
    if start != MAGIC {
        return Err(damaged("it is not an SQLite database".into()));
    }
    // A power cut can leave a log of zeros: nothing was ever committed to it.
    if wal_size > 0 && wal_start != [0; 4] && !WAL_MAGIC.contains(&wal_start) {
        return Err(damaged(format!("{} is not its write-ahead log", wal_path.display())));
    }
    let sizes = Sizes { file: size, wal: wal_size };
    read(path, sizes).map_err(|error| match error {
        Trouble::Sqlite(error) => match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => damaged(error.to_string()),
            _ => StoreError::Sqlite { doing: "looking at the database", source: error },
        },
        Trouble::Refused(error) => error,
    })
}

#[derive(Clone, Copy)]
struct Sizes {
    file: u64,
    wal: u64,
}

enum Trouble {
    Sqlite(rusqlite::Error),
    Refused(StoreError),
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

fn read(path: &Path, sizes: Sizes) -> Result<Found, Trouble> {
    let refused = |error| Err(Trouble::Refused(error));
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    // Without a log nobody is writing, and SQLite need not lay files beside ours.
    let connection = if sizes.wal == 0 {
        Connection::open_with_flags(immutable(path), flags | OpenFlags::SQLITE_OPEN_URI)?
    } else {
        Connection::open_with_flags(path, flags)?
    };
    let number = |pragma: &str| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let found = number("application_id")?;
    let version = number("user_version")?;
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if found != APPLICATION_ID {
        // A first start that was cut short leaves a file without anything in it.
        if found == 0 && version == 0 && tables == 0 {
            return Ok(Found { version: 0 });
        }
        return refused(StoreError::Foreign { path: path.to_owned(), found });
    }
    if latest() < version {
        return refused(StoreError::Newer { path: path.to_owned(), found: version, known: latest() });
    }
    let (pages, page) = (number("page_count")?, number("page_size")?);
    let page = u64::try_from(page).unwrap_or_default().max(1);
    if sizes.file / page + sizes.wal / page < u64::try_from(pages).unwrap_or_default() {
        let what = format!("it should have {pages} pages, but is cut short");
        return refused(StoreError::Damaged { path: path.to_owned(), what });
    }
    if sizes.file + sizes.wal < QUICK_CHECK_LIMIT {
        let answer: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if answer != "ok" {
            return refused(StoreError::Damaged { path: path.to_owned(), what: answer });
        }
    }
    Ok(Found { version })
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

/// The file as a URI that tells SQLite nobody writes to it.
fn immutable(path: &Path) -> String {
    let mut uri = String::from("file:");
    for &byte in path.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || b"/._-".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    uri.push_str("?immutable=1");
    uri
}
