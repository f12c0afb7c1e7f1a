//! What readers feel of a hundred status changes: nothing, if all is well.

use std::time::Duration;

use anyhow::ensure;

use crate::daemon::{Daemon, Watch};
use crate::load::press;
use crate::report::{Goal, Row, Series, quantile};
use crate::target::Target;
use crate::{Lab, disk, progress};

const ENDPOINTS: u8 = 10;
const ROUNDS: u32 = 3;
/// Ten endpoints a second, over three rounds, are a hundred and twenty changes.
const ROUND: Duration = Duration::from_secs(4);
/// After a start, and for the changes of one round to be over before the next.
const SETTLED: Duration = Duration::from_secs(2);
const CHANGES: u32 = 100;

pub fn run(lab: &Lab) -> anyhow::Result<Vec<Row>> {
    let room = lab.room("changes")?;
    let target = Target::start()?;
    let watch = Watch { threshold: 1, ..Watch::new(target.addr, ENDPOINTS.into(), "1s") };
    let daemon = Daemon::start(&room, &watch)?;
    let (mut calm, mut changing) = (Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        progress(format_args!("  round {round} of {ROUNDS}"));
        std::thread::sleep(SETTLED);
        calm.push(press(daemon.addr, ROUND)?.latencies);
        target.flip(true);
        changing.push(press(daemon.addr, ROUND)?.latencies);
        target.flip(false);
    }
    daemon.stop()?;
    // Each endpoint's first span is no change.
    let changes = disk::spans(&disk::database(&room))?.saturating_sub(ENDPOINTS.into());
    ensure!(changes >= CHANGES, "the status changed only {changes} times");
    let part = |share| {
        let of = |rounds: &[Vec<f64>]| rounds.iter().map(|it| quantile(it, share)).collect::<Series>();
        (of(&changing), of(&calm))
    };
    let ((slowest, calm_slowest), (p99, calm_p99)) = (part(1.0), part(0.99));
    Ok(vec![
        Row::new("slowest request through changes", "ms", slowest)
            .beside(calm_slowest)
            .goal(Goal::NeverAbove(50.0))
            .note(format!("{changes} changes of status; beside it the same readers without changes")),
        Row::new("p99 of requests through changes", "ms", p99).beside(calm_p99),
    ])
}
