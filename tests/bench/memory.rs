//! How much memory the daemon keeps, by how much it watches.

use std::time::Duration;

use anyhow::Context;

use crate::daemon::{self, Daemon, Watch};
use crate::report::{Goal, Row, Series};
use crate::target::Target;
use crate::{Lab, progress};

/// Endpoints, and the megabytes promised and aimed at.
const SIZES: [(usize, f64, f64); 3] = [(10, 20.0, 14.0), (500, 35.0, 20.0), (2000, 50.0, 35.0)];
/// Long enough for every endpoint to have been knocked at twice.
const SETTLED: Duration = Duration::from_secs(12);
const SAMPLES: u32 = 5;
const BETWEEN: Duration = Duration::from_millis(800);

pub fn run(lab: &Lab) -> anyhow::Result<Vec<Row>> {
    let target = Target::start()?;
    SIZES
        .iter()
        .map(|&(endpoints, must, aim)| {
            progress(format_args!("  {endpoints} endpoints"));
            let room = lab.room(&format!("memory-{endpoints}"))?;
            let daemon = Daemon::start(&room, &Watch::new(target.addr, endpoints, "5s"))?;
            std::thread::sleep(SETTLED);
            daemon::get(daemon.addr, "/").context("fetching the page")?;
            let mut samples = Vec::new();
            for _ in 0..SAMPLES {
                samples.push(daemon.process.resident()?);
                std::thread::sleep(BETWEEN);
            }
            daemon.stop()?;
            let resident: Series = samples.into_iter().collect();
            let name = format!("resident memory, {endpoints} endpoints");
            Ok(Row::new(name, "MB", resident).goal(Goal::AtMost { must: Some(must), aim: Some(aim) }))
        })
        .collect()
}
