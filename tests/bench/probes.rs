//! What a stored probe costs, against a prober that does nothing else.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;

use crate::daemon::{Daemon, Watch};
use crate::process::Process;
use crate::report::{Goal, Row, Series};
use crate::target::Target;
use crate::{Lab, bare, disk, progress};

pub const ENDPOINTS: usize = 500;
pub const ROUNDS: u32 = 3;
const WARM_UP: Duration = Duration::from_secs(3);
const WINDOW: Duration = Duration::from_secs(8);

/// What one prober did in one round.
pub struct Round {
    /// CPU seconds per 1000 probes.
    pub cost: f64,
    pub knocks: u32,
    /// In the whole life of the process.
    pub all: usize,
}

impl Round {
    pub fn costs(rounds: &[Self]) -> Series {
        rounds.iter().map(|it| it.cost).collect()
    }

    /// Probes done a second.
    pub fn rates(rounds: &[Self]) -> Series {
        rounds.iter().map(|it| f64::from(it.knocks) / WINDOW.as_secs_f64()).collect()
    }
}

pub fn run(lab: &Lab) -> anyhow::Result<Vec<Row>> {
    // The database that grows here is what `disk` weighs.
    let (room, bare_room) = (lab.room(disk::ROOM)?, lab.room("bare-prober")?);
    let target = Target::start()?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        progress(format_args!("  round {round} of {ROUNDS}"));
        target.take();
        let daemon = Daemon::start(&room, &Watch::new(target.addr, ENDPOINTS, "1s"))?;
        let mut measured = watch(&daemon.process, &target)?;
        daemon.stop()?;
        measured.all += target.take().len();
        ours.push(measured);
        let prober = bare_prober(&bare_room, &target)?;
        theirs.push(watch(&prober, &target)?);
        prober.hang_up().context("ending the bare prober")?;
    }
    let (knocked, stored) =
        (ours.iter().map(|it| it.all).sum::<usize>(), disk::results(&disk::database(&room))?);
    Ok(vec![
        Row::new("CPU per 1000 stored probes", "s", Round::costs(&ours))
            .beside(Round::costs(&theirs))
            .goal(Goal::RatioAtMost(1.5))
            .note(format!("a new TCP connection each; {knocked} knocks, {stored} results stored")),
        Row::new("probes done of 500 a second", "/s", Round::rates(&ours)).beside(Round::rates(&theirs)),
    ])
}

/// Starts the bare prober with as many endpoints as the daemon has.
pub fn bare_prober(room: &Path, target: &Target) -> anyhow::Result<Process> {
    let (url, file) = (format!("http://{}", target.addr), room.join("bare.db").display().to_string());
    bare::spawn(&["--bare-prober", &url, &ENDPOINTS.to_string(), &file], &room.join("log"))
}

/// Watches a prober at work, once it has warmed up.
pub fn watch(process: &Process, target: &Target) -> anyhow::Result<Round> {
    std::thread::sleep(WARM_UP);
    let warm_up = target.take().len();
    let before = process.cpu()?;
    std::thread::sleep(WINDOW);
    let used = process.cpu()? - before;
    let knocks = u32::try_from(target.take().len())?;
    let all = warm_up + usize::try_from(knocks)?;
    Ok(Round { cost: used / f64::from(knocks) * 1000.0, knocks, all })
}
