//! What a result weighs on disk, as stored by the daemon and with enough of them to tell.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};
use porchlight::store::DATABASE_FILE;
use rusqlite::Connection;

use crate::Lab;
use crate::daemon::{self, Daemon, Watch};
use crate::probes::ENDPOINTS;
use crate::report::{Goal, Row, Series};
use crate::target::Target;

/// Where `probes` leaves a database.
pub const ROOM: &str = "probes";
/// How long the daemon knocks when there is none.
const FILL: Duration = Duration::from_secs(12);
/// The file's fixed part no longer counts with these.
const ENOUGH: u32 = 1_000_000;
const MUST: Goal = Goal::AtMost { must: Some(28.0), aim: None };

pub fn run(lab: &Lab) -> anyhow::Result<Vec<Row>> {
    let room = lab.room(ROOM)?;
    let file = database(&room);
    if !file.exists() {
        let target = Target::start()?;
        let daemon = Daemon::start(&room, &Watch::new(target.addr, ENDPOINTS, "1s"))?;
        std::thread::sleep(FILL);
        daemon.stop()?;
    }
    let (few, weight) = (results(&file)?, weight(&file)?);
    let grown = lab.room("disk")?.join("grown.db");
    std::fs::copy(&file, &grown).context("copying the database")?;
    grow(&grown, ENOUGH)?;
    let many = results(&grown)?;
    Ok(vec![
        Row::new("bytes per result, as written", "B", Series::one(weight)).note(format!(
            "only {few} results, which must carry the whole file: {ENDPOINTS} endpoints and their spans too"
        )),
        Row::new("bytes per result, grown", "B", Series::one(self::weight(&grown)?))
            .goal(MUST)
            .note(format!("the same file with its results repeated up to {many}")),
    ])
}

/// The database of the daemon in `room`.
pub fn database(room: &Path) -> PathBuf {
    daemon::data(room).join(DATABASE_FILE)
}

pub fn results(file: &Path) -> anyhow::Result<u32> {
    count(file, "result")
}

pub fn spans(file: &Path) -> anyhow::Result<u32> {
    count(file, "span")
}

/// Repeats the results, each time as if as long again had been watched, until there are `wanted`.
pub fn grow(file: &Path, wanted: u32) -> anyhow::Result<()> {
    let connection = Connection::open(file).context("opening a database to grow it")?;
    ensure!(results(file)? > 0, "there is nothing in {} to repeat", file.display());
    // Nobody needs this file after a power cut.
    connection.execute_batch("PRAGMA synchronous = OFF")?;
    loop {
        let missing = wanted.saturating_sub(results(file)?);
        if missing == 0 {
            break;
        }
        connection.execute(
            "INSERT INTO result (endpoint, at_ms, outcome, total_us, http_status)
             SELECT endpoint, at_ms + (SELECT max(at_ms) - min(at_ms) FROM result), outcome, total_us, http_status
             FROM result ORDER BY id LIMIT ?1",
            [missing],
        )?;
    }
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(())).context("emptying the log")
}

fn weight(file: &Path) -> anyhow::Result<f64> {
    let bytes = u32::try_from(std::fs::metadata(file)?.len()).context("weighing the database")?;
    Ok(f64::from(bytes) / f64::from(results(file)?))
}

fn count(file: &Path, table: &str) -> anyhow::Result<u32> {
    let connection = Connection::open(file).with_context(|| format!("opening {}", file.display()))?;
    let count = connection.query_row(&format!("SELECT count(*) FROM {table}"), (), |row| row.get(0));
    count.with_context(|| format!("counting {table}s"))
}
