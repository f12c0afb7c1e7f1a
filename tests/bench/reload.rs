//! How long a reload takes with 2,000 endpoints, and whether probes wait for it.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use crate::daemon::{Daemon, Watch};
use crate::report::{Row, Series, quantile};
use crate::target::{Arrival, Target};
use crate::{Lab, progress};

const ENDPOINTS: usize = 2000;
/// Every endpoint this often makes 500 probes a second.
const EVERY: &str = "4s";
const PERIOD: f64 = 4.0;
/// All have been knocked at and confirmed, and are in their rhythm.
const WARM_UP: Duration = Duration::from_secs(14);
/// Reloads of each kind, so far apart.
const ROUNDS: u32 = 5;
const APART: Duration = Duration::from_secs(2);

pub fn run(lab: &Lab) -> anyhow::Result<Vec<Row>> {
    let (target, room) = (Target::start()?, lab.room("reload")?);
    let daemon = Daemon::start(&room, &Watch::new(target.addr, ENDPOINTS, EVERY))?;
    std::thread::sleep(WARM_UP);
    let config = room.join("config.toml");
    let shipped = std::fs::read_to_string(&config)?;
    let one = |round: u32| {
        shipped.replacen("failure_threshold = 2", &format!("failure_threshold = {}", 3 + round), 1)
    };
    let all =
        |round: u32| shipped.replace("failure_threshold = 2", &format!("failure_threshold = {}", 3 + round));
    progress("  no reload");
    target.take();
    std::thread::sleep(APART * ROUNDS);
    let quiet = worst(&target.take());
    progress("  nothing changed");
    let (nothing, nothing_late) = reloads(&target, &config, |_| shipped.clone())?;
    progress("  one changed");
    let (one, one_late) = reloads(&target, &config, one)?;
    progress("  all changed");
    let (all, _) = reloads(&target, &config, all)?;
    daemon.stop()?;
    let late = |it: f64| format!("worst start lateness meanwhile {it:.1} ms; without reloads {quiet:.1} ms");
    Ok(vec![
        Row::new("reload of 2000 endpoints, nothing changed", "ms", nothing).note(late(nothing_late)),
        Row::new("reload of 2000 endpoints, one changed", "ms", one).note(late(one_late)),
        Row::new("reload of 2000 endpoints, all changed", "ms", all)
            .note("all are knocked at anew within 4 s".to_owned()),
    ])
}

/// The time of each `porchlight reload`, the process's own start included, and
/// the worst lateness of a knock in the whole time.
fn reloads(target: &Target, config: &Path, text: impl Fn(u32) -> String) -> anyhow::Result<(Series, f64)> {
    target.take();
    let mut took = Vec::new();
    for round in 0..ROUNDS {
        std::fs::write(config, text(round)).context("writing the config")?;
        let mut command = Command::new(env!("CARGO_BIN_EXE_porchlight"));
        command.arg("--config").arg(config).arg("reload").stdout(Stdio::null());
        let began = Instant::now();
        ensure!(command.status()?.success(), "the reload failed");
        took.push(began.elapsed().as_secs_f64() * 1000.0);
        std::thread::sleep(APART);
    }
    Ok((took.into_iter().collect(), worst(&target.take())))
}

/// How much later than its rhythm the latest knock came, in milliseconds.
fn worst(arrivals: &[Arrival]) -> f64 {
    let Some(began) = arrivals.iter().map(|it| it.at).min() else { return f64::NAN };
    let mut of_each: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
    // The first endpoint is the one that changes, and is then knocked at off its rhythm.
    for arrival in arrivals.iter().filter(|it| it.endpoint != 0) {
        of_each
            .entry(arrival.endpoint)
            .or_default()
            .push(arrival.at.saturating_duration_since(began).as_secs_f64());
    }
    let mut worst = 0.0_f64;
    for times in of_each.values() {
        let first = quantile(times, 0.0);
        let offsets: Vec<f64> =
            times.iter().map(|at| at - ((at - first) / PERIOD).round() * PERIOD).collect();
        worst = worst.max(quantile(&offsets, 1.0) - quantile(&offsets, 0.0));
    }
    worst * 1000.0
}
