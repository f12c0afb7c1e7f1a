//! Whether 5,000 endpoints that are due once a minute start when they are due, as their target sees it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::ensure;
use porchlight::domain::endpoint::Id;
use porchlight::schedule::cadence::phase;

use crate::daemon::{Daemon, Watch};
use crate::report::{Goal, Row, Series};
use crate::target::{Arrival, Target};
use crate::tls::Chain;
use crate::{Lab, progress};

const ENDPOINTS: u32 = 5_000;
const MINUTE: Duration = Duration::from_secs(60);
/// The first knocks, all within five seconds, and their confirmations.
const WARM_UP: Duration = Duration::from_secs(30);
/// After the first knock an endpoint joins its phase within a minute and a half.
const WINDOW: Duration = Duration::from_secs(135);
/// Until when every endpoint has joined its phase, from the window's start.
const JOINED: f64 = 70.0;

pub fn run(lab: &Lab) -> anyhow::Result<Vec<Row>> {
    let room = lab.room("minute-tls")?;
    let chain = Chain::made(&room)?;
    let plain = Target::start()?;
    let endpoints = usize::try_from(ENDPOINTS)?;
    progress("  plain");
    let watch = Watch::new(plain.addr, endpoints, "60s");
    let mut rows = measure(&lab.room("minute")?, &watch, &plain, "TCP")?;
    progress("  over TLS");
    let target = chain.target()?;
    let watch = Watch { roots: Some(chain.roots.clone()), ..Watch::new(target.addr, endpoints, "60s") };
    rows.extend(measure(&room, &watch, &target, "TLS")?);
    Ok(rows)
}

fn measure(room: &std::path::Path, watch: &Watch, target: &Target, over: &str) -> anyhow::Result<Vec<Row>> {
    let daemon = Daemon::start(room, watch)?;
    std::thread::sleep(WARM_UP);
    let (began, before) = (Instant::now(), daemon.process.cpu()?);
    let warm_up = target.take();
    std::thread::sleep(WINDOW);
    let used = daemon.process.cpu()? - before;
    let arrivals = target.take();
    let resident = daemon.process.resident()?;
    daemon.stop()?;
    let rounds = rounds(warm_up.iter().chain(&arrivals), began);
    let confirmed = arrivals.len() - rounds.len();
    let (late, missed, slots) = lateness(&rounds, began)?;
    let share = |share| Series::one(crate::report::quantile(&late, share));
    let cost = used / f64::from(u32::try_from(arrivals.len())?) * 1000.0;
    let note = format!(
        "{} knocks, {confirmed} of them confirm, {missed} missed of {slots} due in the last minute, {cost:.2} CPU s per 1000, {resident:.0} MB resident",
        arrivals.len()
    );
    Ok(vec![
        Row::new(format!("5000 a minute over fresh {over}: start lateness, median"), "ms", share(0.5)),
        Row::new(format!("5000 a minute over fresh {over}: start lateness, p99"), "ms", share(0.99))
            .goal(Goal::AtMost { must: None, aim: Some(100.0) })
            .note(note),
        Row::new(format!("5000 a minute over fresh {over}: start lateness, worst"), "ms", share(1.0)),
        Row::new(format!("5000 a minute over fresh {over}: missed"), "", Series::one(f64::from(missed)))
            .goal(Goal::NeverAbove(0.0)),
    ])
}

/// The knocks since `began` that a bell began: one so soon after the one
/// before confirms it, and is due when that one was over.
fn rounds<'a>(arrivals: impl Iterator<Item = &'a Arrival>, began: Instant) -> Vec<Arrival> {
    let mut before: BTreeMap<u32, Instant> = BTreeMap::new();
    let mut rounds = Vec::new();
    for arrival in arrivals {
        let last = before.insert(arrival.endpoint, arrival.at);
        let rung = last.is_none_or(|last| MINUTE / 2 <= arrival.at.saturating_duration_since(last));
        if rung && began <= arrival.at {
            rounds.push(*arrival);
        }
    }
    rounds
}

/// How late each knock was in milliseconds, how many of the last minute never
/// came, and how many were due in it.
///
/// All are due at one common start plus their own phase. The knock that came
/// least late of all says where that start is.
fn lateness(arrivals: &[Arrival], began: Instant) -> anyhow::Result<(Vec<f64>, u32, u32)> {
    let minute = MINUTE.as_secs_f64();
    let phases: BTreeMap<u32, f64> = (0..ENDPOINTS)
        .filter_map(|it| Some((it, phase(&Id::parse(&format!("e{it}"))?, MINUTE).as_secs_f64())))
        .collect();
    let mut places = Vec::new();
    for arrival in arrivals {
        let Some(phase) = phases.get(&arrival.endpoint) else { continue };
        let at = arrival.at.saturating_duration_since(began).as_secs_f64();
        places.push((arrival.endpoint, at, (at - phase).rem_euclid(minute)));
    }
    ensure!(places.len() > phases.len(), "hardly anybody knocked");
    // Where the start lies on the minute: nothing came just before it. A place
    // amid all others serves as zero, so that the minute's turn splits nothing.
    let amid = places.first().map_or(0.0, |it| it.2);
    let turned = |place: f64| (place - amid + minute / 2.0).rem_euclid(minute);
    let start = places.iter().map(|it| turned(it.2)).fold(f64::INFINITY, f64::min);
    let late: Vec<f64> = places.iter().map(|it| (turned(it.2) - start) * 1000.0).collect();
    let mut of_each: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
    for (endpoint, at, place) in &places {
        // When it was due.
        of_each.entry(*endpoint).or_default().push(at - (turned(*place) - start));
    }
    let (mut missed, mut slots) = (0, 0);
    let base = (start + amid - minute / 2.0).rem_euclid(minute);
    for (endpoint, phase) in &phases {
        let first = (base + phase - JOINED).rem_euclid(minute) + JOINED;
        slots += 1;
        let came = of_each.get(endpoint).is_some_and(|due| due.iter().any(|it| (it - first).abs() < 1.0));
        missed += u32::from(!came);
    }
    Ok((late, missed, slots))
}
