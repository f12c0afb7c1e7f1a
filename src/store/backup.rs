//! Backup, restore, and the copy before an upgrade: each is on the disk and
//! checked before it bears its name, and none replaces a file.

use std::fs::{self, DirBuilder};
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;

use super::copy::{Part, Progress, beside, mebibytes, sync_dir};
use super::error::{Doing, StoreError};
use super::inspect::{self, Depth, Found};
use super::lock::Lock;
use super::migrations::latest;
use super::open::{self, DATABASE_FILE};
use super::{ballast, logins, reader, results};

/// How long a backup rests after each megabyte: the daemon beside it keeps most
/// of the disk, and a gigabyte still takes less than a minute.
const PAUSE: Duration = Duration::from_millis(5);

/// Copies from before upgrades that are kept: the newest of so many schemas.
const KEPT: usize = 3;

/// What was copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copied {
    pub bytes: u64,
    pub results: u64,
    pub schema: i64,
}

/// Writes what is stored in `dir` now into the new file `to`, beside a running
/// daemon or without one.
pub fn backup(dir: &Path, to: &Path, watch: &mut dyn FnMut(Progress)) -> Result<Copied, StoreError> {
    let from = dir.join(DATABASE_FILE);
    must_be_free(to)?;
    must_be_there(&from)?;
    let connection = open::for_reading(dir)?;
    reader::ours(&connection, &from)?;
    let part = Part::create(beside(to, ".part"))?;
    part.fill(&connection, PAUSE, watch)?;
    let copied = checked(&part, &from)?;
    part.keep(to)?;
    Ok(copied)
}

/// Puts a backup into a data directory that has no database.
pub fn restore(from: &Path, dir: &Path, watch: &mut dyn FnMut(Progress)) -> Result<Copied, StoreError> {
    must_be_there(from)?;
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(|why| StoreError::Unwritable { path: dir.to_owned(), why: why.to_string() })?;
    let mut lock = Lock::take(dir)?;
    let to = dir.join(DATABASE_FILE);
    let filled = |path: &Path| fs::metadata(path).is_ok_and(|meta| 0 < meta.len());
    // A log without its database may hold what that never got.
    for path in [to.clone(), beside(&to, "-wal")] {
        if path == to && path.exists() || filled(&path) {
            return Err(StoreError::HasDatabase { path });
        }
    }
    let found = inspect::inspect(from, false, Depth::Whole)?;
    if found.version == 0 {
        return Err(StoreError::Damaged { path: from.to_owned(), what: "there is nothing in it".into() });
    }
    for leftover in ["-wal", "-shm"] {
        // Empty ones; most often there are none.
        let _ = fs::remove_file(beside(&to, leftover));
    }
    let part = Part::create(beside(&to, ".restoring"))?.owned_as(dir)?;
    part.fill(&inspect::look(from).doing("opening the backup")?, Duration::ZERO, watch)?;
    let copied = checked(&part, from)?;
    logins::mark_restored(dir)?;
    part.keep(&to)?;
    lock.born(dir)?;
    Ok(copied)
}

/// Before an upgrade touches anything: a checked copy of the database as it is,
/// beside it. Without room for one there is no upgrade.
pub(super) fn before_migration(path: &Path, found: Found) -> Result<(), StoreError> {
    if found.version == 0 || found.version == latest() {
        return Ok(());
    }
    let size = |path: &Path| fs::metadata(path).map_or(0, |meta| meta.len());
    let need = size(path) + size(&beside(path, "-wal"));
    if ballast::free(path.parent().unwrap_or(path)).is_some_and(|free| free < need) {
        return Err(StoreError::NoRoom { path: path.to_owned(), need: mebibytes(need) });
    }
    let part = Part::create(beside(path, ".copying"))?;
    let connection = inspect::look(path).doing("opening the database")?;
    part.fill(&connection, Duration::ZERO, &mut |_| ())?;
    drop(connection);
    let copied = checked(&part, path)?;
    if copied.schema != found.version {
        let what = format!("its copy has schema {}, not {}", copied.schema, found.version);
        return Err(StoreError::Damaged { path: path.to_owned(), what });
    }
    let kept = beside(path, &format!("{BEFORE}{}-{}", latest(), stamp(&part.path)));
    // A start in the same second that was killed made this very copy.
    let _ = fs::remove_file(&kept);
    part.keep(&kept)?;
    tracing::info!(
        "The database goes from schema {} to {}; a checked copy of it as it was: {}",
        found.version,
        latest(),
        kept.display()
    );
    forget_old_copies(path)
}

/// What follows the database's name in that of a copy from before an upgrade.
const BEFORE: &str = ".before-";

/// When the file was made, by the clock of its file system: `20261123T072846Z`.
fn stamp(path: &Path) -> String {
    let made = fs::metadata(path).and_then(|meta| meta.modified()).ok();
    let made = made.and_then(|made| Timestamp::try_from(made).ok()).unwrap_or_default();
    made.strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// Keeps the newest copy of each schema, and of the last schemas only.
fn forget_old_copies(path: &Path) -> Result<(), StoreError> {
    let Some(dir) = path.parent() else { return Ok(()) };
    let entries =
        fs::read_dir(dir).map_err(|source| StoreError::Io { doing: "list", path: dir.to_owned(), source })?;
    let start = format!("{DATABASE_FILE}{BEFORE}");
    let mut copies: Vec<(i64, String, PathBuf)> = entries
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let (schema, stamp) = name.strip_prefix(&start)?.split_once('-')?;
            Some((schema.parse().ok()?, stamp.to_owned(), entry.path()))
        })
        .collect();
    copies.sort();
    copies.reverse();
    let (mut schemas, mut last) = (0, None);
    for (schema, _, copy) in copies {
        let newest = last != Some(schema);
        last = Some(schema);
        schemas += usize::from(newest);
        if !newest || KEPT < schemas {
            // One copy too many does no harm.
            let _ = fs::remove_file(copy);
        }
    }
    sync_dir(path)
}

/// Reads the whole copy. Damage in it is damage of what it was made from.
fn checked(part: &Part, from: &Path) -> Result<Copied, StoreError> {
    let found = inspect::inspect(&part.path, false, Depth::Whole).map_err(|error| match error {
        StoreError::Damaged { what, .. } => StoreError::Damaged { path: from.to_owned(), what },
        other => other,
    })?;
    let connection = inspect::look(&part.path).doing("opening the copy")?;
    let bytes = fs::metadata(&part.path).map_or(0, |meta| meta.len());
    Ok(Copied { bytes, results: results::count(&connection)?, schema: found.version })
}

/// A file or directory that is closed to us is not one that is missing.
fn must_be_there(path: &Path) -> Result<(), StoreError> {
    match fs::File::open(path) {
        Ok(_) => Ok(()),
        Err(why) if why.kind() == ErrorKind::PermissionDenied => Err(open::unreadable(path, why)),
        Err(_) => Err(StoreError::Missing { path: path.to_owned() }),
    }
}

fn must_be_free(path: &Path) -> Result<(), StoreError> {
    match fs::symlink_metadata(path) {
        Ok(_) => Err(StoreError::Exists { path: path.to_owned() }),
        Err(_) => Ok(()),
    }
}
