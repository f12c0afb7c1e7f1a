//! From the start of the process to the last byte of its first page.

use std::time::{Duration, Instant};

use anyhow::Context;

use crate::daemon::{self, Daemon, Watch};
use crate::report::{Goal, Row, Series};
use crate::target::Target;
use crate::{Lab, bare, disk, progress};

const ROUNDS: u32 = 9;
const ENDPOINTS: usize = 10;
/// Two months of ten endpoints, each every minute.
const HISTORY: u32 = 1_000_000;
/// Some knocks, so that there is something to start again with.
const FIRST_LIFE: Duration = Duration::from_secs(2);
const GOAL: Goal = Goal::AtMost { must: Some(150.0), aim: Some(50.0) };

pub fn run(lab: &Lab) -> anyhow::Result<Vec<Row>> {
    let target = Target::start()?;
    let existing = lab.room("start-existing")?;
    let watch = Watch::new(target.addr, ENDPOINTS, "1s");
    let page = lab.room("start-bare")?.join("page");
    live_once(&existing, &watch)?;
    disk::grow(&disk::database(&existing), HISTORY)?;
    // The daemon keeps an eye on where its log ends; after this it knows.
    live_once(&existing, &watch)?;
    std::fs::write(&page, b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n\r\n<!doctype html>")?;
    let (mut fresh, mut old, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        progress(format_args!("  round {round} of {ROUNDS}"));
        fresh.push(first_page(&lab.room(&format!("start-{round}"))?, &watch)?);
        old.push(first_page(&existing, &watch)?);
        theirs.push(bare_start(&page)?);
    }
    let series =
        |times: Vec<Duration>| times.into_iter().map(|it| it.as_secs_f64() * 1000.0).collect::<Series>();
    let bare = series(theirs);
    Ok(vec![
        Row::new("cold start, no data yet", "ms", series(fresh)).beside(bare.clone()).goal(GOAL),
        Row::new("cold start, 1 M results", "ms", series(old)).beside(bare).goal(GOAL),
    ])
}

fn live_once(room: &std::path::Path, watch: &Watch) -> anyhow::Result<()> {
    let daemon = Daemon::start(room, watch)?;
    std::thread::sleep(FIRST_LIFE);
    daemon.stop()
}

fn first_page(room: &std::path::Path, watch: &Watch) -> anyhow::Result<Duration> {
    let daemon = Daemon::start(room, watch)?;
    let took = daemon.first_page;
    daemon.stop()?;
    Ok(took)
}

fn bare_start(page: &std::path::Path) -> anyhow::Result<Duration> {
    let addr = daemon::free_addr()?;
    let arguments = ["--bare-server", &addr.port().to_string(), &page.display().to_string()];
    let began = Instant::now();
    let mut process = bare::spawn(&arguments, &page.with_extension("log"))?;
    daemon::first_page(addr, || process.must_live()).context("waiting for a bare server")?;
    let took = began.elapsed();
    process.hang_up()?;
    Ok(took)
}
