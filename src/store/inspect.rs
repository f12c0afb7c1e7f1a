//! Looking at a database file before it is opened for writing. Nothing here changes a byte of it.
//!
//! | found | answer |
//! | --- | --- |
//! | no file, no write-ahead log | a first start |
//! | no file or an empty one, but a filled write-ahead log | damaged |
//! | an empty file, and a database was born here before | damaged |
//! | not SQLite, a cut file, or one that fails `quick_check` | damaged |
//! | a write-ahead log that is none, or of another database | damaged |
//! | another program's application id, or tables without one | foreign |
//! | a schema beyond ours | newer |

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::copy::beside;
use super::error::StoreError;
use super::migrations::{APPLICATION_ID, latest};
use super::open::{head, raw};

/// Larger databases are not read through at start: at 3 ms a megabyte this much
/// keeps the first page well within 150 ms.
const QUICK_CHECK_LIMIT: u64 = 16 << 20;

const MAGIC: &[u8] = b"SQLite format 3\0";

/// The two numbers a write-ahead log can begin with.
const WAL_MAGIC: [[u8; 4]; 2] = [[0x37, 0x7f, 0x06, 0x82], [0x37, 0x7f, 0x06, 0x83]];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    /// The schema the file has; zero when it has none yet.
    pub(super) version: i64,
}

/// How much of a database is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// What can be read before a start: small databases without their indexes.
    Start,
    /// Every page and every index.
    Whole,
}

