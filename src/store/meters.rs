//! What the store counts of itself. The writer fills it in, so that reading it
//! never waits for a disk.

use std::path::Path;

use super::open::DATABASE_FILE;
use crate::meter::{Counter, Gauge, Histogram};

/// Microseconds. A flush takes 0.1 ms on a good disk and 10 ms on a spinning one.
const COMMIT_BOUNDS: &[u64] = &[1_000, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 5_000_000];
/// Jobs that shared one commit.
const BATCH_BOUNDS: &[u64] = &[1, 5, 25, 100, 500, 2_500];

#[derive(Debug)]
pub struct Meters {
    /// From the begin of a transaction to its flush; of those that failed, too.
    pub commit: Histogram,
    pub batch: Histogram,
    pub failed: Counter,
    pub database_bytes: Gauge,
    pub wal_bytes: Gauge,
    /// What users like us may still write on the file system of the data.
    pub free_bytes: Gauge,
}

impl Default for Meters {
    fn default() -> Self {
        Self {
            commit: Histogram::new(COMMIT_BOUNDS),
            batch: Histogram::new(BATCH_BOUNDS),
            failed: Counter::default(),
            database_bytes: Gauge::default(),
            wal_bytes: Gauge::default(),
            free_bytes: Gauge::default(),
        }
    }
}

impl Meters {
    /// Looks at the files in `dir`; what cannot be seen counts as nothing.
    pub(super) fn weigh(&self, dir: &Path) {
        let bytes = |name: &str| {
            let length = std::fs::metadata(dir.join(name)).map_or(0, |it| it.len());
            i64::try_from(length).unwrap_or(i64::MAX)
        };
        self.database_bytes.set(bytes(DATABASE_FILE));
        self.wal_bytes.set(bytes(&format!("{DATABASE_FILE}-wal")));
        let free = rustix::fs::statvfs(dir).map_or(0, |it| it.f_bavail.saturating_mul(it.f_frsize));
        self.free_bytes.set(i64::try_from(free).unwrap_or(i64::MAX));
    }
}
