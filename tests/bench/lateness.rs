//! Whether probes start when they are due, as their target sees it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use crate::daemon::{Daemon, Watch};
use crate::probes::{ENDPOINTS, bare_prober};
use crate::report::{Goal, Row, Series, quantile};
use crate::target::{Arrival, Target};
use crate::{Lab, progress};

const WARM_UP: Duration = Duration::from_secs(3);
const WINDOW: Duration = Duration::from_secs(15);
/// What is called no drift: less than a tick of the timer in ten seconds.
const NO_DRIFT_MS: f64 = 1.0;

/// How late each third of the window was, in milliseconds.
struct Lateness {
    thirds: [Vec<f64>; 3],
    /// Seconds in which an endpoint was not knocked at.
    missed: u32,
}

pub fn run(lab: &Lab) -> anyhow::Result<Vec<Row>> {
    let target = Target::start()?;
    progress("  ours");
    let daemon = Daemon::start(&lab.room("lateness")?, &Watch::new(target.addr, ENDPOINTS, "1s"))?;
    let ours = listen(&target)?;
    daemon.stop()?;
    progress("  the bare prober");
    let prober = bare_prober(&lab.room("lateness-bare")?, &target)?;
    let theirs = listen(&target)?;
    prober.hang_up().context("ending the bare prober")?;
    let part = |name: &str, share| {
        let of = |it: &Lateness| it.thirds.iter().map(|third| quantile(third, share)).collect::<Series>();
        Row::new(format!("start lateness, {name}"), "ms", of(&ours)).beside(of(&theirs))
    };
    let missed = format!("knocks missed: ours {}, bare {}", ours.missed, theirs.missed);
    Ok(vec![
        part("median", 0.5),
        part("p99", 0.99).goal(Goal::AtMost { must: None, aim: Some(5.0) }).note(missed),
        part("worst", 1.0),
        Row::new("start drift in 10 s", "ms", Series::one(ours.drift().abs()))
            .goal(Goal::AtMost { must: None, aim: Some(NO_DRIFT_MS) })
            .note(format!("lateness of the last third less the first's; bare {:.3}", theirs.drift())),
    ])
}

fn listen(target: &Target) -> anyhow::Result<Lateness> {
    std::thread::sleep(WARM_UP);
    target.take();
    let began = Instant::now();
    std::thread::sleep(WINDOW);
    let arrivals = target.take();
    ensure!(arrivals.len() > ENDPOINTS, "hardly anybody knocked");
    Ok(Lateness::of(&arrivals, began))
}

/// How late each knock of endpoints that are due every second was, in milliseconds.
pub fn starts(arrivals: &[Arrival], began: Instant) -> Vec<f64> {
    let mut of_each: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
    for arrival in arrivals {
        let at = arrival.at.saturating_duration_since(began).as_secs_f64();
        of_each.entry(arrival.endpoint).or_default().push(at);
    }
    let late = of_each.into_values().flat_map(|times| {
        let first = quantile(&times, 0.0);
        let offsets: Vec<f64> = times.iter().map(|at| at - (at - first).round()).collect();
        let base = quantile(&offsets, 0.0);
        offsets.into_iter().map(move |offset| (offset - base) * 1000.0)
    });
    late.collect()
}

impl Lateness {
    /// An endpoint is due at whole seconds after its own earliest knock; the
    /// earliest is the one that came least late, not the one that came first.
    fn of(arrivals: &[Arrival], began: Instant) -> Self {
        let mut of_each: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
        for arrival in arrivals {
            let at = arrival.at.saturating_duration_since(began).as_secs_f64();
            of_each.entry(arrival.endpoint).or_default().push(at);
        }
        let mut found = Self { thirds: [Vec::new(), Vec::new(), Vec::new()], missed: 0 };
        for times in of_each.values() {
            let first = quantile(times, 0.0);
            let second = |at: &f64| (at - first).round();
            let offsets: Vec<f64> = times.iter().map(|at| at - second(at)).collect();
            let base = quantile(&offsets, 0.0);
            for (at, offset) in times.iter().zip(&offsets) {
                let third = found
                    .thirds
                    .iter_mut()
                    .zip(1_u32..)
                    .find(|(_, third)| at * 3.0 < WINDOW.as_secs_f64() * f64::from(*third));
                if let Some((third, _)) = third {
                    third.push((offset - base) * 1000.0);
                }
            }
            let gaps = times.windows(2).filter(|pair| matches!(pair, [a, b] if b - a > 1.5));
            found.missed += u32::try_from(gaps.count()).unwrap_or(u32::MAX);
        }
        found
    }

    fn drift(&self) -> f64 {
        let [first, _, last] = self
            .thirds
            .each_ref()
            .map(|it| it.iter().sum::<f64>() / f64::from(u32::try_from(it.len()).unwrap_or(u32::MAX)));
        last - first
    }
}