pub(super) fn inspect(path: &Path, was_born: bool, depth: Depth) -> Result<Found, StoreError> {
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
    read(path, sizes, depth).map_err(|error| match error {
        Trouble::Sqlite(error) => match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => damaged(error.to_string()),
            Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                StoreError::Unwritable { path: path.to_owned(), why: error.to_string() }
            }
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

/// A connection to a database that nobody writes to.
pub(super) fn look(path: &Path) -> rusqlite::Result<Connection> {
    // Without a log SQLite need not lay files beside ours.
    if std::fs::metadata(beside(path, "-wal")).is_ok_and(|meta| 0 < meta.len()) {
        raw(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)
    } else {
        without_log(path)
    }
}

fn without_log(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    raw(Path::new(&immutable(path)), flags | OpenFlags::SQLITE_OPEN_URI)
}

fn read(path: &Path, sizes: Sizes, depth: Depth) -> Result<Found, Trouble> {
    let refused = |error| Err(Trouble::Refused(error));
    let connection = look(path)?;
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
    if sizes.wal > 0
        && let (Some(own), Some(seen)) = (first_change(&without_log(path)?), first_change(&connection))
        && own != seen
    {
        let what = "the write-ahead log beside it belongs to another database".into();
        return refused(StoreError::Damaged { path: path.to_owned(), what });
    }
    let (pages, page) = (number("page_count")?, number("page_size")?);
    let page = u64::try_from(page).unwrap_or_default().max(1);
    if sizes.file / page + sizes.wal / page < u64::try_from(pages).unwrap_or_default() {
        let what = format!("it should have {pages} pages, but is cut short");
        return refused(StoreError::Damaged { path: path.to_owned(), what });
    }
    let check = match depth {
        Depth::Whole => "PRAGMA integrity_check(1)",
        Depth::Start if sizes.file + sizes.wal < QUICK_CHECK_LIMIT => "PRAGMA quick_check(1)",
        Depth::Start => return Ok(Found { version }),
    };
    let answer: String = connection.query_row(check, [], |row| row.get(0))?;
    if answer != "ok" {
        return refused(StoreError::Damaged { path: path.to_owned(), what: answer });
    }
    Ok(Found { version })
}

/// What tells one database from another: its first change is never pruned. None
/// when there is none yet, or when the file cannot be read without its log.
fn first_change(connection: &Connection) -> Option<(i64, String)> {
    let sql = "SELECT at_ms, subject FROM change WHERE id = 1 AND what LIKE '%\\_added' ESCAPE '\\'";
    connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).ok()
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

#[cfg(test)]
mod tests {
    #[test]
    fn a_file_that_is_not_for_us_is_the_operators_to_mend() {
        let error = |kind: std::io::ErrorKind| super::super::open::unreadable(Path::new("data"), kind.into());
        assert!(matches!(error(std::io::ErrorKind::PermissionDenied), StoreError::Unwritable { .. }));
        assert!(matches!(error(std::io::ErrorKind::NotADirectory), StoreError::Io { .. }));
    }

    use std::collections::BTreeMap;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;

    use super::*;
    use crate::store::sync_endpoints;
    use crate::store::testing::{Running, at, endpoint, goes_up, open, success};
    use crate::store::{BALLAST_FILE, DATABASE_FILE, LOCK_FILE};

    /// A directory with a database of some pages, closed.
    async fn closed() -> tempfile::TempDir {
        let running = Running::new();
        running.succeed("web", 1..=600).await;
        running.store.record(goes_up("web", 601)).await;
        running.stop()
    }

    /// Everything in the directory but the lock and the ballast.
    fn bytes(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
        let files = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
        files
            .filter(|path| !path.ends_with(LOCK_FILE) && !path.ends_with(BALLAST_FILE))
            .map(|path| (path.clone(), fs::read(path).unwrap()))
            .collect()
    }

    /// The refusal, after which nothing has changed.
    fn refusal(dir: &Path) -> StoreError {
        let before = bytes(dir);
        let error = open(dir).expect_err("opened what it should refuse");
        assert!(bytes(dir) == before, "{error}: and something changed");
        error
    }

    fn change(dir: &Path, sql: &str) {
        raw(&dir.join(DATABASE_FILE), OpenFlags::default()).unwrap().execute_batch(sql).unwrap();
    }

    #[tokio::test]
    async fn a_closed_database_opens_again_and_stands_alone() {
        let dir = closed().await;
        assert_eq!(bytes(dir.path()).len(), 1);
        open(dir.path()).unwrap();
        let mode = |name: &str| fs::metadata(dir.path().join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(DATABASE_FILE), mode(LOCK_FILE)), (0o600, 0o600));
    }

    #[tokio::test]
    async fn a_second_daemon_is_told_whose_the_data_is() {
        let running = Running::new();
        let error = open(running.dir.path()).unwrap_err();
        let StoreError::Busy { pid, .. } = &error else { panic!("{error}") };
        assert_eq!(pid, &std::process::id().to_string());
        running.stop();
    }

    #[tokio::test]
    async fn a_newer_database_is_refused() {
        let dir = closed().await;
        change(dir.path(), "PRAGMA user_version = 99");
        let error = refusal(dir.path());
        assert!(matches!(error, StoreError::Newer { found: 99, .. }), "{error}");
    }

    #[test]
    fn a_database_of_another_program_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        change(dir.path(), "CREATE TABLE bookmark (url TEXT)");
        assert!(matches!(refusal(dir.path()), StoreError::Foreign { found: 0, .. }));
        change(dir.path(), "PRAGMA application_id = 42");
        assert!(matches!(refusal(dir.path()), StoreError::Foreign { found: 42, .. }));
    }

    #[test]
    fn a_first_start_that_was_cut_short_is_a_first_start() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(DATABASE_FILE), "").unwrap();
        open(dir.path()).unwrap();
        let dir = tempfile::tempdir().unwrap();
        change(dir.path(), "PRAGMA user_version = 0");
        open(dir.path()).unwrap();
    }

    #[tokio::test]
    async fn damage_is_refused_and_left_as_it_is() {
        let whole = closed().await;
        let whole = fs::read(whole.path().join(DATABASE_FILE)).unwrap();
        let overwritten = |from: usize| {
            let mut bytes = whole.clone();
            bytes[from..from + 4096].fill(0xA5);
            bytes
        };
        let text = b"this is not a database, it is a sentence".to_vec();
        let cases = [
            ("emptied", Some(vec![]), vec![]),
            ("cut short", Some(whole[..20_000].to_vec()), vec![]),
            ("cut to less than a page", Some(whole[..1_000].to_vec()), vec![]),
            ("text", Some(text), vec![]),
            ("a wrong header", Some(overwritten(0)), vec![]),
            ("a page overwritten", Some(overwritten(8192)), vec![]),
            ("a log that is none", Some(whole.clone()), vec![0xA5; 8_192]),
            ("only the log left", None, vec![0x37, 0x7f, 0x06, 0x82, 0, 0, 0, 0]),
        ];
        for (name, database, log) in cases {
            let dir = closed().await;
            let path = dir.path().join(DATABASE_FILE);
            match database {
                Some(bytes) => fs::write(&path, bytes).unwrap(),
                None => fs::remove_file(&path).unwrap(),
            }
            if !log.is_empty() {
                fs::write(beside(&path, "-wal"), log).unwrap();
            }
            let error = refusal(dir.path());
            assert!(matches!(error, StoreError::Damaged { .. }), "{name}: {error:?}");
            // And refused again: the first refusal has not made it look new.
            assert!(matches!(refusal(dir.path()), StoreError::Damaged { .. }), "{name}");
        }
    }

    #[tokio::test]
    async fn a_database_left_without_a_good_end_opens_unless_it_is_cut_short() {
        let running = Running::new();
        running.succeed("web", 1..=600).await;
        running.store.checkpoint().await.unwrap();
        running.store.record(success("web", 601)).await;
        // As a power cut leaves them: the files as they are now.
        let copy = |cut: usize| {
            let dir = tempfile::tempdir().unwrap();
            for (path, mut bytes) in bytes(running.dir.path()) {
                if path.ends_with(DATABASE_FILE) {
                    bytes.truncate(bytes.len() - cut);
                }
                fs::write(dir.path().join(path.file_name().unwrap()), bytes).unwrap();
            }
            dir
        };
        let whole = copy(0);
        open(whole.path()).unwrap();
        assert_eq!(crate::store::Reader::open(whole.path()).unwrap().count_results().unwrap(), 601);
        let error = open(copy(8192).path()).unwrap_err();
        assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
    }

    #[tokio::test]
    async fn a_log_of_another_database_is_refused_and_a_missing_index_of_ones_own_is_not() {
        let living = |second: i64| async move {
            let running = Running::new();
            let endpoints = [endpoint("web", &[])];
            running.store.transact(move |tx| sync_endpoints(tx, &endpoints, at(second))).await.unwrap();
            running.succeed("web", second..=second + 20).await;
            running
        };
        let (one, other) = (living(100).await, living(200).await);
        one.store.checkpoint().await.unwrap();
        one.store.record(success("web", 300)).await;
        let copy = |with_log_of: &Running| {
            let dir = tempfile::tempdir().unwrap();
            let log = format!("{DATABASE_FILE}-wal");
            fs::copy(one.dir.path().join(DATABASE_FILE), dir.path().join(DATABASE_FILE)).unwrap();
            fs::copy(with_log_of.dir.path().join(&log), dir.path().join(log)).unwrap();
            dir
        };
        let mixed = copy(&other);
        let error = open(mixed.path()).expect_err("the log of another database is replayed");
        assert!(error.to_string().contains("belongs to another database"), "{error}");
        // Without its index, which is made anew.
        let own = copy(&one);
        open(own.path()).unwrap();
        assert_eq!(crate::store::Reader::open(own.path()).unwrap().count_results().unwrap(), 22);
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_unwritable() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        let error = open(&file.join("data")).unwrap_err();
        assert!(matches!(error, StoreError::Unwritable { .. }), "{error}");
    }

    #[test]
    fn a_directory_of_any_name_will_do() {
        let dir = tempfile::tempdir().unwrap();
        let odd = dir.path().join("\u{6570}\u{636e} 100%?#x");
        open(&odd).unwrap();
        open(&odd).unwrap();
        assert!(odd.join(DATABASE_FILE).exists());
    }

    #[test]
    fn sqlite_is_free_of_the_race_that_lost_commits_when_the_log_was_reset() {
        assert!(rusqlite::version_number() >= 3_051_003, "{}", rusqlite::version());
    }
}
