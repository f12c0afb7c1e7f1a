//! How long a result waits until it is on the disk: at two rates, and beside a pruning.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use jiff::Timestamp;
use porchlight::domain::endpoint::Id;
use porchlight::domain::moment::Moment;
use porchlight::domain::outcome::Outcome;
use porchlight::domain::probe::ProbeResult;
use porchlight::store::{BACKLOG, DATABASE_FILE, Options, Recorded, Recording, Store};
use rusqlite::Connection;
use tokio::task::JoinSet;

use crate::Lab;
use crate::report::{Goal, Row, Series, quantile};

const WINDOW: Duration = Duration::from_secs(10);

/// As many results as two endpoints every second make in 17 days, a third of them too old.
const LOG: u32 = 3_000_000;
const KEEP: Duration = Duration::from_secs(86_400);

pub fn run(lab: &Lab) -> anyhow::Result<Vec<Row>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let mut rows = Vec::new();
    for rate in [100, 1000] {
        let open = Open::new(&lab.room(&format!("commits-{rate}"))?)?;
        let waits = runtime.block_on(record(&open.store, rate, WINDOW))?;
        let note = format!("{} results in {} commits", waits.len(), open.store.commits());
        for (name, share) in [("median", 0.5), ("p99", 0.99)] {
            let name = format!("until stored at {rate} results/s, {name}");
            rows.push(Row::new(name, "ms", Series::one(quantile(&waits, share))).note(note.clone()));
        }
        open.close()?;
    }
    rows.extend(beside_a_pruning(lab, &runtime)?);
    Ok(rows)
}

fn beside_a_pruning(lab: &Lab, runtime: &tokio::runtime::Runtime) -> anyhow::Result<Vec<Row>> {
    let room = lab.room("commits-pruning")?;
    Open::new(&room)?.close()?;
    let now = Timestamp::now();
    fill(&room, now)?;
    let open = Open::new(&room)?;
    let began = Instant::now();
    let (pruned, waits) = runtime
        .block_on(async { tokio::join!(open.store.prune(now, KEEP), record(&open.store, 200, WINDOW)) });
    let (pruned, waits) = (pruned?, waits?);
    ensure!(pruned >= 1_000_000, "only {pruned} were old enough");
    let note = format!("{pruned} of {LOG} rows pruned in at most {:.1} s", began.elapsed().as_secs_f64());
    open.close()?;
    Ok(vec![
        Row::new("until stored beside a pruning, p99", "ms", Series::one(quantile(&waits, 0.99)))
            .goal(Goal::AtMost { must: None, aim: Some(250.0) })
            .note(note),
        Row::new("until stored beside a pruning, worst", "ms", Series::one(quantile(&waits, 1.0))),
    ])
}

/// Three million results; the first million is older than what is kept.
fn fill(room: &Path, now: Timestamp) -> anyhow::Result<()> {
    let connection = Connection::open(room.join(DATABASE_FILE)).context("opening a database to fill it")?;
    connection.execute_batch("PRAGMA synchronous = OFF; INSERT INTO endpoint (name) VALUES ('old')")?;
    let now = now.as_millisecond();
    connection.execute(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
         INSERT INTO result (endpoint, at_ms, outcome, total_us, http_status)
         SELECT 1, ?2 - iif(i <= ?1 / 3, 100000000, 1000), 0, 180000, 200 FROM n",
        (LOG, now),
    )?;
    connection.execute("INSERT OR REPLACE INTO meta VALUES ('pruned_at', ?1)", [now])?;
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(())).context("emptying the log")
}

/// A store and its writer.
struct Open {
    store: Store,
    writer: std::thread::JoinHandle<()>,
}

impl Open {
    fn new(room: &Path) -> anyhow::Result<Self> {
        let (store, writer) = Store::open(&Options { dir: room.to_owned(), backlog: BACKLOG })?;
        Ok(Self { store, writer: std::thread::spawn(|| writer.run()) })
    }

    fn close(self) -> anyhow::Result<()> {
        self.store.close();
        self.writer.join().map_err(|_| anyhow::anyhow!("the writer panicked"))
    }
}

/// Records so many a second for so long; how long each waited, in milliseconds.
async fn record(store: &Store, rate: u32, length: Duration) -> anyhow::Result<Vec<f64>> {
    let mut due = tokio::time::interval(Duration::from_secs(1) / rate);
    let (mut waiting, mut waits) = (JoinSet::new(), Vec::new());
    let began = Instant::now();
    let mut number = 0_u32;
    while began.elapsed() < length {
        due.tick().await;
        let (store, recording) = (store.clone(), recording(number, began.elapsed())?);
        number += 1;
        waiting.spawn(async move {
            let asked = Instant::now();
            (store.record(recording).await, asked.elapsed())
        });
        while let Some(done) = waiting.try_join_next() {
            waits.push(done?);
        }
    }
    waits.extend(waiting.join_all().await);
    ensure!(waits.iter().all(|(recorded, _)| *recorded == Recorded::Stored), "a result was not stored");
    Ok(waits.into_iter().map(|(_, waited)| waited.as_secs_f64() * 1000.0).collect())
}

fn recording(number: u32, mono: Duration) -> anyhow::Result<Recording> {
    let result = ProbeResult {
        at: Moment { wall: Timestamp::now(), mono },
        total: Duration::from_millis(180),
        outcome: Outcome::Success,
        http_status: Some(200),
        fresh_for: Duration::from_secs(30),
    };
    let endpoint = Id::parse(&format!("e{}", number % 100)).context("naming an endpoint")?;
    Ok(Recording { endpoint, result, transitions: vec![] })
}
