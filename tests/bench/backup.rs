//! A backup of a gigabyte beside a daemon at work, and what its probes feel of it.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use rusqlite::Connection;

use crate::daemon::{Daemon, Watch};
use crate::disk::database;
use crate::lateness::starts;
use crate::report::{Goal, Row, Series, quantile};
use crate::target::Target;
use crate::{Lab, progress};

/// Past SQLite's lock page at one gibibyte, where a database of this size is special.
const SIZE: u64 = 1_100 << 20;
const ENDPOINTS: usize = 200;
const WARM_UP: Duration = Duration::from_secs(5);
const WINDOW: Duration = Duration::from_secs(10);

pub fn run(lab: &Lab) -> anyhow::Result<Vec<Row>> {
    let room = lab.room("backup")?;
    let target = Target::start()?;
    let watch = Watch::new(target.addr, ENDPOINTS, "1s");
    let daemon = Daemon::start(&room, &watch)?;
    std::thread::sleep(WARM_UP);
    daemon.stop()?;
    progress("  filling a database of 1.1 GB");
    fill(&database(&room))?;
    let daemon = Daemon::start(&room, &watch)?;
    let first_page = daemon.first_page;
    std::thread::sleep(WARM_UP);
    target.take();
    let began = Instant::now();
    std::thread::sleep(WINDOW);
    let before = starts(&target.take(), began);
    progress("  backing it up");
    let began = Instant::now();
    let took = back_up(&room)?;
    let during = starts(&target.take(), began);
    daemon.stop()?;
    let part = |name: &str, share| {
        Row::new(
            format!("start lateness while backing up, {name}"),
            "ms",
            Series::one(quantile(&during, share)),
        )
        .note(format!("just before it: {:.1} ms", quantile(&before, share)))
    };
    Ok(vec![
        Row::new("first page with 1.1 GB stored", "ms", Series::one(first_page.as_secs_f64() * 1000.0))
            .goal(Goal::AtMost { must: Some(300.0), aim: None }),
        Row::new("backup of 1.1 GB beside 200 results/s", "s", Series::one(took)).note("checked as well"),
        part("p99", 0.99),
        part("worst", 1.0),
    ])
}

/// Repeats old results until the file has its size, and tells the start where they end.
fn fill(file: &Path) -> anyhow::Result<()> {
    let connection = Connection::open(file).context("opening a database to fill it")?;
    connection.execute_batch("PRAGMA synchronous = OFF")?;
    while std::fs::metadata(file)?.len() < SIZE {
        connection.execute(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000000)
             INSERT INTO result (endpoint, at_ms, outcome, total_us, http_status)
             SELECT 1 + i % 100, (SELECT max(at_ms) FROM result), 0, 180000 + i % 977, 200 FROM n",
            (),
        )?;
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(()))?;
    }
    let known = connection
        .execute("UPDATE meta SET value = (SELECT max(id) FROM result) WHERE key = 'newest_through'", ())?;
    ensure!(known == 1, "the newest results are not remembered");
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(())).context("emptying the log")
}

/// Seconds that the command says it took.
fn back_up(room: &Path) -> anyhow::Result<f64> {
    let output = Command::new(env!("CARGO_BIN_EXE_porchlight"))
        .arg("--config")
        .arg(room.join("config.toml"))
        .arg("backup")
        .arg(room.join("backup.db"))
        .arg("--json")
        .output()
        .context("running the backup")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    told["seconds"].as_f64().context("no seconds were told")
}
