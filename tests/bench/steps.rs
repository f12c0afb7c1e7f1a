//! What a step of a flow costs: CPU, time and memory, by flows of one, five and ten steps.

use std::time::Duration;

use anyhow::Context;

use crate::daemon::{self, Daemon, Watch};
use crate::probes::Round;
use crate::report::{Row, Series};
use crate::target::Target;
use crate::{Lab, probes, progress};

const STEPS: [u32; 3] = [1, 5, 10];
const FLOWS: usize = 100;
/// Flows of ten steps make 500 requests a second.
const EVERY: &str = "2s";
/// For what was freed to be given back, or not.
const SETTLED: Duration = Duration::from_secs(2);

/// What flows of so many steps cost.
struct Cost {
    steps: f64,
    round: Round,
    resident: f64,
}

pub fn run(lab: &Lab) -> anyhow::Result<Vec<Row>> {
    let target = Target::start()?;
    let mut costs = Vec::new();
    for steps in STEPS {
        progress(format_args!("  flows of {steps}"));
        let room = lab.room(&format!("steps-{steps}"))?;
        target.take();
        let watch = Watch { more: flow(steps), ..Watch::new(target.addr, FLOWS, EVERY) };
        let daemon = Daemon::start(&room, &watch)?;
        let round = probes::watch(&daemon.process, &target)?;
        daemon::get(daemon.addr, "/").context("fetching the page")?;
        std::thread::sleep(SETTLED);
        let resident = daemon.process.resident()?;
        daemon.stop()?;
        costs.push(Cost { steps: f64::from(steps), round, resident });
    }
    let mut rows = Vec::new();
    for cost in &costs {
        let steps = cost.steps;
        rows.push(
            Row::new(format!("CPU per 1000 steps, flows of {steps}"), "s", Series::one(cost.round.cost))
                .note(format!("{} steps; each captures and is asserted", cost.round.knocks)),
        );
        rows.push(Row::new(
            format!("resident memory, {FLOWS} flows of {steps}"),
            "MB",
            Series::one(cost.resident),
        ));
    }
    if let (Some(least), Some(most)) = (costs.first(), costs.last()) {
        let flows = f64::from(u32::try_from(FLOWS)?);
        let more = (most.resident - least.resident) * 1024.0 / flows / (most.steps - least.steps);
        rows.push(Row::new("memory of one more step", "kB", Series::one(more)));
    }
    Ok(rows)
}

/// A page, its form's field taken and sent on, asserted each time.
fn flow(steps: u32) -> String {
    let step = |step| {
        let sent = if step == 0 { "" } else { "headers = { x-field = \"{{title}}\" }\n" };
        format!(
            "[[endpoint.step]]\nname = \"step {step}\"\n{sent}contains = [\"Sign in\"]\n\
             capture.title = {{ css = \"title\" }}\n"
        )
    };
    (0..steps).map(step).collect()
}
